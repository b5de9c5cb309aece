"""Operators that take or write the entries at some places: the table INDEXING."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import joining as jn
from ...ir import movement as mv
from ...ir.values import Constant, Flow, Value, computed, constant, fixed, moved
from .values import listed, sizes, tensor, whole

Operator = Callable[..., Any]


def _slice(self: Any, dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1) -> Any:
    if isinstance(self, (list, tuple)):  # a list's slice has no axis: its arguments are start, end and step
        return _slice_of_list(self, dim, start, end)
    value = tensor(self)
    first = constant(np.array([0])) if start is None else sizes([start])
    last = constant(np.array([np.iinfo(np.int64).max])) if end is None else sizes([end])
    if not value.shape:
        raise FormatError("it takes a slice of a number; the file is damaged")
    by = whole(step, "step")
    if by < 1:
        raise FormatError(f"a slice has step {by}, and torch takes those from 1 on")
    return mv.slice_(value, first, last, constant(np.array([whole(dim, "axis")])), constant(np.array([by])))


def _slice_of_list(values: Sequence[Any], start: Any, end: Any, step: Any) -> Sequence[Any]:
    return values[slice(start or None, None if end is None else whole(end), 1 if step is None else whole(step))]


def _narrow(self: Any, dim: Any, start: Any, length: Any) -> Value:
    first = whole(start, "start")
    value = tensor(self)
    along = mv.checked_axis(whole(dim, "axis"), len(value.shape))
    first += value.shape[along] if first < 0 else 0
    return mv.part(value, along, first, first + whole(length, "length"))


def _select(self: Any, dim: Any, index: Any) -> Value:
    """The entries with one number along an axis; the axis falls away."""
    value, axis, number = tensor(self), whole(dim, "axis"), whole(index, "index")
    along = mv.checked_axis(axis, len(value.shape))

    return moved(lambda array: np.take(array, number, axis=along), value)


def _index_select(self: Any, dim: Any, index: Any) -> Value:
    value, numbers = tensor(self), tensor(index, "index")
    return mv.gather(value, mv.reshape(numbers, [-1]), whole(dim, "axis"))


def _index(self: Any, indices: Any) -> Value:
    """`x[:, rows, columns]` with lists of numbers, or tensors of truth values, which stand for the places where they are true."""
    value = tensor(self)
    numbers: list[np.ndarray | None] = []
    for one in listed(indices):
        numbers += [None] if one is None else _places(fixed(tensor(one, "index"), "index"), value.shape[len(numbers) :])
    return mv.picked(value, numbers)


def _take(self: Any, index: Any) -> Value:
    """The entries at some places, counted row by row."""
    places = tensor(index, "index")
    if isinstance(places, Flow):
        raise UnsupportedLayerError("it picks entries by numbers that depend on the network's input; fastjac takes constant ones")
    return moved(lambda array, numbers: array.ravel()[numbers], tensor(self), places)


def _put(self: Any, index: Any, source: Any, accumulate: Any = False) -> Value:
    """A tensor with new entries at some places, counted row by row."""
    return _with(tensor(self), tensor(index, "index"), source, accumulate)


def index_put(self: Any, indices: Any, values: Any, accumulate: Any = False) -> Value:
    """The tensor x after `x[:, rows, columns] = values`."""
    value = tensor(self)
    return _with(value, _index(_counted(value), indices), values, accumulate)


def _select_scatter(self: Any, src: Any, dim: Any, index: Any) -> Value:
    """The tensor x after `x[:, index] = src`."""
    value = tensor(self)
    return _with(value, _select(_counted(value), dim, index), src)


def _slice_scatter(self: Any, src: Any, dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1) -> Value:
    """The tensor x after `x[:, start:end:step] = src`."""
    value = tensor(self)
    return _with(value, _slice(_counted(value), dim, start, end, step), src)


def _counted(value: Value) -> Constant:
    """The number of each entry, counted row by row, as a constant of the tensor's shape."""
    return computed(lambda array: np.arange(array.size).reshape(array.shape), value)


def _with(value: Value, places: Value, entries: Any, accumulate: Any = False) -> Value:
    if accumulate:
        raise UnsupportedLayerError(
            "it adds to entries at places that may be the same (accumulate=True); add two tensors instead"
        )
    if isinstance(places, Flow):
        raise UnsupportedLayerError("it writes to places that depend on the network's input; choose by torch.where instead")
    return jn.written(value, places, mv.expand(tensor(entries), mv.shape_of(places)))


def _places(index: np.ndarray, shape: Sequence[int]) -> Sequence[np.ndarray]:
    """The numbers along each axis that an index stands for: one axis for numbers; for truth values, the first axes of a shape."""
    if index.dtype != bool:
        return [index]
    if index.shape != tuple(shape[: index.ndim]):
        raise FormatError(
            f"it picks entries by truth values of shape {index.shape}, which do not fit axes of sizes {tuple(shape)}"
        )
    return index.nonzero()


def _gather(self: Any, dim: Any, index: Any, sparse_grad: Any = False) -> Value:
    return mv.gather_elements(tensor(self), tensor(index, "index"), whole(dim, "axis"))


INDEXING: dict[str, Operator] = {
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "index_select": _index_select,
    "index": _index,
    "select_scatter": _select_scatter,
    "slice_scatter": _slice_scatter,
    "put": _put,
    "take": _take,
    "gather": _gather,
}
"""Operators by torch's names."""
