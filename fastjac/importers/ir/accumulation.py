"""Sums of all entries up to each place of an axis and the like, differences of neighbours, and the triangles of matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from .choice import where
from .contraction import matmul
from .elementwise import subtract
from .joining import stack
from .movement import checked_axis, part, swap_axes, unstack
from .values import Constant, MixedSamplesError, Value, computed, constant


def running(value: Value, axis: int, function: Callable[[Value, Value], Value]) -> Value:
    """At each place of an axis what a function of two makes of all entries up to there, as the largest so far."""
    along = checked_axis(axis, len(value.shape))
    return stack(list(itertools.accumulate(unstack(value, along), function)), along)


def running_sum(value: Value, axis: int, exclusive: bool = False, reverse: bool = False) -> Value:
    """The sum of all entries up to each place of an axis, as the product with a triangle of ones.

    exclusive : leave out the entry of the place itself.  reverse : begin at the end of the axis.
    """
    along = checked_axis(axis, len(value.shape))
    if isinstance(value.batch, np.ndarray) and value.batch.shape[along] != value.shape[along]:
        raise MixedSamplesError(f"it sums along axis {along}, which counts the samples of a batch")
    if isinstance(value, Constant):

        def sums(array: np.ndarray) -> np.ndarray:
            turned = np.flip(array, along) if reverse else array
            found = np.cumsum(turned, along) - (turned if exclusive else 0)
            return np.flip(found, along) if reverse else found

        return computed(sums, value)
    ones = np.tri(value.shape[along], k=-1 if exclusive else 0, dtype=np.float32)
    triangle = constant(ones if reverse else ones.T)
    return swap_axes(matmul(swap_axes(value, along, -1), triangle), along, -1)


def differences(value: Value, axis: int, times: int = 1) -> Value:
    """What each entry along an axis is more than the one before it; and again of these, so many times."""
    for _ in range(times):
        size = value.shape[axis]
        value = subtract(part(value, axis, 1, size), part(value, axis, 0, size - 1))
    return value


def triangle(value: Value, diagonal: int, is_lower: bool) -> Value:
    """The entries of each matrix on one side of a diagonal, which itself stays; 0 on the other side."""
    below = np.tri(value.shape[-2], value.shape[-1], diagonal - (not is_lower), dtype=bool)
    zero = np.zeros((), value.alone.dtype if isinstance(value, Constant) else np.float32)
    return where(constant(below if is_lower else ~below), value, constant(zero))
