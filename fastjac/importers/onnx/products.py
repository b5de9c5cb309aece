"""Operators that multiply by matrices, or reduce the entries along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import UnsupportedLayerError
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import movement as mv
from ..ir import reduction as rd
from ..ir.values import Flow, Value
from .calls import Call


def gemm(call: Call) -> Value:
    """`alpha A' B' + beta C`; before opset 7, A may have any axes, which are flattened to two."""
    a, b, c = call.value(0), call.value(1), call.optional(2)
    if call.opset < 7 and len(a.shape) != 2:
        a = mv.flatten(a, 1 if len(a.shape) and a.shape[0] == 1 else 0)
    turned = bool(call.node.integer("transA", 0)), bool(call.node.integer("transB", 0))
    if call.opset < 7 and isinstance(a, Flow) and not any(turned) and a.shape[-1:] == b.shape[-1:] != b.shape[:1]:
        turned = False, True  # what MATLAB writes in opset 6, with W (n_out, n_in)
    return ct.gemm(a, b, c, alpha=call.node.real("alpha", 1.0), beta=call.node.real("beta", 1.0), transposed=turned)


def fused_gemm(call: Call) -> Value:
    """A Gemm, with an activation behind it."""
    name = call.node.text("activation", "")
    if name not in FUSED:
        raise UnsupportedLayerError(f"its activation {name!r:.80} is not supported; fastjac takes {', '.join(FUSED)}")
    return FUSED[name](gemm(call), call.node.real("activation_alpha", 0.01))


FUSED: dict[str, Callable[[Value, float], Value]] = {
    "Relu": lambda value, alpha: fn.relu(value),
    "LeakyRelu": lambda value, alpha: fn.leaky_relu(value, alpha),
    "Sigmoid": lambda value, alpha: fn.sigmoid(value),
    "Tanh": lambda value, alpha: fn.tanh(value),
}
"""The activations of a FusedGemm."""


Reduction = Callable[[Value, Sequence[int] | None, bool], Value]


def reduced(function: Reduction) -> Callable[[Call], Value]:
    """A reduction along some axes. It acts along all axes where none are named, unless the node says that this means none."""

    def reduce(call: Call) -> Value:
        axes = call.axes(1)
        if not axes and call.node.integer("noop_with_empty_axes", 0):
            return call.value(0)
        return function(call.value(0), axes or None, bool(call.node.integer("keepdims", 1)))

    return reduce


def lp_normalization(call: Call) -> Value:
    """The entries divided by their norm along one axis; where the norm is 0, so is the result."""
    value, order = call.value(0), call.node.integer("p", 2)
    if order not in (1, 2):
        raise UnsupportedLayerError(f"it takes the norm of order {order}; fastjac has 1 and 2")
    axis = mv.checked_axis(call.node.integer("axis", -1), len(value.shape))
    total = rd.reduce_sum(fn.square(value) if order == 2 else fn.absolute(value), [axis])
    total = el.add(total, rd.one_at_zero(total))
    return el.divide(value, fn.sqrt(total) if order == 2 else total)


REDUCTIONS: dict[str, Reduction] = {
    **{f"Reduce{name.capitalize()}": function for name, function in rd.REDUCTIONS.items()},
    "ReduceL1": lambda value, axes, keep: rd.norm(value, axes, keep, 1),
    "ReduceL2": lambda value, axes, keep: rd.norm(value, axes, keep, 2),
    "ReduceSumSquare": lambda value, axes, keep: rd.reduce_sum(fn.square(value), axes, keep),
    "ReduceLogSum": lambda value, axes, keep: fn.log(rd.reduce_sum(value, axes, keep)),
    "ReduceLogSumExp": rd.log_sum_exp,
}
"""Every operator that reduces the entries along some axes to one, by name."""
