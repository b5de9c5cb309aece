"""Expressions of numbers and names, each stored once: equal subexpressions of a formula and its derivatives are one expression.

An expression is known by its number among all `Expressions`; its operands have smaller numbers. Whoever makes an expression
applies the few rules by which derivatives stay small (constants are computed, 0 and 1 drop out). Forms that lose digits, or
overflow, are replaced by the function that does not: sigmoid for `1 / (1 + exp(-x))`, expm1 for `exp(x) - 1`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .functions import FUNCTIONS


class Expression(NamedTuple):
    """One expression.

    kind : "number"; "name"; "add", "multiply", "divide", "power", "maximum" or "minimum" of two operands; "call" of a function of
        one; "where" of a condition and two operands; a condition: "compare", "and", "or" of two operands, "not" of one.
    operands : the numbers of its operands.
    what : the number, the name, the comparison's sign, or the function's name.
    order : for a call: 0 for the function itself, 1 for its slope, 2 for its bend.
    """

    kind: str
    operands: tuple[int, ...] = ()
    what: float | str = ""
    order: int = 0


class Expressions:
    """A growing set of expressions. Methods that make a constant raise ArithmeticError or ValueError where it is not finite."""

    def __init__(self) -> None:
        self.all: list[Expression] = []
        self._numbers: dict[Expression, int] = {}
        for constant in (0.0, 1.0, -1.0):  # first, so that the order of others does not depend on who needs these
            self.number(constant)

    def number(self, value: float) -> int:
        """A constant."""
        if isinstance(value, complex) or not math.isfinite(value):
            raise ArithmeticError("is not a finite real number")
        return self._of(Expression("number", what=value + 0.0))  # 0.0 makes 0 of -0

    def name(self, name: str) -> int:
        """x or a parameter."""
        return self._of(Expression("name", what=name))

    @property
    def names(self) -> list[str]:
        """All names, in the order in which they came."""
        return [str(expression.what) for expression in self.all if expression.kind == "name"]

    def value_of(self, expression: int) -> float | None:
        """The value of a constant; None for any other expression."""
        kind, _, value, _ = self.all[expression]
        return float(value) if kind == "number" else None

    def add(self, a: int, b: int) -> int:
        """`a + b`."""
        p, q = self.value_of(a), self.value_of(b)
        if p is not None and q is not None:
            return self.number(p + q)
        if p == 0.0 or q == 0.0:
            return b if p == 0.0 else a
        stable = self._stable_sum(*((a, b) if p is not None else (b, a)))
        return self._of(Expression("add", _sorted(a, b))) if stable is None else stable

    def subtract(self, a: int, b: int) -> int:
        """`a - b`."""
        return self.number(0.0) if a == b else self.add(a, self.negative(b))

    def negative(self, a: int) -> int:
        """`-a`."""
        return self.multiply(self.number(-1.0), a)

    def multiply(self, a: int, b: int) -> int:
        """`a b`, which is 0 for a constant 0 whatever the other factor is."""
        p, q = self.value_of(a), self.value_of(b)
        if q is not None:
            a, b, p, q = b, a, q, p
        if p is not None and q is not None:
            return self.number(p * q)
        if p == 0.0 or p == 1.0:
            return a if p == 0.0 else b
        inner = self.value_of(self.all[b].operands[0]) if self.all[b].kind == "multiply" else None
        if p is not None and inner is not None:
            return self.multiply(self.number(p * inner), self.all[b].operands[1])
        return self._of(Expression("multiply", (a, b) if p is not None else _sorted(a, b)))

    def divide(self, a: int, b: int) -> int:
        """`a / b`, which is 0 for a constant 0 whatever b is."""
        p, q = self.value_of(a), self.value_of(b)
        if p is not None and q is not None:
            return self.number(p / q)
        if p == 0.0 or q == 1.0:
            return a
        stable = self._stable_quotient(a, b)
        return self._of(Expression("divide", (a, b))) if stable is None else stable

    def power(self, a: int, b: int) -> int:
        """`a ** b`."""
        p, q = self.value_of(a), self.value_of(b)
        if p is not None and q is not None:
            return self.number(p**q)
        if q == 0.0 or q == 1.0:
            return self.number(1.0) if q == 0.0 else a
        return self.divide(self.number(1.0), a) if q == -1.0 else self._of(Expression("power", (a, b)))

    def call(self, function: str, a: int, order: int = 0) -> int:
        """A function of `a`, or one of its derivatives."""
        p = self.value_of(a)
        if p is not None and order == 0:
            return self.number(FUNCTIONS[function].python(p))
        stable = self._stable_call(function, a) if order == 0 else None
        return self._of(Expression("call", (a,), function, order)) if stable is None else stable

    def maximum(self, a: int, b: int) -> int:
        """The larger one."""
        return a if a == b else self._of(Expression("maximum", _sorted(a, b)))

    def minimum(self, a: int, b: int) -> int:
        """The smaller one."""
        return a if a == b else self._of(Expression("minimum", _sorted(a, b)))

    def where(self, condition: int, a: int, b: int) -> int:
        """a where the condition holds, b elsewhere."""
        return a if a == b else self._of(Expression("where", (condition, a, b)))

    def compare(self, sign: str, a: int, b: int) -> int:
        """A condition: `a < b`, or another sign in its place."""
        return self._of(Expression("compare", (a, b), sign))

    def combine(self, kind: str, *conditions: int) -> int:
        """ "and" or "or" of two conditions, "not" of one."""
        return self._of(Expression(kind, conditions))

    def below(self, roots: Iterable[int]) -> list[int]:
        """These expressions and all that lead to them, each behind its operands."""
        found, left = set(), list(roots)
        while left:
            expression = left.pop()
            if expression not in found:
                found.add(expression)
                left += self.all[expression].operands
        return sorted(found)

    def _of(self, expression: Expression) -> int:
        if expression not in self._numbers:
            self._numbers[expression] = len(self.all)
            self.all.append(expression)
        return self._numbers[expression]

    def _is_call(self, expression: int, function: str) -> bool:
        return self.all[expression].kind == "call" and self.all[expression][2:] == (function, 0)

    def _is_one_plus(self, expression: int) -> int | None:
        """a, where the expression is `1 + a`."""
        kind, operands, _, _ = self.all[expression]
        if kind != "add":
            return None
        return next((b for a, b in (operands, operands[::-1]) if self.value_of(a) == 1.0), None)

    def _stable_sum(self, a: int, b: int) -> int | None:
        """`-1 + exp(u)` as expm1 and `1 - sigmoid(u)` as `sigmoid(-u)`, which keep the digits that the difference loses."""
        if self.value_of(a) == -1.0 and self._is_call(b, "exp"):
            return self.call("expm1", *self.all[b].operands)
        if self.value_of(a) == 1.0 and self.all[b].kind == "multiply":
            factor, other = self.all[b].operands
            if self.value_of(factor) == -1.0 and self._is_call(other, "sigmoid"):
                return self.call("sigmoid", self.negative(*self.all[other].operands))
        return None

    def _stable_quotient(self, a: int, b: int) -> int | None:
        """`a / (1 + exp(u))` as `a sigmoid(-u)`, and `exp(u) / (1 + exp(u))` as `sigmoid(u)`, which do not overflow."""
        rest = self._is_one_plus(b)
        if rest is None or not self._is_call(rest, "exp"):
            return None
        (argument,) = self.all[rest].operands
        return self.call("sigmoid", argument) if a == rest else self.multiply(a, self.call("sigmoid", self.negative(argument)))

    def _stable_call(self, function: str, a: int) -> int | None:
        """`log(1 + u)` as log1p, and `log(1 + exp(u))` as softplus."""
        rest = self._is_one_plus(a)
        if function == "log" and rest is not None:
            return self.call("log1p", rest)
        if function == "log1p" and self._is_call(a, "exp"):
            return self.call("softplus", *self.all[a].operands)
        return None


def _sorted(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
