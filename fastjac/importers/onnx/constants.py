"""Constants out of nodes that hold or describe them: Constant, ConstantOfShape, Range, Cast, and the shapes of other values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from .calls import Call
from .tensor import element_type

CASTS = {"BOOL": np.bool_, "FLOAT16": np.float16}
"""What NumPy calls a type where it is not that of the stored bytes; half precision is widened again after it is rounded."""


def constant(call: Call) -> np.ndarray:
    """What a Constant holds, in the one attribute of several that it has."""
    for name in call.node.attributes:
        if name in FORMS:
            return FORMS[name](call)
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


def constant_of_shape(call: Call) -> np.ndarray:
    """An array of the shape told, all of whose entries are the one of `value`, or 0."""
    value = call.tensor("value", np.zeros(1, np.float32))
    if value.size != 1:
        raise FormatError(f"its value must have one entry, it has shape {value.shape}")
    return np.full(call.integers(0) or (), value.item(), value.dtype)


def constant_of_shape_size(call: Call) -> int:
    """How many entries a ConstantOfShape will have."""
    return math.prod(map(abs, call.integers(0) or ()))


def arange(call: Call) -> np.ndarray:
    """Numbers from `start`, each `delta` more than the one before, as far as they are before `limit`."""
    start, _, delta = (call.constant(i) for i in range(3))
    return (start + np.arange(arange_size(call)) * delta).astype(start.dtype)


def arange_size(call: Call) -> int:
    """How many entries a Range will have."""
    start, limit, delta = (call.number(i, 0.0) for i in range(3))
    return max(math.ceil((limit - start) / delta), 0)


def cast(call: Call) -> np.ndarray:
    """The entries as numbers of another type; towards zero where it is a whole one."""
    kind = element_type(call.node.integer("to", 0))
    if kind.name == "BFLOAT16":
        raise UnsupportedLayerError("it rounds a constant to bfloat16, which NumPy does not have; save that constant itself")
    rounded = call.constant(0).astype(CASTS.get(kind.name, kind.dtype))
    return rounded.astype(np.float32) if kind.name == "FLOAT16" else rounded


def shape_of(call: Call) -> np.ndarray:
    """The sizes of the operand's axes from `start` on and before `end`."""
    shape = call.shape(0)
    return np.array(shape[call.node.integer("start", 0) : call.node.integer("end", len(shape))], np.int64)
