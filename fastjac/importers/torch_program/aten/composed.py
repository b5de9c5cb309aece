"""Operators that are composed of a few others: the table COMPOSED."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import UnsupportedLayerError
from ...ir import contraction as ct
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import joining as jn
from ...ir import movement as mv
from ...ir.choice import where
from ...ir.values import Constant, Value, computed, constant, moved
from .movement import along_axis
from .values import axes, floating, paired, tensor, whole

Operator = Callable[..., Any]


def _cumulative_sum(self: Any, dim: Any, dtype: Any = None) -> Value:
    """The cumulative sum along an axis, as the product with a triangle of ones."""
    value, along = along_axis(self, dim)
    if isinstance(value, Constant):
        return computed(lambda array: np.cumsum(array, along), value)
    triangle = constant(np.tri(value.shape[along], dtype=np.float32).T)
    return mv.swap_axes(ct.matmul(mv.swap_axes(value, along, -1), triangle), along, -1)


def _cumulative_product(self: Any, dim: Any, dtype: Any = None) -> Value:
    value, along = along_axis(self, dim)
    if isinstance(value, Constant):
        return computed(lambda array: np.cumprod(array, along), value)
    return jn.stack(list(itertools.accumulate(mv.unstack(value, along), el.multiply)), along)


def _log_add_exp(self: Any, other: Any) -> Value:
    first, second = paired(self, other)
    return el.add(second, fn.softplus(el.subtract(first, second)))


def _hypotenuse(self: Any, other: Any) -> Value:
    return fn.sqrt(el.add(*(fn.square(one) for one in paired(self, other))))


def _cross(self: Any, other: Any, dim: Any = -1) -> Value:
    """`a_1 b_2 - a_2 b_1` and so on, for vectors of three entries along an axis."""
    first, second = tensor(self), tensor(other)
    a, b = ([_roll(value, -steps, dim) for steps in (1, 2)] for value in (first, second))
    return el.subtract(el.multiply(a[0], b[1]), el.multiply(a[1], b[0]))


def _roll(self: Any, shifts: Any, dims: Any = None) -> Value:
    """Entries that leave an axis at one end come in at the other; without axes, the tensor counts as one long row."""
    steps, along = axes(shifts) or (0,), axes(dims)
    return moved(lambda array: np.roll(array, steps if along else steps[0], along), tensor(self))


def _triangle(self: Any, diagonal: Any, is_lower: bool) -> Value:
    """The entries on one side of a diagonal; 0 on the other."""
    value = tensor(self)
    below = np.tri(value.shape[-2], value.shape[-1], whole(diagonal) - (not is_lower), dtype=bool)
    return where(constant(below if is_lower else ~below), value, constant(np.float32(0.0)))


def _diagonal(self: Any, offset: Any = 0, dim1: Any = 0, dim2: Any = 1) -> Value:
    return moved(lambda array: np.diagonal(array, whole(offset), whole(dim1), whole(dim2)), tensor(self))


def _diagonal_matrix(self: Any, offset: Any = 0, dim1: Any = -2, dim2: Any = -1) -> Value:
    """A matrix whose diagonal holds the entries of the last axis."""
    value = tensor(self)
    if (offset, dim1, dim2) != (0, -2, -1):
        raise UnsupportedLayerError("it makes a matrix of another diagonal than that of the last two axes, which fastjac takes")
    return where(constant(np.eye(value.shape[-1], dtype=bool)), mv.unsqueeze(value, [-1]), constant(np.float32(0.0)))


def _pixel_shuffle(self: Any, upscale_factor: Any) -> Value:
    """Groups of channels become places of a larger image."""
    times = whole(upscale_factor, "factor")

    def shuffled(array: np.ndarray) -> np.ndarray:
        *batch, channels, height, width = array.shape
        parts = array.reshape(*batch, channels // times**2, times, times, height, width)
        turned = np.moveaxis(parts, (-4, -3), (-3, -1))
        return turned.reshape(*batch, channels // times**2, height * times, width * times)

    return moved(shuffled, tensor(self))


def _pixel_unshuffle(self: Any, downscale_factor: Any) -> Value:
    """Places of an image become channels of a smaller one."""
    times = whole(downscale_factor, "factor")

    def gathered(array: np.ndarray) -> np.ndarray:
        *batch, channels, height, width = array.shape
        parts = array.reshape(*batch, channels, height // times, times, width // times, times)
        turned = np.moveaxis(parts, (-3, -1), (-4, -3))
        return turned.reshape(*batch, channels * times**2, height // times, width // times)

    return moved(gathered, tensor(self))


def _logarithm(base: float) -> Operator:
    return lambda self: el.multiply(fn.log(floating(tensor(self))), tensor(1.0 / math.log(base)))


COMPOSED: dict[str, Operator] = {
    "cumsum": _cumulative_sum,
    "cumprod": _cumulative_product,
    "logaddexp": _log_add_exp,
    "hypot": _hypotenuse,
    "linalg_cross": _cross,
    "roll": _roll,
    "tril": lambda self, diagonal=0: _triangle(self, diagonal, True),
    "triu": lambda self, diagonal=0: _triangle(self, diagonal, False),
    "diagonal": _diagonal,
    "diag_embed": _diagonal_matrix,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "exp2": lambda self: fn.exp(el.multiply(floating(tensor(self)), tensor(math.log(2.0)))),
    "log2": _logarithm(2.0),
    "log10": _logarithm(10.0),
}
"""Operators by torch's names."""
