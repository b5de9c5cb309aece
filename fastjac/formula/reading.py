"""A formula that has been read: its parameters, its derivatives, its kinks, and the rule by which kernels compute it."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import LayerError
from ..kernels.activations import MOST_TRAINED
from ..kernels.composed import ComposedRule, Reaching
from .derive import derivative
from .emit import compiled, in_library, source
from .evaluate import evaluate
from .expressions import Expressions
from .functions import FUNCTIONS
from .parse import parse

REACH = "reach of the kernels"
"""Stands for the farthest argument of sine and cosine among the names, as no parameter can have this name."""
Sources = tuple[str, str | None]
"""The source of a function, and of a function that says whether x is beyond its reach; None where it takes every x."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A formula's expressions: value, slope and bend. Threads share it, so no expression is added to it."""

    expressions: Expressions
    main: tuple[int, int, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order in which the text names them."""
        return tuple(name for name in self.expressions.names if name != "x")

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether the bend is 0 everywhere."""
        return self.expressions.value_of(self.main[2]) == 0.0

    @functools.cached_property
    def is_sparse(self) -> bool:
        """Whether the slope is exactly 0 on whole intervals, as far as its form shows."""
        return _has_zeros(self.expressions, self.main[1])

    def at(self, x: float, parameters: Mapping[str, float]) -> float:
        """The value at x, or nan where there is none."""
        return evaluate(self.expressions, self.main[0], {"x": x, **parameters})


@functools.cache
def read(text: str) -> Reading:
    """The formula of a text. Raises LayerError for a text that is no formula, has no x, or has derivatives that overflow."""
    return _read(text)


def _read(text: str) -> Reading:
    """The formula of a text, newly read, for a caller that adds expressions of its own."""
    e = Expressions()
    value = parse(text, e)
    if "x" not in e.names:
        there = ", ".join(e.names) or "no names"
        raise LayerError(f"the Formula {text!r:.100} has no x, which it must be a function of; it has {there}")
    try:
        slope = derivative(e, value, "x")
        return Reading(e, (value, slope, derivative(e, slope, "x")))
    except (ArithmeticError, ValueError) as error:
        raise LayerError(
            f"the Formula {text!r:.100} has derivatives in which a constant is infinite or no real number"
        ) from error


def kinks_of(text: str, units: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Where the slope may jump, or be infinite, as far as a term linear in x is 0 there: a row for each unit's parameters.

    Such a place is inf for a unit that does not have it.
    """
    reading = _read(text)
    e, places = reading.expressions, np.empty((len(units), 0))
    for switch in dict.fromkeys(_switches(e, reading.main[0])):
        slope = derivative(e, switch, "x")
        if e.value_of(slope) != 0.0 and e.name("x") not in e.below([slope]):
            found = [[evaluate(e, part, {"x": 0.0, **unit}) for part in (switch, slope)] for unit in units]
            places = np.column_stack([places, [-at_zero / rise if rise else math.inf for at_zero, rise in found]])
    return np.where(np.isfinite(places), places, math.inf)


@functools.cache
def rule_of(text: str, order: tuple[str, ...]) -> ComposedRule:
    """The rule that takes the parameters in this order, and has the derivatives by the first ones."""
    reading = _read(text)
    e, names = reading.expressions, {"x": "x", REACH: "reach(x)"} | {name: f"rows[{place}]" for place, name in enumerate(order)}
    pulls = ([derivative(e, of, name) for of in reading.main[:2]] for name in order[:MOST_TRAINED])
    return _rule(tuple(_sources(e, names, results) for results in (reading.main, *pulls)), len(order))


def _sources(e: Expressions, names: Mapping[str, str], results: Sequence[int]) -> Sources:
    calls = [e.all[number] for number in e.below(results) if e.all[number].kind == "call"]
    turned = dict.fromkeys(call.operands[0] for call in calls if FUNCTIONS[str(call.what)].anywhere)
    far = [e.compare(">", e.call("abs", a), e.name(REACH)) for a in turned]
    beyond = source(e, names, [functools.reduce(lambda a, b: e.combine("or", a, b), far)]) if far else None
    return source(e, names, results), beyond


@functools.cache
def _rule(sources: tuple[Sources, ...], count: int) -> ComposedRule:
    """The one rule of these sources."""
    formula, *pulls = (_reaching(*pair) for pair in sources)
    digest = hashlib.sha256(repr((sources, count)).encode()).hexdigest()[:16]
    return ComposedRule(formula=formula, digest=digest, count=count, pulls=tuple(pulls))


def _reaching(text: str, beyond: str | None) -> Reaching:
    near, is_scalar = compiled(text), in_library(text)
    if beyond is None:
        return Reaching(near, is_scalar=is_scalar)
    return Reaching(near, compiled(text, anywhere=True), compiled(beyond), is_scalar)


def _has_zeros(e: Expressions, root: int) -> bool:
    """Whether an expression is exactly 0 on whole intervals, as far as its form shows."""
    found: dict[int, bool] = {}
    for number in e.below([root]):
        kind, operands, what, order = e.all[number]
        of_operands = [found[operand] for operand in operands]
        if kind == "call":
            found[number] = order == 1 and FUNCTIONS[str(what)].is_sparse
        elif kind == "where":
            found[number] = any(of_operands[1:])
        else:
            found[number] = (kind == "multiply" and any(of_operands)) or e.value_of(number) == 0.0
    return found[root]


def _switches(e: Expressions, value: int) -> Iterator[int]:
    """The expressions at whose zeros the slope of a value may jump, or be infinite."""
    for number in e.below([value]):
        kind, operands, what, _ = e.all[number]
        match kind, operands:
            case "call", (a,):
                yield from (e.subtract(a, e.number(kink)) for kink in FUNCTIONS[str(what)].kinks)
            case "divide", (_, b):
                yield b
            case "power", (a, b):
                exponent = e.value_of(b)
                if exponent is None or exponent < 0.0 or not exponent.is_integer():
                    yield a
            case (("compare" | "maximum" | "minimum"), (a, b)):
                yield e.subtract(a, b)
