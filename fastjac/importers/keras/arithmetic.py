"""What arithmetic on tensors of a Functional model becomes: `x + y`, `0.5 * x`, `-x`, `x[:, 2:4]`, and the same in `keras.ops`.

An operand that is no tensor is a number or an array. It stands in the config, so it has no precision of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir import angles
from ..ir import choice as ch
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir import reduction as rd
from ..ir.choice import Condition
from ..ir.values import Constant, Value, computed, constant, moved
from .calls import Call
from .config import Entry
from .graph import is_tensor
from .joins import concatenate
from .shapes import own_axis

Precision = type[np.floating[Any]]
Operand = Value | Condition
Arithmetic = Callable[[Call, Sequence[Operand]], Operand]
ARRAYS = ("__numpy__", "__tensor__")
"""The class names by which a config marks arrays."""


def is_arithmetic(entry: Entry) -> bool:
    """Whether a layer of the config is one of ARITHMETIC."""
    return entry.is_operation and entry.class_name in ARITHMETIC


def arithmetic(call: Call, values: Sequence[Operand], precision: Precision) -> Operand:
    """The result of an operation of ARITHMETIC; `precision` is that of arrays in the config."""
    given = iter(values)
    function = ARITHMETIC[call.entry.class_name]
    with np.errstate(all="ignore"):
        if function in KEEP_ARGUMENTS:
            return function(call, values)
        return function(call, [next(given) if is_tensor(one) else _constant(one, precision) for one in call.args])


def _constant(operand: Any, precision: Precision) -> Constant:
    """A number or an array among the arguments."""
    is_array = isinstance(operand, dict) and operand.get("class_name") in ARRAYS
    value = np.asarray(operand["config"]["value"] if is_array else operand)
    if value.dtype.kind not in "biuf":
        raise UnsupportedLayerError(f"it takes {operand!r:.80} besides a tensor; fastjac takes numbers and arrays of them")
    # A number is exact until the network's own precision rounds it.
    return constant(value.astype(np.float64 if value.size == 1 else precision))


def _of_two(function: Callable[[Value, Value], Operand]) -> Arithmetic:
    def pair(call: Call, values: Sequence[Operand]) -> Operand:
        a, b = (_number(value) for value in values)
        return function(a, b)

    return pair


def _number(value: Operand) -> Value:
    return ch.as_number(value) if isinstance(value, Condition) else value


def _where(call: Call, values: Sequence[Operand]) -> Operand:
    condition, a, b = values
    if not isinstance(condition, (Condition, Constant)):
        raise UnsupportedLayerError("it chooses by numbers; fastjac takes what a comparison gives, such as x > 0")
    return ch.where(condition, _number(a), _number(b))


def _logical(function: Callable[..., Operand], count: int = 2) -> Arithmetic:
    """A combination of comparisons."""

    def combine(call: Call, values: Sequence[Operand]) -> Operand:
        if any(not isinstance(value, (Condition, Constant)) for value in values):
            raise UnsupportedLayerError("it combines numbers; fastjac takes what comparisons give, such as x > 0")
        return function(*values[:count])

    return combine


def _tensordot(call: Call, values: Sequence[Operand]) -> Operand:
    """The product over the last axis of the first tensor and the first axis of a constant matrix."""
    a, b = (_number(value) for value in values)
    if call.entry.config.get("axes", 1) != 1 or not isinstance(b, Constant) or len(b.shape) != 2:
        raise UnsupportedLayerError("it sums over other axes than the last one and the first of a matrix; use keras.ops.einsum")
    return ct.matmul(a, b)


def _take(call: Call, values: Sequence[Operand]) -> Operand:
    value, numbers = (_number(one) for one in values)
    return mv.gather(value, _whole(numbers), own_axis(call.entry.config["axis"], value))


def _take_along(call: Call, values: Sequence[Operand]) -> Operand:
    value, numbers = (_number(one) for one in values)
    axis = own_axis(call.entry.config["axis"], value)
    shape = computed(lambda own, given: np.array([len(own), *given.shape[1:]]), value, _whole(numbers))
    return mv.gather_elements(value, mv.expand(_whole(numbers), shape), axis)


def _whole(value: Value) -> Value:
    return computed(lambda array: array.astype(np.int64), value) if isinstance(value, Constant) else value


def _filled(number: float) -> Arithmetic:
    """A constant of the shape of a tensor."""
    return lambda call, values: computed(lambda array: np.full(array.shape, number, np.float32), _number(values[0]))


def _concatenate(call: Call, values: Sequence[Operand]) -> Operand:
    return concatenate(call.entry, [_number(value) for value in values])


def _stack(call: Call, values: Sequence[Operand]) -> Operand:
    tensors = [_number(value) for value in values]
    rank = len(tensors[0].shape) + 1
    axis = mv.checked_axis(call.entry.config.get("axis", 0), rank)
    if axis == 0:
        raise UnsupportedLayerError("axis=0 puts samples of several batches together; fastjac takes the axes of one sample")
    return jn.stack(tensors, axis)


def _item(call: Call, values: Sequence[Operand]) -> Operand:
    """`x[:, index]`: some units."""
    key = call.args[1]
    parts = [_index(part) for part in (key if isinstance(key, (list, tuple)) else [key])]
    if parts[0] != slice(None):
        raise UnsupportedLayerError("it takes some samples of a batch; fastjac takes x[:, ...], which keeps them all")
    return moved(lambda array: array[tuple(parts)], _number(values[0]))


def _index(part: Any) -> int | slice | None:
    if isinstance(part, dict) and part.get("class_name") == "__slice__":
        return slice(*(part["config"][name] for name in ("start", "stop", "step")))
    if part is not None and type(part) is not int:
        raise UnsupportedLayerError(f"it is indexed by {part!r:.80}; fastjac takes slices, whole numbers and None")
    return part


ARITHMETIC: dict[str, Arithmetic] = {
    "Add": _of_two(el.add),
    "Subtract": _of_two(el.subtract),
    "Multiply": _of_two(el.multiply),
    "Divide": _of_two(el.divide),
    "TrueDivide": _of_two(el.divide),
    "Maximum": _of_two(el.maximum),
    "Minimum": _of_two(el.minimum),
    "Power": _of_two(el.power),
    "Mod": _of_two(el.remainder),
    "FloorDivide": _of_two(el.rounded_quotient),
    "Matmul": _of_two(ct.matmul),
    "Greater": _of_two(ch.greater),
    "GreaterEqual": _of_two(ch.at_least),
    "Less": _of_two(ch.less),
    "LessEqual": _of_two(ch.at_most),
    "Arctan2": _of_two(angles.arctan2),
    "Hypot": _of_two(angles.hypotenuse),
    "Logaddexp": _of_two(rd.log_add_exp),
    "LogicalAnd": _logical(ch.both),
    "LogicalOr": _logical(ch.either),
    "LogicalNot": _logical(ch.opposite, 1),
    "Einsum": lambda call, values: ct.einsum(call.entry.config["subscripts"], [_number(value) for value in values]),
    "Tensordot": _tensordot,
    "Dot": _tensordot,
    "Take": _take,
    "TakeAlongAxis": _take_along,
    "OnesLike": _filled(1.0),
    "ZerosLike": _filled(0.0),
    "Where": _where,
    "Negative": lambda call, values: fn.negative(_number(values[0])),
    "Concatenate": _concatenate,
    "Stack": _stack,
    "GetItem": _item,
}
"""Operations that take several tensors, or a tensor and constants, by class name."""
KEEP_ARGUMENTS = (_item, _concatenate, _stack)
"""Operations of ARITHMETIC that use arguments other than tensors as they are, not as constants to compute with."""
