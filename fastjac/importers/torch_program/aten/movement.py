"""Operators that move entries about: the table MOVEMENTS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ....errors import FormatError
from ...ir import joining as jn
from ...ir import movement as mv
from ...ir.layout import units
from ...ir.values import Flow, MixedSamplesError, Value, computed
from ...reading.limits import MOST_ENDS, check_count
from .values import axes, listed, sizes, tensor, tensors, whole

Operator = Callable[..., Any]


def _view(self: Any, size: Any) -> Value:
    return mv.reshape(tensor(self), sizes(size))


def _view_as(self: Any, other: Any) -> Value:
    return mv.reshape(tensor(self), mv.shape_of(tensor(other)))


def _flatten(self: Any, start_dim: Any = 0, end_dim: Any = -1) -> Value:
    value, first, last = tensor(self), whole(start_dim), whole(end_dim)
    rank = len(value.shape)
    if not rank:
        return mv.reshape(value, [1])
    start, end = mv.checked_axis(first, rank), mv.checked_axis(last, rank)
    if start > end:
        raise FormatError(f"it flattens from axis {first} to axis {last}, which is before it")

    def shape(own: np.ndarray) -> np.ndarray:
        return np.array([*own[:start], np.prod(own[start : end + 1], dtype=np.int64), *own[end + 1 :]], np.int64)

    return mv.reshape(value, computed(shape, mv.shape_of(value)))


def _unflatten(self: Any, dim: Any, sizes: Any) -> Value:
    value = tensor(self)
    axis = mv.checked_axis(whole(dim), len(value.shape))
    pieces = np.array([whole(one) for one in listed(sizes)], np.int64)
    return mv.reshape(value, computed(lambda shape: np.array([*shape[:axis], *pieces, *shape[axis + 1 :]]), mv.shape_of(value)))


def _squeeze(self: Any, dim: Any = None) -> Value:
    """A tensor without its axes of size 1. A named axis of another size stays, and so does the axis of the samples."""
    value, named = tensor(self), axes(dim)
    rank = len(value.shape)
    gone = range(rank) if named is None else mv.checked_axes(named, rank)
    batch = value.batch if isinstance(value.batch, np.ndarray) else value.alone
    return mv.squeeze(value, [axis for axis in gone if value.shape[axis] == 1 and batch.shape[axis] == 1])


def _transpose(self: Any, dim0: Any, dim1: Any) -> Value:
    return mv.swap_axes(tensor(self), whole(dim0), whole(dim1))


def _t(self: Any) -> Value:
    value = tensor(self)
    return mv.swap_axes(value, 0, 1) if len(value.shape) == 2 else value


def _permute(self: Any, dims: Any) -> Value:
    value = tensor(self)
    return mv.transpose(value, mv.checked_axes([whole(one) for one in listed(dims)], len(value.shape)))


def _expand(self: Any, size: Any, implicit: Any = False) -> Value:
    """A tensor spread over a shape, in which -1 keeps the old size."""
    value, wanted = tensor(self), sizes(size)

    def shape(own: np.ndarray, new: np.ndarray) -> np.ndarray:
        behind = np.concatenate([np.ones(max(0, len(new) - len(own)), np.int64), own])
        return np.where(new == -1, behind, new)

    return mv.expand(value, computed(shape, mv.shape_of(value), wanted))


def _repeat(self: Any, repeats: Any) -> Value:
    return mv.tile(tensor(self), sizes(repeats))


def _split(self: Any, split_size: Any, dim: Any = 0) -> list[Value]:
    """Parts of a tensor along an axis: of one size, or of several that are listed."""
    value, along = along_axis(self, dim)
    if isinstance(split_size, (list, tuple)):
        return mv.split(value, along, [whole(one, "size") for one in split_size])
    each = whole(split_size, "size")
    total = value.shape[along]
    check_count(total // max(each, 1), MOST_ENDS, "parts of one tensor")
    if each < 1 and total:
        raise FormatError(f"it splits into parts of {each}; the file is damaged")
    return mv.split(value, along, [min(each, total - start) for start in range(0, total, each)])


def _chunk(self: Any, chunks: Any, dim: Any = 0) -> list[Value]:
    value, along = along_axis(self, dim)
    parts = whole(chunks, "number of parts")
    check_count(parts, MOST_ENDS, "parts of one tensor")
    if not 0 < parts <= max(1, value.shape[along]):
        parts = max(1, value.shape[along])
    return mv.split(value, along, [size for size in mv.even_sizes(value.shape[along], parts) if size])


def _unbind(self: Any, dim: Any = 0) -> list[Value]:
    value, along = along_axis(self, dim)
    check_count(value.shape[along], MOST_ENDS, "parts of one tensor")
    return mv.unstack(value, along)


def along_axis(self: Any, dim: Any) -> tuple[Value, int]:
    """A tensor and one of its axes, along which the samples of a batch do not lie."""
    value = tensor(self)
    along = mv.checked_axis(whole(dim, "axis"), len(value.shape))
    if isinstance(value.batch, np.ndarray) and value.batch.shape[along] != value.shape[along]:
        raise MixedSamplesError(f"it takes a value apart along axis {along}, which counts the samples of a batch")
    return value, along


def _cat(tensors_: Any, dim: Any = 0) -> Value:
    return jn.concatenate([value for value in tensors(tensors_) if value.shape != (0,)], whole(dim, "axis"))


def _stack(tensors_: Any, dim: Any = 0) -> Value:
    return jn.stack(tensors(tensors_), whole(dim, "axis"))


def _pad(self: Any, pad: Any, value: Any = 0.0, mode: str = "constant") -> Value:
    """A tensor with more entries at the ends of its last axes, which `pad` lists from the last axis on."""
    found, widths = tensor(self), [whole(one, "width") for one in listed(pad)]
    rank = len(found.shape)
    if len(widths) % 2 or len(widths) > 2 * rank:
        raise FormatError(f"it pads by {widths}, which does not fit a tensor of {rank} axes")
    none = [0] * (rank - len(widths) // 2)
    return jn.pad(found, none + widths[-2::-2], none + widths[::-2], tensor(0.0 if value is None else value), mode)


def _pad_by_mode(self: Any, pad: Any, mode: Any = "constant", value: Any = None) -> Value:
    return _pad(self, pad, value, {"replicate": "edge", "circular": "wrap"}.get(str(mode), str(mode)))


def same(self: Any) -> Value:
    """The same entries as another tensor."""
    value = tensor(self)
    return replace(value) if isinstance(value, Flow) else value


def _unsafe_chunk(self: Any, chunks: Any, dim: Any = 0) -> list[Value]:
    """The parts of `_chunk` as new tensors; each may be changed in place without the others."""
    return [_own(part) for part in _chunk(self, chunks, dim)]


def _own(value: Value) -> Value:
    if not isinstance(value, Flow):
        return value
    node, places = units(value)
    return places.flow(node)


MOVEMENTS: dict[str, Operator] = {
    "view": _view,
    "_unsafe_view": _view,
    "reshape": lambda self, shape: mv.reshape(tensor(self), sizes(shape)),
    "view_as": _view_as,
    "reshape_as": _view_as,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "unsqueeze": lambda self, dim: mv.unsqueeze(tensor(self), [whole(dim)]),
    "squeeze": _squeeze,
    "transpose": _transpose,
    "swapaxes": lambda self, axis0, axis1: _transpose(self, axis0, axis1),
    "t": _t,
    "numpy_T": lambda self: mv.transpose(tensor(self)),
    "permute": _permute,
    "expand": _expand,
    "expand_as": lambda self, other: mv.expand(tensor(self), mv.shape_of(tensor(other))),
    "repeat": _repeat,
    "tile": lambda self, dims: _repeat(self, dims),
    "split": _split,
    "split_with_sizes": lambda self, split_sizes, dim=0: _split(self, list(listed(split_sizes)), dim),
    "chunk": _chunk,
    "unsafe_chunk": _unsafe_chunk,
    "unbind": _unbind,
    **dict.fromkeys(("cat", "concat", "concatenate"), lambda tensors, dim=0: _cat(tensors, dim)),
    "stack": lambda tensors, dim=0: _stack(tensors, dim),
    "hstack": lambda tensors: _cat(tensors, 1),
    "constant_pad_nd": lambda self, pad, value=0.0: _pad(self, pad, value),
    "pad": _pad_by_mode,
    "flip": lambda self, dims: mv.flip(tensor(self), [whole(one) for one in listed(dims)]),
    "clone": lambda self, memory_format=None: same(self),
    "contiguous": lambda self, memory_format=None: same(self),
    **dict.fromkeys(("detach", "alias", "lift_fresh", "lift_fresh_copy", "positive"), same),
}
"""Operators by torch's names."""
