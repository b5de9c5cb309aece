"""Operators that are composed of a few others: the table COMPOSED."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import UnsupportedLayerError
from ...ir import accumulation as ac
from ...ir import angles
from ...ir import elementwise as el
from ...ir import movement as mv
from ...ir import reduction as rd
from ...ir import resizing as rs
from ...ir.choice import where
from ...ir.values import Value, constant, moved
from .movement import along_axis
from .values import axes, paired, tensor, whole

Operator = Callable[..., Any]


def _running(function: Callable[[Value, int], Value]) -> Operator:
    def call(self: Any, dim: Any, dtype: Any = None) -> Value:
        return function(*along_axis(self, dim))

    return call


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
    return ac.triangle(tensor(self), whole(diagonal), is_lower)


def _diagonal(self: Any, offset: Any = 0, dim1: Any = 0, dim2: Any = 1) -> Value:
    return moved(lambda array: np.diagonal(array, whole(offset), whole(dim1), whole(dim2)), tensor(self))


def _diagonal_matrix(self: Any, offset: Any = 0, dim1: Any = -2, dim2: Any = -1) -> Value:
    """A matrix whose diagonal holds the entries of the last axis."""
    value = tensor(self)
    if (offset, dim1, dim2) != (0, -2, -1):
        raise UnsupportedLayerError("it makes a matrix of another diagonal than that of the last two axes, which fastjac takes")
    return where(constant(np.eye(value.shape[-1], dtype=bool)), mv.unsqueeze(value, [-1]), constant(np.float32(0.0)))


COMPOSED: dict[str, Operator] = {
    "cumsum": _running(ac.running_sum),
    "cumprod": _running(lambda value, axis: ac.running(value, axis, el.multiply)),
    "logaddexp": lambda self, other: rd.log_add_exp(*paired(self, other)),
    "hypot": lambda self, other: angles.hypotenuse(*paired(self, other)),
    "linalg_cross": _cross,
    "roll": _roll,
    "tril": lambda self, diagonal=0: _triangle(self, diagonal, True),
    "triu": lambda self, diagonal=0: _triangle(self, diagonal, False),
    "diagonal": _diagonal,
    "diag_embed": _diagonal_matrix,
    "pixel_shuffle": lambda self, upscale_factor: rs.channels_to_places(tensor(self), whole(upscale_factor, "factor")),
    "pixel_unshuffle": lambda self, downscale_factor: rs.places_to_channels(tensor(self), whole(downscale_factor, "factor")),
}
"""Operators by torch's names."""
