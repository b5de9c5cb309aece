"""From a Keras config and its weights to a network; what a live model and a file have in common."""

from __future__ import annotations

import math

from ...network import Network
from .config import Config, Weights, check_model, flatten, input_shape
from .layers import convert


def build(model: Config, weights: Weights) -> Network:
    """The network of a model's config and weights."""
    check_model(model)
    shape = input_shape(model)
    n_in = None if shape is None or None in shape else math.prod(size for size in shape if size is not None)
    return Network(convert(flatten(model, weights), shape), n_in=n_in)
