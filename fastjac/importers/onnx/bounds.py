"""Operators that bound their operand by constants, one for all units or one for each."""

from __future__ import annotations

import functools
import math

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .calls import Call, Converted

LARGEST_BOUND = 1e30
"""A larger one would bring small inputs below the smallest numbers of float32."""


def maximum(call: Call) -> Converted:
    """`max(x, c)` for any number of constants c."""
    bound = _bound(call, np.maximum)
    return [fl.HardTanh(bound, math.inf)] if isinstance(bound, float) else _at_least(bound)


def minimum(call: Call) -> Converted:
    """`min(x, c)`, which is `-max(-x, -c)`."""
    bound = _bound(call, np.minimum)
    if isinstance(bound, float):
        return [fl.HardTanh(-math.inf, bound)]
    return [fl.Scale(-1.0), *_at_least(-bound), fl.Scale(-1.0)]


def _bound(call: Call, combine: np.ufunc) -> fl.Parameter:
    """All constants taken together."""
    constants = [call.constant(i) for i in range(len(call.operands)) if i != call.flow_position]
    if not constants:
        return -math.inf if combine is np.maximum else math.inf
    return call.per_unit(functools.reduce(combine, constants))


def _at_least(bound: np.ndarray) -> list[fl.Layer]:
    """`max(x, bound)` with a bound for each unit, such that a bound far from x does not round it.

    For a bound below 0, x is divided by its size, clipped at -1, and multiplied again. Another bound is taken off x and added
    again, which rounds only what is smaller than the bound: that becomes the bound, or is next to nothing.
    """
    if not np.all(np.abs(bound) <= LARGEST_BOUND):
        raise UnsupportedLayerError(
            f"its bounds differ from unit to unit, and fastjac takes none beyond {LARGEST_BOUND:g}; one of them is "
            f"{bound[~(np.abs(bound) <= LARGEST_BOUND)][0]}"
        )
    layers: list[fl.Layer] = []
    is_below = bound < -1.0 / LARGEST_BOUND
    if np.any(is_below):
        size = np.where(is_below, -bound, np.ones_like(bound))
        layers += [fl.Scale(1.0 / size), fl.HardTanh(-1.0, math.inf), fl.Scale(size)]
    if not np.all(is_below):
        shift = np.where(is_below, np.zeros_like(bound), bound)
        rectifier = fl.PReLU(is_below.astype(bound.dtype)) if np.any(is_below) else fl.ReLU()
        layers += [fl.Scale(1.0, -shift), rectifier, fl.Scale(1.0, shift)]
    return layers
