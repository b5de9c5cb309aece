"""The twins of every activation, by its class."""

from fastjac.layers import Activation

from . import piecewise, smooth
from .twin import Twin

TWINS: dict[type[Activation], Twin] = {**piecewise.TWINS, **smooth.TWINS}
EXAMPLES: dict[str, Activation] = {
    layer.rule.name: layer for twin in reversed(TWINS.values()) for layer in reversed(twin.layers) if not layer.arrays
}
"""An activation for each rule, by the rule's name: the first that has it."""
