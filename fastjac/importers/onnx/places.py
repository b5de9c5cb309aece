"""Operators that write to places, take from places, put in order, or sum up to a place: the table PLACES."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError
from ..ir import accumulation as ac
from ..ir import elementwise as el
from ..ir import matrices as mt
from ..ir import resizing as rs
from ..ir import scattering as sc
from ..ir import sorting as st
from ..ir.values import Value, computed
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
    count = call.node.integer("k", 0) if call.opset < 10 else int(call.number(1, 0.0))
    return [st.top(call.value(0), call.node.integer("axis", -1), count, bool(call.node.integer("largest", 1)))]


def _running_sum(call: Call) -> Value:
    return ac.running_sum(
        call.value(0), int(call.number(1, 0.0)), *(bool(call.node.integer(name, 0)) for name in ("exclusive", "reverse"))
    )


def _by_depth(function: Callable[[Value, int, bool], Value]) -> Callable[[Call], Value]:
    """The operator that makes places of channels, or the other way round; in mode CRD channels are counted first."""
    return lambda call: function(call.value(0), call.node.integer("blocksize", 1), call.node.text("mode", "DCR") != "CRD")


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
    "Trilu": lambda call: ac.triangle(call.value(0), int(call.number(1, 0.0)), not call.node.integer("upper", 1)),
    "DepthToSpace": _by_depth(rs.channels_to_places),
    "SpaceToDepth": _by_depth(rs.places_to_channels),
    "Det": lambda call: mt.determinant(call.value(0)),
    "EyeLike": _identity_like,
}
"""Operators by name."""
