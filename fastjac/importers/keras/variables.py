"""How many arrays each layer of Keras has, by its config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Counts = tuple[int, int]
"""How many arrays of a layer are trained, and how many are not, such as the statistics of batch normalization."""

VARIABLES: dict[str, Callable[[dict[str, Any]], Counts]] = {
    **dict.fromkeys(
        ("Dense", "Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose"), lambda config: (1 + bool(config["use_bias"]), 0)
    ),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), lambda config: (2 + bool(config["use_bias"]), 0)),
    "PReLU": lambda config: (1, 0),
    "BatchNormalization": lambda config: (bool(config["scale"]) + bool(config["center"]), 2),
    **dict.fromkeys(
        ("LayerNormalization", "GroupNormalization"), lambda config: (bool(config["scale"]) + bool(config["center"]), 0)
    ),
    "RMSNormalization": lambda config: (1, 0),
    "Normalization": lambda config: (0, 0 if config["mean"] is not None else 3),
}
"""The layers that have arrays, in the form of Keras 3; all others that fastjac reads have none."""


def variables(entry: dict[str, Any]) -> Counts:
    """The counts of a layer's own arrays, without those of layers inside it."""
    count = VARIABLES.get(entry["class_name"])
    return (0, 0) if count is None else count(entry["config"])
