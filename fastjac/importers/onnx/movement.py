"""Operators that move entries about: the table MOVEMENTS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir.values import Value, constant
from ..reading.limits import MOST_LAYERS, check_count
from .calls import Call

Movement = Callable[[Call], Value | list[Value]]


def _reshape(call: Call) -> Value:
    return mv.reshape(call.value(0), call.sizes(1, "shape"), zero_keeps=not call.node.integer("allowzero", 0))


def _slice(call: Call) -> Value:
    """The entries from `starts` on and before `ends` along some axes: attributes before opset 10 and operands since."""
    if call.opset < 10:
        bounds = [call.node.integers(name) for name in ("starts", "ends", "axes")]
        if bounds[0] is None or bounds[1] is None:
            raise FormatError("it does not state where it starts and ends; the file is damaged")
        return mv.slice_(call.value(0), *(None if one is None else constant(np.array(one, np.int64)) for one in bounds))  # type: ignore[arg-type]
    for position in range(1, 5):
        call.check_integers(position)
    return mv.slice_(call.value(0), call.value(1), call.value(2), call.optional(3), call.optional(4))


def _split(call: Call) -> list[Value]:
    """Pieces of the sizes that an attribute states before opset 13 and an operand since, or of equal size."""
    value, axis = call.value(0), call.node.integer("axis", 0)
    sizes = _split_sizes(call)
    whole = value.shape[mv.checked_axis(axis, len(value.shape))]
    if sizes is None:
        sizes = tuple(mv.even_sizes(whole, call.node.integer("num_outputs", len(call.node.outputs)) or 1))
    return mv.split(value, axis, sizes)


def _split_sizes(call: Call) -> tuple[int, ...] | None:
    """The sizes of the pieces: an operand since opset 13, and in opset 1, where its entries have the type of the value."""
    if 1 < call.opset < 13 or call.operand(1) is None:
        return call.node.integers("split")
    sizes = call.array(1)
    if sizes is None:
        return None
    check_count(sizes.size, MOST_LAYERS, "parts")
    if sizes.dtype.kind not in "iu" and not (call.opset == 1 and np.all(sizes == np.trunc(sizes))):
        raise FormatError(f"the sizes of its parts must be whole numbers, they are {sizes.dtype}")
    return tuple(sizes.astype(np.int64).ravel().tolist())


def _pad(call: Call) -> Value:
    """More entries along some axes. Attributes count them before opset 11, under another name before opset 2."""
    value, mode = call.value(0), call.node.text("mode", "constant")
    pads = call.integers(1) if call.opset >= 11 else call.node.integers("pads") or call.node.integers("paddings")
    filling = call.optional(2) if call.opset >= 11 else constant(np.float32(call.node.real("value", 0.0)))
    if pads is None or len(pads) % 2:
        raise FormatError("it must say how many entries it puts before and behind along each axis; the file is damaged")
    axes = call.integers(3) if call.opset >= 18 else None
    before, behind = _widths(pads, axes, len(value.shape))
    return jn.pad(value, before, behind, constant(np.float32(0.0)) if filling is None else filling, mode)


def _widths(pads: tuple[int, ...], axes: tuple[int, ...] | None, rank: int) -> tuple[list[int], list[int]]:
    half = len(pads) // 2
    along = range(half) if axes is None else mv.checked_axes(axes, rank)
    before, behind = [0] * rank, [0] * rank
    for axis, first, last in zip(along, pads[:half], pads[half:], strict=True):
        before[mv.checked_axis(axis, rank)], behind[axis] = first, last
    return before, behind


def _tile(call: Call) -> Value:
    """Copies along the axes; before opset 6, along one axis only."""
    if call.opset < 6:
        times = [1] * len(call.value(0).shape)
        times[mv.checked_axis(int(call.number(2, 0.0)), len(times))] = int(call.number(1, 1.0))
        return mv.tile(call.value(0), times)
    return mv.tile(call.value(0), call.sizes(1))


MOVEMENTS: dict[str, Movement] = {
    "Identity": lambda call: call.value(0),
    "Flatten": lambda call: mv.flatten(call.value(0), call.node.integer("axis", 1)),
    "Reshape": _reshape,
    "Squeeze": lambda call: mv.squeeze(call.value(0), call.axes(1)),
    "Unsqueeze": lambda call: mv.unsqueeze(call.value(0), call.axes(1) or ()),
    "Transpose": lambda call: mv.transpose(call.value(0), call.node.integers("perm")),
    "Expand": lambda call: mv.expand(call.value(0), call.sizes(1)),
    "Tile": _tile,
    "Slice": _slice,
    "Split": _split,
    "Gather": lambda call: mv.gather(call.value(0), call.value(1), call.node.integer("axis", 0)),
    "GatherElements": lambda call: mv.gather_elements(call.value(0), call.value(1), call.node.integer("axis", 0)),
    "Concat": lambda call: jn.concatenate(call.values(), call.node.integer("axis", 1 if call.opset < 4 else 0)),
    "Pad": _pad,
}
"""Every operator that moves entries and computes nothing, by name."""
