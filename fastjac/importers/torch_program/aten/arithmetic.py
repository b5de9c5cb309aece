"""Arithmetic and comparisons of two operands, each a tensor or a number: the table ARITHMETIC."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import choice as ch
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import movement as mv
from ...ir.values import Constant, Flow, Value, computed
from ...reading.limits import MOST_LAYERS, check_count
from .indexing import index_put
from .values import NUMBERS, floating, is_number, listed, number_of, paired, sizes, tensor, whole

Operator = Callable[..., Any]
MOST_FACTOR = 64
"""The largest exponent, in absolute value, to which a whole number is raised."""


def _of_two(of_numbers: Callable[[Any, Any], Any], function: Callable[[Value, Value], Any]) -> Operator:
    """The operator of a function of two tensors, given with the same function of two numbers."""

    def call(self: Any, other: Any) -> Any:
        if isinstance(self, NUMBERS) and isinstance(other, NUMBERS):
            return _bounded(_called(of_numbers, self, other))
        if is_number(self) and is_number(other):
            return number_of(computed(of_numbers, tensor(self), tensor(other)))
        return function(*paired(self, other))

    return call


def _called(function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    try:
        return function(a, b)
    except ArithmeticError as error:
        raise FormatError(f"it computes with {a!r:.40} and {b!r:.40}: {error}") from error


def _bounded(number: Any) -> Any:
    return whole(number) if isinstance(number, int) and not isinstance(number, bool) else number


def _scaled(function: Operator) -> Operator:
    """An operator whose second operand is multiplied by `alpha` first."""
    return lambda self, other, alpha=1: function(self, other if alpha == 1 else MULTIPLY(other, alpha))


MULTIPLY = _of_two(operator.mul, el.multiply)
ADD = _of_two(operator.add, el.add)
SUBTRACT = _of_two(operator.sub, el.subtract)
DIVIDE = _of_two(operator.truediv, lambda a, b: el.divide(floating(a), floating(b)))


def _add(self: Any, other: Any, alpha: Any = 1) -> Any:
    """The sum of two operands; two lists are joined."""
    if isinstance(self, list) and isinstance(other, list):
        check_count(len(self) + len(other), MOST_LAYERS, "entries in one list")
        return [*self, *other]
    return _scaled(ADD)(self, other, alpha)


def _divide(self: Any, other: Any, rounding_mode: Any = None) -> Any:
    if rounding_mode is None:
        return DIVIDE(self, other)
    return ROUNDED[rounding_mode](self, other) if rounding_mode in ROUNDED else _unknown_rounding(rounding_mode)


def _unknown_rounding(mode: Any) -> Any:
    raise FormatError(f"it divides with rounding_mode {mode!r:.40}; torch has {' and '.join(ROUNDED)}")


FLOOR_DIVIDE = _of_two(operator.floordiv, el.rounded_quotient)
REMAINDER = _of_two(operator.mod, el.remainder)
ROUNDED = {"floor": FLOOR_DIVIDE, "trunc": _of_two(el.cut_quotient, lambda a, b: el.rounded_quotient(a, b, "trunc"))}


def _power(self: Any, exponent: Any) -> Any:
    if isinstance(self, NUMBERS) and isinstance(exponent, NUMBERS):
        if abs(exponent) > MOST_FACTOR and isinstance(exponent, int) and isinstance(self, int):
            raise FormatError(f"it raises a number to the power of {exponent}; fastjac computes up to {MOST_FACTOR}")
        return _bounded(_called(operator.pow, self, exponent))
    return el.power(*paired(float(self) if type(self) is int else self, exponent))


MAXIMUM = _of_two(max, el.maximum)
MINIMUM = _of_two(min, el.minimum)


def _compared(of_values: Callable[[Any, Any], Any], function: Callable[[Value, Value], Any]) -> Operator:
    """The operator of a comparison: tensors are compared by entry, anything else as a whole."""

    def call(self: Any, other: Any) -> Any:
        if isinstance(self, (Constant, Flow)) or isinstance(other, (Constant, Flow)):
            if is_number(self) and is_number(other):
                return _agreed(number_of(computed(of_values, tensor(self), tensor(other))))
            return function(*paired(self, other))
        if isinstance(self, (list, tuple)) and isinstance(other, (list, tuple)):
            if any(isinstance(one, Constant) for one in (*self, *other)):
                return _agreed(computed(lambda a, b: of_values(a.tolist(), b.tolist()), sizes(self), sizes(other)))
            return of_values(self, other)
        try:
            return of_values(self, other)
        except TypeError as error:
            raise FormatError(
                f"it compares a {type(self).__name__} with a {type(other).__name__}; the file is damaged"
            ) from error

    return call


def _agreed(value: Any) -> Any:
    """The value that holds for one sample and for a batch alike; UnsupportedLayerError where the number of samples decides."""
    if isinstance(value, Constant):
        if isinstance(value.batch, np.ndarray) and not np.array_equal(value.alone, value.batch):
            raise UnsupportedLayerError(
                "it asks how many samples a batch has, and does something else for one than for several; fastjac takes "
                "programs that do the same to each sample"
            )
        return value.alone.item() if value.alone.size == 1 else value.alone.tolist()
    return value


def _logical(of_values: Callable[[Any, Any], Any], function: Callable[[Any, Any], Any]) -> Operator:
    def call(self: Any, other: Any) -> Any:
        if isinstance(self, bool) and isinstance(other, bool):
            return of_values(self, other)
        return function(_truth(self), _truth(other))

    return call


def _truth(value: Any) -> Any:
    return value if isinstance(value, ch.Condition) else tensor(value)


def _not(self: Any) -> Any:
    return not truth_of(self) if not isinstance(self, (Constant, Flow, ch.Condition)) else ch.opposite(_truth(self))


def truth_of(value: Any) -> bool:
    """Whether the condition holds by which a program chooses its way."""
    if isinstance(value, (Flow, ch.Condition)):
        raise UnsupportedLayerError(
            "it goes one way or another by a value that depends on the network's input; fastjac takes torch.where there"
        )
    if isinstance(value, Constant) and value.alone.size != 1:
        raise FormatError(f"it goes one way or another by a tensor of shape {value.shape}, which is not one number")
    found = _agreed(value)
    if not isinstance(found, (bool, *NUMBERS)):
        raise FormatError(f"it goes one way or another by a {type(found).__name__}; the file is damaged")
    return bool(found)


def _where(condition: Any, self: Any = None, other: Any = None) -> Any:
    a, b = paired(self, other)
    return ch.where(_truth(condition), a, b)


def _negative(self: Any) -> Any:
    return -self if isinstance(self, NUMBERS) else fn.negative(tensor(self))


def _rounding(of_number: Callable[[Any], Any], function: Callable[[Value], Value]) -> Operator:
    return lambda self: of_number(self) if isinstance(self, NUMBERS) else function(tensor(self))


def _masked_fill(self: Any, mask: Any, value: Any) -> Any:
    return _where(mask, value, self)


def _index_put(self: Any, indices: Any, values: Any, accumulate: Any = False, unsafe: Any = False) -> Any:
    """The tensor x after `x[indices] = values`; one index may be a comparison of its entries."""
    first, *others = listed(indices)
    if not isinstance(first, ch.Condition):
        return index_put(self, indices, values, accumulate)
    if others or accumulate or tensor(values).alone.size != 1:
        raise UnsupportedLayerError(
            "it writes several numbers to places that depend on the network's input; use torch.where instead"
        )
    return _masked_fill(self, first, mv.reshape(tensor(values), []))


ARITHMETIC: dict[str, Operator] = {
    "add": _add,
    "sub": _scaled(SUBTRACT),
    "subtract": _scaled(SUBTRACT),
    "rsub": lambda self, other, alpha=1: SUBTRACT(other, self if alpha == 1 else MULTIPLY(self, alpha)),
    "mul": MULTIPLY,
    "multiply": MULTIPLY,
    "div": _divide,
    "divide": _divide,
    "true_divide": DIVIDE,
    "floordiv": FLOOR_DIVIDE,
    "floor_divide": FLOOR_DIVIDE,
    "remainder": REMAINDER,
    "fmod": _of_two(math.fmod, lambda a, b: el.remainder(a, b, "trunc")),
    "pow": _power,
    "neg": _negative,
    "negative": _negative,
    "maximum": MAXIMUM,
    "minimum": MINIMUM,
    "fmax": MAXIMUM,
    "fmin": MINIMUM,
    "lerp": lambda self, end, weight: ADD(self, MULTIPLY(weight, SUBTRACT(end, self))),
    "addcmul": lambda self, tensor1, tensor2, value=1: _add(self, MULTIPLY(tensor1, tensor2), value),
    "addcdiv": lambda self, tensor1, tensor2, value=1: _add(self, DIVIDE(tensor1, tensor2), value),
    "masked_fill": _masked_fill,
    "index_put": _index_put,
    "_index_put_impl": _index_put,
    "where": _where,
    "sign": lambda self: ch.sign(tensor(self)),
    "floor": _rounding(math.floor, fn.of_each("floor")),
    "ceil": _rounding(math.ceil, fn.of_each("ceil")),
    "round": _rounding(round, fn.of_each("round")),
    "trunc": _rounding(math.trunc, el.truncated),
    "fix": _rounding(math.trunc, el.truncated),
    "frac": lambda self: el.subtract(tensor(self), el.truncated(tensor(self))),
    "eq": _compared(operator.eq, ch.equal),
    "ne": _compared(operator.ne, ch.unequal),
    "gt": _compared(operator.gt, ch.greater),
    "ge": _compared(operator.ge, ch.at_least),
    "lt": _compared(operator.lt, ch.less),
    "le": _compared(operator.le, ch.at_most),
    "logical_and": _logical(operator.and_, ch.both),
    "logical_or": _logical(operator.or_, ch.either),
    **dict.fromkeys(("logical_xor", "bitwise_xor", "__xor__"), _logical(operator.xor, ch.exclusive)),
    **dict.fromkeys(("logical_not", "bitwise_not", "__not__"), _not),
    "bitwise_and": _logical(operator.and_, ch.both),
    "bitwise_or": _logical(operator.or_, ch.either),
    "__and__": _logical(operator.and_, ch.both),
    "__or__": _logical(operator.or_, ch.either),
}
"""Operators by torch's names; a name with an underscore behind it stands for the same operator in place."""
