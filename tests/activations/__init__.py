"""The twins of every activation, by its class."""

import numpy as np

from fastjac.layers import Activation

from . import functions, jumps, piecewise, smooth
from .twin import Bend, Twin

TWINS: dict[type[Activation], Twin] = {**piecewise.TWINS, **jumps.TWINS, **smooth.TWINS, **functions.TWINS}
EXAMPLES: dict[str, Activation] = {
    layer.rule.name: layer for twin in reversed(TWINS.values()) for layer in reversed(twin.layers) if not layer.arrays
}
"""An activation for each rule, by the rule's name: the first that has it."""


def defined(layer: Activation, x: np.ndarray) -> np.ndarray:
    """x, brought to where the activation is defined."""
    domain = TWINS[type(layer)].domain
    return x if domain is None else domain(x)


def bend_of(layer: Activation) -> Bend:
    """What is to be known of its second derivative; that of a piecewise linear one is 0 everywhere."""
    return Bend(at_nan=0.0) if layer.piecewise_linear else TWINS[type(layer)].bend(layer)


def on_kink(layer: Activation, x: np.ndarray) -> np.ndarray:
    """Which of x are the kinks of an activation whose parameters are numbers."""
    distances = [x - kink for kink in layer.kinks]
    if layer.period:
        distances = [np.remainder(distance, layer.period) for distance in distances]
    return np.any([distance == 0 for distance in distances], axis=0) if distances else np.zeros(x.shape, bool)
