"""The twins of every activation, by its class."""

import numpy as np

from fastjac.layers import Activation

from . import functions, piecewise, smooth
from .twin import Twin

TWINS: dict[type[Activation], Twin] = {**piecewise.TWINS, **smooth.TWINS, **functions.TWINS}
EXAMPLES: dict[str, Activation] = {
    layer.rule.name: layer for twin in reversed(TWINS.values()) for layer in reversed(twin.layers) if not layer.arrays
}
"""An activation for each rule, by the rule's name: the first that has it."""


def defined(layer: Activation, x: np.ndarray) -> np.ndarray:
    """x, or |x| for an activation that is defined for positive numbers alone."""
    return np.abs(x) if TWINS[type(layer)].positive else x
