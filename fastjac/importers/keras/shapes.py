"""The axes of samples between Keras layers, and arrays spread over them.

A tensor has the axis of the batch in front; its shape for one sample begins with 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...layers import Parameter
from ..ir.account import spend
from ..ir.values import Value
from .arrays import as_list

Shape = tuple[int, ...]


def sample_of(value: Value) -> Shape:
    """The shape of one sample."""
    return value.shape[1:]


def sample_axis(axis: int, shape: Sequence[int]) -> int:
    """An axis of the batch as an axis of one sample, counted from 0."""
    rank = len(shape)
    found = axis - 1 if axis >= 0 else axis + rank
    if not 0 <= found < rank:
        raise UnsupportedLayerError(
            f"axis={axis} is not supported for samples of shape {tuple(shape)}; it must be one of their own axes"
        )
    return found


def own_axis(axis: int, value: Value) -> int:
    """An axis that a layer names, counted from 0, the axis of the batch; UnsupportedLayerError if it is the axis of the batch."""
    return sample_axis(axis, sample_of(value)) + 1


def own_axes(option: Any, value: Value) -> list[int]:
    """The axes that an `axis` option names, as `own_axis` has them."""
    if option is None:
        raise UnsupportedLayerError("axis=None acts over the samples of a batch as well; fastjac takes the axes of one sample")
    axes = [own_axis(axis, value) for axis in as_list(option)]
    if len(set(axes)) != len(axes):
        raise UnsupportedLayerError(f"axis={option} names an axis twice")
    return axes


def per_unit(values: np.ndarray, axes: Iterable[int], shape: Sequence[int]) -> Parameter:
    """One number for each unit of a flattened sample, from `values` that run along some of its `axes`; a single number stays one.

    As in Keras, `values` with fewer dimensions than `axes` run along the last of these.
    """
    if values.ndim == 0:
        return float(values)
    spend(math.prod(shape))
    spread = [1] * len(shape)
    for size, axis in zip(values.shape[::-1], sorted(axes)[::-1], strict=False):
        spread[axis] = size
    try:
        return np.broadcast_to(values.reshape(spread), tuple(shape)).ravel()
    except (TypeError, ValueError) as error:
        raise FormatError(f"an array of shape {values.shape} does not fit samples of shape {tuple(shape)}") from error
