"""Derivatives of expressions, by the chain rule and the few rules of arithmetic; they are expressions themselves.

At kinks they are torch's: abs, sign and relu have the derivative 0 (`kernels.formulas` states it for each function), max and min
take the mean of both sides, and `where` takes the derivative of the side that it takes, whatever the other side is.
"""

from __future__ import annotations

from .expressions import Expression, Expressions
from .functions import FUNCTIONS


def derivative(expressions: Expressions, of: int, by: str) -> int:
    """The derivative of an expression by a name."""
    found: dict[int, int] = {}
    for expression in expressions.below([of]):
        found[expression] = _derived(expressions, expression, found, by)
    return found[of]


def _derived(e: Expressions, number: int, found: dict[int, int], by: str) -> int:
    """The derivative of one expression, given the derivatives of its operands."""
    expression = e.all[number]
    derivatives = [found[operand] for operand in expression.operands]
    zero = e.number(0.0)
    if expression.kind == "name" and expression.what == by:
        return e.number(1.0)
    if all(derived == zero for derived in derivatives):
        return zero
    match expression.kind, expression.operands, derivatives:
        case "add", _, (da, db):
            return e.add(da, db)
        case "multiply", (a, b), (da, db):
            return e.add(e.multiply(da, b), e.multiply(a, db))
        case "divide", (_, b), (da, db):
            return e.divide(e.subtract(da, e.multiply(number, db)), b)
        case "power", (a, b), (da, db):
            by_base = zero if da == zero else e.multiply(da, _by_base(e, a, b))
            return by_base if db == zero else e.add(by_base, e.multiply(db, _by_exponent(e, number, a, b)))
        case "call", (a,), (da,):
            return e.multiply(_by_argument(e, expression, a), da)
        case "where", (condition, _, _), (_, da, db):
            return e.where(condition, da, db)
        case "maximum" | "minimum" as kind, (a, b), (da, db):
            sign = ">" if kind == "maximum" else "<"
            mean = e.multiply(e.number(0.5), e.add(da, db))
            return e.where(e.compare(sign, a, b), da, e.where(e.compare(sign, b, a), db, mean))
    return zero  # a condition


def _by_argument(e: Expressions, call: Expression, a: int) -> int:
    """The derivative of a call by its argument."""
    function = str(call.what)
    is_last = call.order >= FUNCTIONS[function].degree
    return e.number(0.0) if is_last else e.call(function, a, call.order + 1)


def _by_base(e: Expressions, a: int, b: int) -> int:
    """`b a^(b - 1)`, and 0 where b is 0."""
    found = e.multiply(b, e.power(a, e.subtract(b, e.number(1.0))))
    if e.value_of(b) is not None:
        return found
    return e.where(e.compare("==", b, e.number(0.0)), e.number(0.0), found)


def _by_exponent(e: Expressions, power: int, a: int, b: int) -> int:
    """`a^b log(a)`, and 0 where a is 0 and b is not negative."""
    found = e.multiply(power, e.call("log", a))
    if e.value_of(a) is not None:
        return found
    zero = e.number(0.0)
    nothing = e.combine("and", e.compare("==", a, zero), e.compare(">=", b, zero))
    return e.where(nothing, zero, found)
