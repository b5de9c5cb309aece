"""Operators that write to places, take from places, put in order, or sum up to a place: the table PLACES."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError
from ..ir import accumulation as ac
from ..ir import choice as ch
from ..ir import elementwise as el
from ..ir import matrices as mt
from ..ir import movement as mv
from ..ir import scattering as sc
from ..ir import sorting as st
from ..ir.values import Value, computed, moved
from .calls import Call
from .tensor import element_type

JOINS = {"none": None, "add": el.add, "mul": el.multiply, "max": el.maximum, "min": el.minimum}
"""The ways in which an entry is joined to the one that is there."""


def _join(call: Call) -> Callable[[Value, Value], Value] | None:
    reduction = call.node.text("reduction", "none")
    if reduction not in JOINS:
        raise FormatError(f"it joins entries by {reduction!r:.40}; ONNX has {', '.join(JOINS)}")
    return JOINS[reduction]


def _scatter_elements(call: Call) -> Value:
    value = call.value(0)
    places = sc.places_along(value, call.node.integer("axis", 0), call.value(1))
    return sc.put(value, places, call.value(2), _join(call))


def _scatter_nd(call: Call) -> Value:
    value = call.value(0)
    return sc.put(value, sc.places_at(value, call.value(1)), call.value(2), _join(call))


def _gather_nd(call: Call) -> Value:
    value = call.value(0)
    return sc.taken_at(value, sc.places_at(value, call.value(1), call.node.integer("batch_dims", 0)))


def _top(call: Call) -> list[Value]:
    """The largest or smallest entries; not their places, which have no derivative."""
    value = call.value(0)
    count = call.node.integer("k", 0) if call.opset < 10 else int(call.number(1, 0.0))
    axis = call.node.integer("axis", -1)
    ordered = st.ordered(value, axis, bool(call.node.integer("largest", 1)))
    if not 0 <= count <= value.shape[mv.checked_axis(axis, len(value.shape))]:
        raise FormatError(f"it takes {count} entries along axis {axis} of a value of shape {value.shape}")
    return [mv.part(ordered, axis, 0, count)]


def _running_sum(call: Call) -> Value:
    return ac.running_sum(
        call.value(0), int(call.number(1, 0.0)), *(bool(call.node.integer(name, 0)) for name in ("exclusive", "reverse"))
    )


def _triangle(call: Call) -> Value:
    return ac.triangle(call.value(0), int(call.number(1, 0.0)), not call.node.integer("upper", 1))


def exclusive(call: Call) -> ch.Logical:
    """Whether one of two comparisons holds, and the other does not."""
    a, b = call.logical(0), call.logical(1)
    return ch.both(ch.either(a, b), ch.opposite(ch.both(a, b)))


def _from_depth(call: Call) -> Value:
    """Channels become places of a larger image."""
    times, is_crd = call.node.integer("blocksize", 1), call.node.text("mode", "DCR") == "CRD"

    def turned(array: np.ndarray) -> np.ndarray:
        count, channels, height, width = array.shape
        rest = channels // times**2
        parts = (count, rest, times, times, height, width) if is_crd else (count, times, times, rest, height, width)
        order = (0, 1, 4, 2, 5, 3) if is_crd else (0, 3, 4, 1, 5, 2)
        return array.reshape(parts).transpose(order).reshape(count, rest, height * times, width * times)

    return moved(turned, call.value(0))


def _to_depth(call: Call) -> Value:
    """Places of an image become channels of a smaller one."""
    times, is_crd = call.node.integer("blocksize", 1), call.node.text("mode", "DCR") == "CRD"

    def turned(array: np.ndarray) -> np.ndarray:
        count, channels, height, width = array.shape
        parts = array.reshape(count, channels, height // times, times, width // times, times)
        return parts.transpose((0, 1, 3, 5, 2, 4) if is_crd else (0, 3, 5, 1, 2, 4)).reshape(
            count, channels * times**2, height // times, width // times
        )

    return moved(turned, call.value(0))


def _identity_like(call: Call) -> Value:
    """Ones on a diagonal of a matrix of the operand's shape."""
    diagonal, number = call.node.integer("k", 0), call.node.integer("dtype", 0)

    def dtype(array: np.ndarray) -> np.dtype:
        return np.dtype(element_type(number).name) if number else array.dtype

    def ones(array: np.ndarray) -> np.ndarray:
        rows, columns = array.shape
        return np.eye(rows, columns, diagonal, dtype(array))

    return computed(ones, call.value(0))


PLACES: dict[str, Callable[[Call], Value | list[Value]]] = {
    "ScatterElements": _scatter_elements,
    "Scatter": _scatter_elements,
    "ScatterND": _scatter_nd,
    "GatherND": _gather_nd,
    "TopK": _top,
    "CumSum": _running_sum,
    "Trilu": _triangle,
    "DepthToSpace": _from_depth,
    "SpaceToDepth": _to_depth,
    "Det": lambda call: mt.determinant(call.value(0)),
    "EyeLike": _identity_like,
}
"""Operators by name."""
