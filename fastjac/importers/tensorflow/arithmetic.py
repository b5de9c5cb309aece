"""Operators that compute each entry by itself, choose between entries, or combine the entries along some axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...graphs import nodes
from ..ir import choice as ch
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir import reduction as rd
from ..ir.account import spend
from ..ir.evaluation import Result
from ..ir.layout import aligned
from ..ir.values import Constant, Flow, Value, computed, constant
from .calls import Call

Convert = Callable[[Call], Result]
SMALLEST_NORM = 1e-6
"""The smallest norm that TensorFlow Lite divides by where it normalizes."""


def erfc(value: Value) -> Value:
    """`1 - erf(x)`, written as `1 + erf(-x)`, the form by which a GELU is recognized."""
    return el.add(fn.FUNCTIONS["erf"](fn.negative(value)), constant(np.float32(1.0)))


def without_nan(a: Value, b: Value) -> Value:
    """`a / b`, and 0 where b is 0."""
    if isinstance(b, Flow):
        raise UnsupportedLayerError(
            "it divides by a value that depends on the network's input, unless that is 0; fastjac has a / b"
        )
    is_zero = computed(lambda array: array == 0, b)
    quotient = el.divide(a, computed(lambda array: np.where(array == 0, np.ones_like(array), array), b))
    return ch.where(is_zero, constant(np.float32(0.0)), quotient)


def leaky_relu(default: float) -> Convert:
    """`x` above 0, `alpha x` below."""
    return lambda call: fn.leaky_relu(call.value(0), call.real("alpha", default))


def gelu(call: Call) -> Value:
    """The GELU, exact or by tanh."""
    return fn.apply(call.value(0), [fl.GELU("tanh" if call.flag("approximate") else "none")])


def softmax(call: Call) -> Value:
    """`exp(beta x) / sum exp(beta x)` along the last axis."""
    value, beta = call.value(0), call.real("beta", 1.0)
    return nm.softmax(value if beta == 1.0 else el.multiply(value, constant(np.float32(beta))), [-1])


def l2_normalization(call: Call) -> Value:
    """The entries divided by their norm along the last axis, or by SMALLEST_NORM where the norm is smaller."""
    value = call.value(0)
    return el.divide(value, el.maximum(rd.norm(value, [-1]), constant(np.float32(SMALLEST_NORM))))


def reduced(function: Callable[[Value, Sequence[int] | None, bool], Value]) -> Convert:
    """The operator of a function of the entries along some axes, which the second operand lists."""
    return lambda call: function(call.value(0), call.whole_numbers(1), call.flag("keep_dims"))


def add_all(call: Call) -> Value:
    """The sum of any number of tensors of one shape."""
    values = call.values()
    flows = [value for value in values if isinstance(value, Flow)]
    constants = [value for value in values if isinstance(value, Constant)]
    if len(flows) < 2:
        return el.total(values)
    spend(sum(flow.alone.size for flow in flows))
    operands, layout = aligned(flows)
    total: Value = layout.flow(nodes.add(operands))
    return el.total([total, *([el.total(constants)] if constants else [])])


def select(call: Call) -> Value:
    """`a` where the condition holds, `b` elsewhere; a condition of one axis stands for whole rows."""
    condition, a, b = call.logical(0), call.value(1), call.value(2)
    rank = len(a.shape)
    if isinstance(condition, Constant) and len(condition.shape) == 1 and rank > 1:
        condition = computed(lambda array: array.reshape(-1, *[1] * (rank - 1)), condition)
    elif not isinstance(condition, Constant) and rank > 1 and len(_shape(condition)) == 1:
        raise UnsupportedLayerError("it chooses whole rows by the network's input; fastjac takes a condition for each entry")
    return ch.where(condition, a, b)


def _shape(condition: ch.Logical) -> tuple[int, ...]:
    if isinstance(condition, Constant):
        return condition.shape
    if condition.tensor is not None:
        return condition.tensor.shape
    return max((_shape(part) for part in condition.parts), key=len)


def filled(call: Call) -> Value:
    """A tensor of a given shape, filled with one number."""
    entry = call.array(1)
    if entry.size != 1:
        raise FormatError(f"it fills a shape with one number, got {entry.size}")
    return mv.expand(constant(entry.reshape(())), call.whole(0))


def filled_like(number: float) -> Convert:
    """The operator that makes a tensor of an operand's shape, filled with one number."""

    def convert(call: Call) -> Value:
        value = call.value(0)
        kind = value.alone.dtype if isinstance(value, Constant) else np.dtype(np.float32)
        return mv.expand(constant(np.array(number, kind)), mv.shape_of(value))

    return convert


def number_range(call: Call) -> Value:
    """The numbers of a range, which must not depend on the number of samples."""
    return mv.number_range(*(constant(call.array(position)) for position in range(3)))
