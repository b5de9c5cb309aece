"""Formulas as text, read by Python's own grammar and never executed: the grammar's tree is taken apart, node by node.

A text that would be expensive, or on which Python's parser would choke, is refused before it is parsed: a text of more than
MOST_CHARACTERS, any character that formulas do not need, parentheses within more than MOST_NESTED others.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ..errors import LayerError
from .expressions import Expressions
from .functions import FUNCTIONS

MOST_CHARACTERS = 5_000
MOST_NESTED = 50
MOST_OPERATIONS = 300
FOREIGN = re.compile(r"[^A-Za-z0-9_.,()+\-*/<>=! \t\r\n]")
SHOWN = 30
"""Characters that a message shows on either side of a place."""
CONSTANTS = {"pi": math.pi}
SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
OPERATORS: dict[type[ast.operator], Callable[[Expressions, int, int], int]] = {
    ast.Add: Expressions.add,
    ast.Sub: Expressions.subtract,
    ast.Mult: Expressions.multiply,
    ast.Div: Expressions.divide,
    ast.Pow: Expressions.power,
}


def _square_root(e: Expressions, a: int) -> int:
    return e.power(a, e.number(0.5))


def _logaddexp(e: Expressions, a: int, b: int) -> int:
    """`log(exp(a) + exp(b))`, from the larger one."""
    above, below = (e.add(p, e.call("softplus", e.subtract(q, p))) for p, q in ((a, b), (b, a)))
    return e.where(e.compare(">", a, b), above, below)


OTHERS: dict[str, tuple[int, Callable[..., int]]] = {
    "sqrt": (1, _square_root),
    "logaddexp": (2, _logaddexp),
    "max": (2, Expressions.maximum),
    "min": (2, Expressions.minimum),
}
"""Functions that are composed of other expressions, with the number of their arguments."""
CALLED = sorted([*FUNCTIONS, *OTHERS, "where"])
RESERVED = {"x", "formula", *CONSTANTS, *CALLED}
"""Names that no parameter can have: `formula` is the argument that holds the text."""


def parse(text: str, expressions: Expressions) -> int:
    """The expression of a text. Raises LayerError, with the place in the text, where it is no formula."""
    if len(text) > MOST_CHARACTERS:
        raise LayerError(f"a Formula must have at most {MOST_CHARACTERS:,} characters, got {len(text):,}: {text[:SHOWN]!r}...")
    _check_characters(text)
    # A line's end becomes a blank, as within parentheses, so that places count from the start of the text.
    plain = re.sub(r"\s", " ", text)
    lead = len(plain) - len(plain.lstrip())
    try:
        tree = ast.parse(plain[lead:], mode="eval")
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        place = error.offset + lead - 1 if isinstance(error, SyntaxError) and error.offset else 0
        why = error.msg if isinstance(error, SyntaxError) else "it nests too deeply"
        raise LayerError(f"the Formula {_shown(text, place)} cannot be read: {why}") from error
    return _Reader(text, lead, expressions).read(tree.body)


def _check_characters(text: str) -> None:
    if foreign := FOREIGN.search(text):
        hint = "; write ** for powers" if foreign[0] == "^" else ""
        raise LayerError(f"the Formula {_shown(text, foreign.start())} holds {foreign[0]!r}, which no formula needs{hint}")
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth > MOST_NESTED:
            raise LayerError(f"the Formula {_shown(text, place)} has parentheses within more than {MOST_NESTED} others")


def _shown(text: str, place: int) -> str:
    """The text around a place, and the place's number."""
    start, stop = max(0, place - SHOWN), place + SHOWN
    part = f"{'...' * (start > 0)}{text[start:stop]}{'...' * (stop < len(text))}"
    return f"{part!r}, at character {place + 1},"


