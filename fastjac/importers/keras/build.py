"""From a Keras config and its weights to a network; what a live model and a file have in common."""

from __future__ import annotations

import math

from ...errors import LayerError
from ..parts import Imported, assemble
from .config import Config, Weights, check_model, flatten, input_shape
from .layers import convert


def build(model: Config, weights: Weights, n_in: int | None = None) -> Imported:
    """The network of a model's config and weights; n_in is needed only where the model does not tell its inputs."""
    check_model(model)
    shape = input_shape(model)
    size = None if shape is None or None in shape else math.prod(size for size in shape if size is not None)
    if None not in (n_in, size) and n_in != size:
        raise LayerError(f"n_in={n_in!r} was given, but the model's input has {size} entries; leave n_in out")
    parts = convert(flatten(model, weights), shape)
    return assemble(parts, n_in if size is None else size, "fastjac.from_keras(model, n_in=...), with the model live in Keras")
