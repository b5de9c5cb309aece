"""Operators that put entries in order, sum up to a place, write to places, or compute with matrices: the table PLACES."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir import accumulation as ac
from ..ir import elementwise as el
from ..ir import matrices as mt
from ..ir import scattering as sc
from ..ir import sorting as st
from ..ir.values import Constant, Value, computed
from .calls import Call

Join = Callable[[Value, Value], Value] | None


def _running_product(call: Call) -> Value:
    if call.flag("exclusive") or call.flag("reverse"):
        raise UnsupportedLayerError("it leaves out the entry itself, or begins at the end; fastjac takes plain products so far")
    return ac.running(call.value(0), call.axis(1), el.multiply)


def _written(join: Join) -> Callable[[Call], Value]:
    """A tensor with other entries at the places that the second operand lists."""

    def convert(call: Call) -> Value:
        value = call.value(0)
        return sc.put(value, sc.places_at(value, call.value(1)), call.value(2), join)

    return convert


def _scattered(call: Call) -> Value:
    """Zeros of a shape, to which entries are added at the places that the first operand lists."""
    updates = call.value(1)
    dtype = updates.alone.dtype if isinstance(updates, Constant) else np.dtype(np.float32)
    zeros = computed(lambda sizes: np.zeros(tuple(sizes.tolist()), dtype), call.whole(2))
    return sc.put(zeros, sc.places_at(zeros, call.value(0)), updates, el.add)


def _gathered(call: Call) -> Value:
    value = call.value(0)
    return sc.taken_at(value, sc.places_at(value, call.value(1)))


PLACES: dict[str, Callable[[Call], Value | list[Value]]] = {
    "TopKV2": lambda call: [st.top(call.value(0), -1, call.axis(1))],
    "Cumsum": lambda call: ac.running_sum(call.value(0), call.axis(1), call.flag("exclusive"), call.flag("reverse")),
    "Cumprod": _running_product,
    "TensorScatterUpdate": _written(None),
    "TensorScatterAdd": _written(el.add),
    "ScatterNd": _scattered,
    "GatherNd": _gathered,
    "MatrixDeterminant": lambda call: mt.determinant(call.value(0)),
    "MatrixInverse": lambda call: mt.inverse(call.value(0)),
    "MatrixSolve": lambda call: mt.solution(call.value(0), call.value(1)),
    "Cholesky": lambda call: mt.cholesky(call.value(0)),
}
"""Operators by name."""
