"""The value of an expression by Python's own arithmetic, where it is computed once: at kinks, and at a few points."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .expressions import Expression, Expressions
from .functions import FUNCTIONS

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "multiply": operator.mul, "divide": operator.truediv, "power": operator.pow,
    "maximum": max, "minimum": min, "where": lambda condition, a, b: a if condition else b,
    "and": operator.and_, "or": operator.or_, "not": operator.not_,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def evaluate(expressions: Expressions, number: int, names: Mapping[str, float]) -> float:
    """The value of an expression in which names have these values; nan where it, or a subexpression, has none."""
    found: dict[int, Any] = {}
    for part in expressions.below([number]):
        expression = expressions.all[part]
        found[part] = _value(expression, [found[operand] for operand in expression.operands], names)
    return float(found[number])


def _value(expression: Expression, operands: Sequence[Any], names: Mapping[str, float]) -> Any:
    kind, what = expression.kind, expression.what
    if kind == "number":
        return what
    if kind == "name":
        return names[str(what)]
    function = FUNCTIONS[str(what)].python if kind == "call" else OPERATIONS[str(what) if kind == "compare" else kind]
    try:
        value = function(*operands)
    except (ArithmeticError, ValueError):
        return math.nan
    return math.nan if isinstance(value, complex) else value
