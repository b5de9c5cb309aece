"""Nodes that hold or describe constants: Constant, ConstantOfShape, Range, Cast, and the shapes of other values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import casting
from ..ir import movement as mv
from ..ir.account import spend
from ..ir.choice import Condition
from ..ir.values import Flow, Value, computed, constant
from ..precision import refuse_rounding
from .calls import Call
from .tensor import dtype_name, element_type


def held(call: Call) -> Value:
    """The value of a Constant, which stands in one of several attributes."""
    for name in call.node.attributes:
        if name in FORMS:
            return constant(FORMS[name](call))
    raise UnsupportedLayerError(f"it holds {' and '.join(call.node.attributes) or 'nothing'}; fastjac takes {', '.join(FORMS)}")


FORMS: dict[str, Callable[[Call], np.ndarray]] = {
    "value": lambda call: call.reader.dense(call.node.tensor("value")),
    "sparse_value": lambda call: call.reader.sparse(call.node.sparse_tensor("sparse_value")),
    "value_float": lambda call: np.array(call.node.real("value_float", 0.0), np.float32),
    "value_floats": lambda call: np.array(call.node.reals("value_floats"), np.float32),
    "value_int": lambda call: np.array(call.node.integer("value_int", 0), np.int64),
    "value_ints": lambda call: np.array(call.node.integers("value_ints"), np.int64),
}
"""The attributes in which a Constant may hold its value."""


def of_shape(call: Call) -> Value:
    """An array of the given shape, filled with the one entry of `value`, or with 0."""
    value = call.tensor("value", np.zeros(1, np.float32))
    if value.size != 1:
        raise FormatError(f"its value must have one entry, it has shape {value.shape}")

    return mv.expand(constant(value.reshape(())), call.sizes(0))


def arange(call: Call) -> Value:
    """The numbers of a range; start, limit and step are operands of one number each."""
    for position in range(3):
        call.number(position, 0.0)
    return mv.number_range(*(call.value(position) for position in range(3)))


def cast(call: Call) -> Value | Condition:
    """The entries as numbers of another type."""
    number = _old_type(call) if call.opset < 6 else call.node.integer("to", 0)
    operand = call.operand(0)
    return casting.cast(call.value(0) if operand is None else operand, dtype_name(number), element_type(number).name)


def cast_like(call: Call) -> Value:
    """The entries in another tensor's type. Floating-point entries keep their own type, since a network has one precision."""
    value, like = call.value(0), call.value(1)
    if isinstance(like, Flow) or like.alone.dtype.kind == "f":
        if isinstance(value, Flow) or value.alone.dtype.kind == "f":
            return value
        like = constant(np.zeros((), np.float32)) if isinstance(like, Flow) else like
    if isinstance(value, Flow):
        refuse_rounding(like.alone.dtype.name)
        return value
    spend(value.alone.size)
    dtype = like.alone.dtype
    return computed(lambda array: array.astype(dtype), value)


def _old_type(call: Call) -> int:
    """The number of a type that opsets before 6 state by its name."""
    name = call.node.text("to", "")
    return {"FLOAT": 1, "INT32": 6, "INT64": 7, "BOOL": 9, "FLOAT16": 10, "DOUBLE": 11}.get(name, 0)
