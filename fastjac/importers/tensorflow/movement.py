"""Operators that move entries about and compute nothing: the tables SHAPES and MOVEMENTS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir.evaluation import Result
from ..ir.values import Value, constant, moved
from .calls import Call


def _reshape(call: Call) -> Value:
    """The tensor in another shape, which is the second operand or an attribute."""
    if call.optional(1) is None:
        return mv.reshape(call.value(0), call.numbers("new_shape"))
    return mv.reshape(call.value(0), call.whole(1))


def _unpack(call: Call) -> Result:
    """The tensors that lie one after another along an axis, without that axis."""
    value = call.value(0)
    axis = mv.checked_axis(call.integer("axis"), len(value.shape))
    _check_results(call, value.shape[axis])
    return mv.unstack(value, axis)


def _check_results(call: Call, count: int) -> None:
    """Raise FormatError unless a node has as many outputs as it gives tensors."""
    if count != len(call.node.outputs):
        raise FormatError(f"it gives {count} tensors, and has {len(call.node.outputs)} outputs; the file is damaged")


def _split(call: Call) -> Result:
    """Parts of a tensor, of one size, along an axis, which is the first operand."""
    count = call.integer("num_splits", call.integer("num_split"))
    value = call.value(1)
    axis = mv.checked_axis(call.axis(0), len(value.shape))
    _check_results(call, count)
    if count < 1 or value.shape[axis] % count:
        raise FormatError(f"it splits {value.shape[axis]} entries into {count} parts of one size")
    return mv.split(value, axis, [value.shape[axis] // count] * count)


def _split_sizes(call: Call) -> Result:
    """Parts of a tensor along an axis, of the sizes in the second operand; a size of -1 stands for all entries that are left."""
    value, axis = call.value(0), call.axis(2)
    array = call.array(1).ravel()
    if array.dtype.kind not in "iu":
        raise FormatError(f"its operand 1 must hold whole numbers, it holds {array.dtype}")
    _check_results(call, array.size)
    sizes = array.tolist()
    along = mv.checked_axis(axis, len(value.shape))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = value.shape[along] - sum(size for size in sizes if size != -1)
    return mv.split(value, along, sizes)


def _slice(call: Call) -> Value:
    """A number of entries from a place on, along each axis; the number -1 stands for all entries that are left."""

    def sliced(array: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        if starts.size != array.ndim or sizes.size != array.ndim or np.any(starts < 0):
            raise FormatError(f"it cannot take a part from {starts.tolist()} on of a value of shape {array.shape}")
        pairs = zip(starts.ravel().tolist(), sizes.ravel().tolist(), strict=True)
        part = array[tuple(slice(start, None if size == -1 else start + size) for start, size in pairs)]
        if any(size not in (-1, found) for size, found in zip(sizes.ravel().tolist(), part.shape, strict=True)):
            raise FormatError(f"a part of sizes {sizes.tolist()} reaches beyond a value of shape {array.shape}")
        return part

    return moved(sliced, call.value(0), call.whole(1), call.whole(2))


MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _strided_slice(call: Call) -> Value:
    """`x[begin:end:stride, ...]` as in NumPy; the bits of masks state at which places something else than a slice stands."""
    if call.flag("offset"):
        raise UnsupportedLayerError("its ends count from its beginnings, which fastjac does not have")
    no_begin, no_end, ellipsis, new_axis, single = (call.integer(name) for name in MASKS)

    def sliced(array: np.ndarray, *places: np.ndarray) -> np.ndarray:
        index: list[Any] = []
        for i, (begin, end, step) in enumerate(zip(*(numbers.ravel().tolist() for numbers in places), strict=True)):
            bit = 1 << i
            if ellipsis & bit:
                index.append(Ellipsis)
            elif new_axis & bit:
                index.append(None)
            elif single & bit:
                index.append(begin)
            else:
                index.append(slice(None if no_begin & bit else begin, None if no_end & bit else end, step))
        return array[tuple(index)]

    return moved(sliced, call.value(0), *(call.whole(position) for position in (1, 2, 3)))


def _gather(call: Call) -> Value:
    """The entries with given numbers along an axis, which is an attribute or the third operand."""
    axis = call.integer("axis") if call.optional(2) is None else call.axis(2)
    if call.integer("batch_dims"):
        raise UnsupportedLayerError("it picks other entries of each sample; fastjac takes the same ones of all")
    return mv.gather(call.value(0), call.value(1), axis)


def pad(call: Call) -> Value:
    """The tensor with more entries before and behind along each axis: zeros or the third operand."""
    widths = np.array(call.whole_numbers(1)).reshape(-1)
    if widths.size % 2 or np.any(widths < 0):
        raise FormatError(f"it pads by {widths.tolist()}, which are no widths")
    filling = constant(np.float32(0.0)) if call.optional(2) is None else call.value(2)
    return jn.pad(call.value(0), widths[::2].tolist(), widths[1::2].tolist(), filling)


SHAPES: dict[str, Callable[[Call], Value]] = {
    "Reshape": _reshape,
    "Squeeze": lambda call: mv.squeeze(call.value(0), call.numbers("squeeze_dims") or None),
    "ExpandDims": lambda call: mv.unsqueeze(call.value(0), [call.axis(1)]),
    "Transpose": lambda call: mv.transpose(call.value(0), call.whole_numbers(1)),
}
"""Operators that only give a tensor another shape, or its axes another order."""
MOVEMENTS: dict[str, Callable[[Call], Result]] = {
    "Slice": _slice,
    "StridedSlice": _strided_slice,
    "ConcatV2": lambda call: jn.concatenate(call.values(-1), call.axis(-1)),
    "Pack": lambda call: jn.stack(call.values(), call.integer("axis")),
    "Unpack": _unpack,
    "Split": _split,
    "SplitV": _split_sizes,
    **dict.fromkeys(("Gather", "GatherV2", "ResourceGather"), _gather),
    "Pad": pad,
    "PadV2": pad,
    "Tile": lambda call: mv.tile(call.value(0), call.whole(1)),
    "BroadcastTo": lambda call: mv.expand(call.value(0), call.whole(1)),
    "ReverseV2": lambda call: mv.flip(call.value(0), call.whole_numbers(1)),
    "Shape": lambda call: mv.shape_of(call.value(0)),
    "Size": lambda call: mv.count_of(call.value(0)),
    "Rank": lambda call: constant(np.array(len(call.value(0).shape), np.int32)),
}
"""Operators that move entries, or count them."""
