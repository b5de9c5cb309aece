"""What the bare operations of Keras 3 become, which `keras.ops.gelu(x, approximate=True)` makes of a Functional model's tensor.

They are activations with options that names do not tell. Arithmetic such as `x + 1` is refused before: it takes a number too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .activations import ACTIVATIONS
from .config import Entry, SampleShape, snake_case
from .rectifiers import elu, leaky_relu, relu
from .shapes import whole_axes

Operation = Callable[[Entry, SampleShape | None], Sequence[fl.Layer]]


def operation(entry: Entry, shape: SampleShape | None) -> Sequence[fl.Layer]:
    """The layers for a bare operation; UnsupportedLayerError if it is none of the activations."""
    if entry.class_name in WITH_OPTIONS:
        return WITH_OPTIONS[entry.class_name](entry, shape)
    name = NAMES.get(entry.class_name, snake_case(entry.class_name))
    if name not in ACTIVATIONS:
        raise UnsupportedLayerError(
            "it is a bare operation, and no activation that fastjac has; use a layer, such as keras.layers.Rescaling"
        )
    return ACTIVATIONS[name]


def softmax(entry: Entry, shape: SampleShape | None) -> Sequence[fl.Layer]:
    """`exp(x) / sum exp(x)` over all units."""
    whole_axes(entry.config["axis"], shape)
    return [fl.Softmax()]


def _log_softmax(entry: Entry, shape: SampleShape | None) -> Sequence[fl.Layer]:
    whole_axes(entry.config["axis"], shape)
    return [fl.LogSoftmax()]


WITH_OPTIONS: dict[str, Operation] = {
    "ReLU": relu,
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    "Celu": lambda entry, shape: [fl.CELU(entry.config["alpha"])],
    "Gelu": lambda entry, shape: [fl.GELU("tanh" if entry.config["approximate"] else "none")],
    "HardShrink": lambda entry, shape: [fl.HardShrink(entry.config["threshold"])],
    "SoftShrink": lambda entry, shape: [fl.SoftShrink(entry.config["threshold"])],
    "Squareplus": lambda entry, shape: [fl.SquarePlus(entry.config["b"])],
    "Threshold": lambda entry, shape: [fl.Threshold(entry.config["threshold"], entry.config["default_value"])],
    "Softmax": softmax,
    "LogSoftmax": _log_softmax,
}
"""Operations with options, by class."""

NAMES = {"Exp": "exponential"}
"""Operations without options whose class is called otherwise than the activation."""
