"""Operators that take or write the entries at some places: the table INDEXING."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import elementwise as el
from ...ir import movement as mv
from ...ir import scattering as sc
from ...ir.values import Flow, Value, computed, constant, fixed, moved
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
    mv.refuse_computed(places)
    return moved(lambda array, numbers: array.ravel()[numbers], tensor(self), places)


def index_put(self: Any, indices: Any, values: Any, accumulate: Any = False) -> Value:
    """The tensor x after `x[:, rows, columns] = values`."""
    value = tensor(self)
    return _with(value, _index(sc.counted(value), indices), values, accumulate)


def _select_scatter(self: Any, src: Any, dim: Any, index: Any) -> Value:
    """The tensor x after `x[:, index] = src`."""
    value = tensor(self)
    return _with(value, _select(sc.counted(value), dim, index), src)


def _slice_scatter(self: Any, src: Any, dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1) -> Value:
    """The tensor x after `x[:, start:end:step] = src`."""
    value = tensor(self)
    return _with(value, _slice(sc.counted(value), dim, start, end, step), src)


def _with(value: Value, places: Value, entries: Any, accumulate: Any = False) -> Value:
    return sc.put(value, places, tensor(entries), el.add if accumulate else None)


def _scatter(self: Any, dim: Any, index: Any, src: Any = None, value: Any = None, reduce: Any = None) -> Value:
    """A tensor with other entries at the places of `index`; `reduce` says how they are joined to those that are there."""
    if reduce is not None and reduce not in JOINS:
        raise UnsupportedLayerError(f"it joins entries by {reduce!r:.40}; fastjac has {', '.join(JOINS)}")
    into, given = tensor(self), tensor(src if value is None else value)
    places = sc.places_along(into, whole(dim, "axis"), tensor(index, "index"))
    return sc.put(into, places, _corner(given, places) if given.shape else given, JOINS.get(reduce))


JOINS = {
    **dict.fromkeys(("add", "sum"), el.add),
    **dict.fromkeys(("multiply", "prod"), el.multiply),
    "amax": el.maximum,
    "amin": el.minimum,
}
"""What torch calls the ways in which entries are joined."""


def _corner(value: Value, like: Value) -> Value:
    """The first entries along every axis, as many as another tensor has."""
    return moved(lambda array, other: array[tuple(map(slice, other.shape))], value, computed(np.zeros_like, like))


def _scatter_reduce(self: Any, dim: Any, index: Any, src: Any, reduce: Any, include_self: Any = True) -> Value:
    if not include_self:
        raise UnsupportedLayerError("it leaves out the entries that are there (include_self=False); fastjac joins those too")
    return _scatter(self, dim, index, src, None, reduce)


def _along(self: Any, dim: Any, index: Any) -> Value:
    """The places with some numbers along one axis."""
    value = tensor(self)
    return _index_select(sc.counted(value), dim, index)


def _index_add(self: Any, dim: Any, index: Any, source: Any, alpha: Any = 1) -> Value:
    given = tensor(source) if alpha == 1 else el.multiply(tensor(source), tensor(alpha))
    return _with(tensor(self), _along(self, dim, index), given, True)


def _diagonal_scatter(self: Any, src: Any, offset: Any = 0, dim1: Any = 0, dim2: Any = 1) -> Value:
    value = tensor(self)
    places = moved(lambda array: np.diagonal(array, whole(offset), whole(dim1), whole(dim2)), sc.counted(value))
    return _with(value, places, src)


def _take_along(self: Any, indices: Any, dim: Any = None) -> Value:
    value, numbers = tensor(self), tensor(indices, "index")
    if dim is None:
        return _take(value, mv.reshape(numbers, [-1]))
    axis = mv.checked_axis(whole(dim, "axis"), len(value.shape))

    def spread(array: np.ndarray, other: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(*(np.delete(one.shape, axis) for one in (array, other)))
        return np.broadcast_to(array, (*shape[:axis], array.shape[axis], *shape[axis:]))

    wide = moved(spread, numbers, sc.counted(value))
    return mv.gather_elements(moved(spread, value, computed(np.zeros_like, wide)), wide, axis)


def _repeated(self: Any, repeats: Any = None, dim: Any = None, output_size: Any = None) -> Value:
    """Each entry along an axis several times, one behind the other."""
    value, times = tensor(self), tensor(repeats, "number")
    along = None if dim is None else whole(dim, "axis")
    counts = np.ravel(fixed(times, "number"))
    mv.spend_moved(value, value.alone.size * int(counts.max(initial=0)))
    return moved(lambda array: np.repeat(array, counts if counts.size > 1 else counts[0], along), value)


def _windows(self: Any, dimension: Any, size: Any, step: Any) -> Value:
    """Pieces of one size along an axis, each `step` entries behind the one before, along a new last axis."""
    value, width, by = tensor(self), whole(size, "size"), whole(step, "step")
    along = mv.checked_axis(whole(dimension, "axis"), len(value.shape))
    mv.spend_moved(value, value.alone.size * width)
    return moved(
        lambda array: np.lib.stride_tricks.sliding_window_view(array, width, along).take(
            range(0, array.shape[along] - width + 1, by), along
        ),
        value,
    )


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


def _embedding(weight: Any, indices: Any, padding_idx: Any = -1, scale_grad_by_freq: Any = False, sparse: Any = False) -> Value:
    """Rows of a table by constant numbers."""
    numbers = tensor(indices, "index")
    if isinstance(numbers, Flow):
        raise UnsupportedLayerError("it looks rows up by whole numbers, by which there is no derivative")
    return mv.gather(tensor(weight, "weight"), numbers, 0)


INDEXING: dict[str, Operator] = {
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "index_select": _index_select,
    "index": _index,
    "select_scatter": _select_scatter,
    "slice_scatter": _slice_scatter,
    "put": lambda self, index, source, accumulate=False: _with(tensor(self), tensor(index, "index"), source, accumulate),
    "take": _take,
    "gather": _gather,
    "embedding": _embedding,
    "scatter": _scatter,
    "scatter_add": lambda self, dim, index, src: _scatter(self, dim, index, src, None, "add"),
    "scatter_reduce": _scatter_reduce,
    "index_add": _index_add,
    "index_copy": lambda self, dim, index, source: _with(tensor(self), _along(self, dim, index), source),
    "index_fill": lambda self, dim, index, value: _with(tensor(self), _along(self, dim, index), value),
    "diagonal_scatter": _diagonal_scatter,
    "take_along_dim": _take_along,
    "repeat_interleave": _repeated,
    "unfold": _windows,
}
"""Operators by torch's names."""