class _Reader:
    """Takes the grammar's tree apart."""

    def __init__(self, text: str, lead: int, expressions: Expressions) -> None:
        self._text, self._lead, self._expressions = text, lead, expressions
        self._left = MOST_OPERATIONS

    def read(self, node: ast.expr) -> int:
        """The expression of a node that is a number."""
        self._count(node)
        try:
            return self._number(node)
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, LayerError):
                raise
            raise self._refused(node, "has no finite value, or is too large a number") from error

    def _number(self, node: ast.expr) -> int:
        e = self._expressions
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return e.number(float(value))
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=a):
                return e.negative(self.read(a))
            case ast.UnaryOp(op=ast.UAdd(), operand=a):
                return self.read(a)
            case ast.BinOp(left=a, op=operator, right=b) if type(operator) in OPERATORS:
                return OPERATORS[type(operator)](e, self.read(a), self.read(b))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(node, name, arguments)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                raise self._refused(node, "is a condition, and stands where a number must; write where(condition, a, b)")
            case _:
                there = "numbers, names, + - * / **, and functions that are called by their names"
                raise self._refused(node, f"is not part of formulas, which have {there}")

    def _name(self, node: ast.expr, name: str) -> int:
        if name in CONSTANTS:
            return self._expressions.number(CONSTANTS[name])
        if name in CALLED:
            raise self._refused(node, f"is a function; write {name}(...)")
        return self._expressions.name(name)

    def _call(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> int:
        if name not in CALLED:
            near = get_close_matches(name, CALLED, 1)
            fix = f"did you mean {near[0]}?" if near else f"there are {', '.join(CALLED)}"
            raise self._refused(node, f"calls {name}, which is no function of formulas; {fix}")
        count, make = OTHERS.get(name, (3 if name == "where" else 1, None))
        is_chain = name in ("max", "min") and len(arguments) > 2
        if len(arguments) != count and not is_chain:
            raise self._refused(
                node, f"has {len(arguments)} arguments, {name} takes {count}{' or more' * (name in ('max', 'min'))}"
            )
        if name == "where":
            return self._expressions.where(self._condition(arguments[0]), self.read(arguments[1]), self.read(arguments[2]))
        numbers = [self.read(argument) for argument in arguments]
        if make is None:
            return self._expressions.call(name, *numbers)
        found = make(self._expressions, *numbers[:count])
        for other in numbers[count:]:
            found = make(self._expressions, found, other)
        return found

    def _condition(self, node: ast.expr) -> int:
        """The expression of a node that is a condition."""
        self._count(node)
        e = self._expressions
        match node:
            case ast.Compare(left=first, ops=operators, comparators=others) if all(type(op) in SIGNS for op in operators):
                numbers = [self.read(first), *map(self.read, others)]
                found = [e.compare(SIGNS[type(op)], *pair) for op, *pair in zip(operators, numbers, numbers[1:], strict=False)]
                return self._all("and", found)
            case ast.BoolOp(op=operator, values=values):
                return self._all("and" if isinstance(operator, ast.And) else "or", list(map(self._condition, values)))
            case ast.UnaryOp(op=ast.Not(), operand=condition):
                return e.combine("not", self._condition(condition))
            case _:
                raise self._refused(node, "must be a condition, such as x > 0")

    def _all(self, kind: str, conditions: list[int]) -> int:
        found, *others = conditions
        for other in others:
            found = self._expressions.combine(kind, found, other)
        return found

    def _count(self, node: ast.expr) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._refused(
                node, f"comes after {MOST_OPERATIONS} numbers, names and operations, which are the most of a formula"
            )

    def _refused(self, node: Any, why: str) -> LayerError:
        return LayerError(f"the Formula {_shown(self._text, node.col_offset + self._lead)} {why}: {self._part(node)!r}")

    def _part(self, node: Any) -> str:
        start, stop = node.col_offset + self._lead, node.end_col_offset + self._lead
        return self._text[start:stop] if stop - start <= SHOWN else f"{self._text[start : start + SHOWN]}..."
