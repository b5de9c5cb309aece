"""The shapes of samples between Keras layers, and arrays spread over them.

fastjac sees a sample as one vector, the flattened array, so a layer that acts over some axes needs all others to have size 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...layers import Parameter
from ..reading.limits import EXPANSION_FLOOR, MOST_UNITS, check_count
from .arrays import as_list
from .config import Entry, SampleShape


def features(shape: SampleShape | None) -> int | None:
    """The number of units along the last axis; UnsupportedLayerError if there are others, since a layer then acts on each row."""
    if shape is None:
        return None
    if any(size != 1 for size in shape[:-1]):
        raise UnsupportedLayerError(
            f"it acts on the last axis of samples of shape {shape}; fastjac takes it after a Flatten layer only"
        )
    return shape[-1]


def whole_axes(option: Any, shape: SampleShape | None) -> list[int]:
    """The axes of a sample that an `axis` option names; UnsupportedLayerError unless they make the whole sample, in order."""
    if option is None:
        raise UnsupportedLayerError("axis=None acts over the samples of a batch as well; fastjac takes the axes of one sample")
    axes = [sample_axis(axis, shape) for axis in as_list(option)]
    left = [size for axis, size in enumerate(shape or ()) if axis not in axes]
    if axes != sorted(set(axes)) or any(size != 1 for size in left):
        raise UnsupportedLayerError(
            f"axis={option} is not supported for samples of shape {shape}; fastjac takes all of their axes, in order, "
            "or the last one after a Flatten layer"
        )
    return axes


def sample_axis(axis: int, shape: SampleShape | None) -> int:
    """An axis of the batch as an axis of one sample, counted from 0."""
    rank = 1 if shape is None else len(shape)
    sample_axis = axis - 1 if axis >= 0 else axis + rank
    if not 0 <= sample_axis < rank:
        raise UnsupportedLayerError(
            f"axis={axis} is not supported for samples of shape {shape}; it must be one of their own axes"
        )
    return sample_axis


def units(shape: SampleShape | None) -> int | None:
    """The number of units of a flattened sample, or None where the shape does not tell."""
    return None if shape is None or None in shape else math.prod(shape)  # type: ignore[arg-type]


def per_unit(values: np.ndarray, axes: Iterable[int], shape: SampleShape | None) -> Parameter:
    """One number for each unit of a flattened sample from `values` that run along some `axes` of it; a number stays one.

    As in Keras, fewer dimensions than axes run along the last of them.
    """
    if values.ndim == 0:
        return float(values)
    if shape is None or shape == (None,):
        return values
    check_count(units(shape) or 0, min(MOST_UNITS, EXPANSION_FLOOR // values.itemsize), "units in a layer")
    spread = [1] * len(shape)
    for size, axis in zip(values.shape[::-1], sorted(axes)[::-1], strict=False):
        spread[axis] = size
    try:
        return np.broadcast_to(values.reshape(spread), shape).ravel()  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise FormatError(f"an array of shape {values.shape} does not fit samples of shape {shape}") from error


def output_shape(entry: Entry, shape: SampleShape | None) -> SampleShape | None:
    """The shape of a sample behind the layer."""
    if entry.class_name == "Dense":
        return (*(shape or (None,))[:-1], entry.config["units"])
    if entry.class_name == "Flatten" and shape is not None:
        return (units(shape),)
    if entry.class_name == "Reshape":
        target = tuple(entry.config["target_shape"])
        return tuple(_infer(shape, target) if size == -1 else size for size in target)
    return shape


def _infer(shape: SampleShape | None, target: tuple[int, ...]) -> int | None:
    """The size that -1 stands for in a target shape."""
    total = units(shape)
    return None if total is None else total // -math.prod(target)
