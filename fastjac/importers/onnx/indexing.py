"""Parts of constants, and constants put together, as in `x.view(x.size(0), -1)`, whose sizes are taken from the input's."""

from __future__ import annotations

import numpy as np

from ...errors import FormatError
from . import shapes
from .calls import Call


def gather(call: Call) -> np.ndarray:
    """The entries at some places along one axis."""
    return np.take(call.constant(0), call.constant(1), axis=_gather_axis(call))


def gather_size(call: Call) -> int:
    """How many entries a Gather will have."""
    data, indices = call.constant(0), call.constant(1)
    return data.size // max(data.shape[_gather_axis(call)], 1) * indices.size


def _gather_axis(call: Call) -> int:
    return shapes.checked_axis(call.node.integer("axis", 0), call.constant(0).ndim)


def concat(call: Call) -> np.ndarray:
    """The operands one after the other along an axis."""
    return np.concatenate([call.constant(i) for i in range(len(call.operands))], axis=call.node.integer("axis", 0))


def slice_(call: Call) -> np.ndarray:
    """From `starts` on and before `ends` along some axes; these are attributes before opset 10 and operands since."""
    data = call.constant(0)
    told = [_told(call, i, name) for i, name in enumerate(("starts", "ends", "axes", "steps"), start=1)]
    starts, ends, axes, steps = told
    if starts is None or ends is None:
        raise FormatError("it does not tell where it starts and ends; the file is damaged")
    axes = tuple(range(len(starts))) if axes is None else shapes.checked_axes(axes, data.ndim)
    index = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps or (1,) * len(starts), strict=True):
        index[axis] = slice(start, end, step)
    return data[tuple(index)]


def _told(call: Call, position: int, name: str) -> tuple[int, ...] | None:
    return call.node.integers(name) if call.opset < 10 else call.integers(position)
