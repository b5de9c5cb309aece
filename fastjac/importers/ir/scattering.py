"""Tensors with other entries at some places, replaced or added to. Places are counted row by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import UnsupportedLayerError
from .joining import written
from .movement import checked_axis, expand, shape_of, spend_moved
from .values import Constant, Flow, Value, computed, moved


def counted(value: Value) -> Constant:
    """The number of each entry, counted row by row, as a constant of the tensor's shape."""
    return computed(lambda array: np.arange(array.size).reshape(array.shape), value)


def places_along(value: Value, axis: int, numbers: Value) -> Constant:
    """The places of `numbers` in a tensor, but along one axis the numbers that stand there."""
    along = checked_axis(axis, len(value.shape))

    def places(own: np.ndarray, given: np.ndarray) -> np.ndarray:
        kept = [slice(None) if other == along else slice(size) for other, size in enumerate(given.shape)]
        return np.take_along_axis(own[tuple(kept)], np.where(given < 0, given + own.shape[along], given), along)

    return computed(places, counted(value), constant_places(numbers))


def places_at(value: Value, indices: Value, batch_axes: int = 0) -> Constant:
    """The places that the last axis of `indices` lists, each by its numbers along the first axes behind those of the batch."""

    def places(own: np.ndarray, given: np.ndarray) -> np.ndarray:
        index = np.moveaxis(given, -1, 0)
        grid = np.indices(given.shape[:batch_axes]).reshape(
            batch_axes, *given.shape[:batch_axes], *[1] * (given.ndim - 1 - batch_axes)
        )
        return own[(*grid, *index)]

    return computed(places, counted(value), constant_places(indices))


def constant_places(numbers: Value) -> Constant:
    """Numbers that say where entries stand."""
    if isinstance(numbers, Flow):
        raise UnsupportedLayerError("it writes to places that depend on the network's input; choose by torch.where instead")
    return numbers


def put(value: Value, places: Value, entries: Value, join: Callable[[Value, Value], Value] | None = None) -> Value:
    """A tensor with other entries at some places.

    join : what becomes of the entry that is there and the new one; the new one alone counts by default.
    """
    fixed = constant_places(places)
    spread = expand(entries, shape_of(fixed))
    if join is None:
        return written(value, fixed, spread)
    turns = computed(_turns, fixed)
    flat, numbers = (moved(np.ravel, one) for one in (spread, fixed))
    for turn in range(int(turns.alone.max(initial=-1)) + 1):  # several entries may be joined to one, in turns
        chosen = computed(lambda array, at=turn: array == at, turns)
        first, second = (moved(lambda array, own: array[own], one, chosen) for one in (numbers, flat))
        value = written(value, constant_places(first), join(taken_at(value, constant_places(first)), second))
    return value


def taken_at(value: Value, places: Constant) -> Value:
    """The entries at some places."""
    spend_moved(value, places.alone.size)
    return moved(lambda array, numbers: array.ravel()[numbers], value, places)


def _turns(places: np.ndarray) -> np.ndarray:
    """For each place how many times it stands before."""
    flat = places.ravel()
    order = np.argsort(flat, kind="stable")
    ranked = flat[order]
    turns = np.empty(flat.size, np.int64)
    turns[order] = np.arange(flat.size) - np.searchsorted(ranked, ranked)
    return turns
