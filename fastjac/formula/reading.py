"""A formula that has been read: its parameters, its derivatives, its kinks, and the rule by which kernels compute it."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import LayerError
from ..kernels.composed import ComposedRule, Reaching
from .derive import derivative
from .emit import compiled, source
from .evaluate import evaluate
from .expressions import Expressions
from .functions import FUNCTIONS
from .parse import parse

REACH = "reach of the kernels"
"""What stands for the farthest argument of sine and cosine among the names, where no parameter can be called so."""
MOST_TRAINED = 2
"""Parameters of which the gradient's tables have places for derivatives: the first ones."""
Sources = tuple[str, str | None]
"""The source of a function, and of one that says what is beyond its reach."""


class Results(NamedTuple):
    """The expressions that a function returns, and the condition that its x is out of reach, None where there is none such."""

    numbers: tuple[int, ...]
    beyond: int | None


@dataclass(frozen=True, eq=False)
class Reading:
    """A formula's expressions, to which none is added any more, since threads share them.

    names : the parameters, in the order in which the text names them.
    main : value, slope and bend.  pulls : the derivatives of value and slope by each parameter.
    switches : the expressions linear in x at whose zeros the slope may jump, and their slopes.
    """

    expressions: Expressions
    names: tuple[str, ...]
    main: Results
    pulls: Mapping[str, Results]
    switches: tuple[tuple[int, int], ...]

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether the second derivative is 0 everywhere."""
        return self.expressions.value_of(self.main.numbers[2]) == 0.0

    @functools.cached_property
    def is_sparse(self) -> bool:
        """Whether the slope is exactly 0 on whole intervals, as far as its form shows."""
        return _has_zeros(self.expressions, self.main.numbers[1])

    def at(self, x: float, parameters: Mapping[str, float]) -> float:
        """The value at x, or nan where there is none."""
        return evaluate(self.expressions, self.main.numbers[0], {"x": x, **parameters})

    def kinks(self, parameters: Mapping[str, float]) -> list[float]:
        """Where the slope may jump, or be infinite, as far as that is where something linear in x is 0; nan for one not there."""
        names, found = {"x": 0.0, **parameters}, []
        for switch, slope in self.switches:
            at_zero, rise = evaluate(self.expressions, switch, names), evaluate(self.expressions, slope, names)
            found.append(-at_zero / rise if rise else math.nan)
        return found


@functools.cache
def read(text: str) -> Reading:
    """The formula of a text. Raises LayerError for what is none, or has no x, or derivatives that no number can hold."""
    e = Expressions()
    value = parse(text, e)
    names = tuple(str(what) for kind, _, what, _ in e.all if kind == "name")
    if "x" not in names:
        there = ", ".join(names) or "no names"
        raise LayerError(f"the Formula {text!r} has no x, which it must be a function of; it has {there}")
    try:
        slope = derivative(e, value, "x")
        main = _results(e, value, slope, derivative(e, slope, "x"))
        names = tuple(name for name in names if name != "x")
        pulls = {name: _results(e, derivative(e, value, name), derivative(e, slope, name)) for name in names}
        return Reading(e, names, main, pulls, tuple(_linear(e, set(_switches(e, value)))))
    except (ArithmeticError, ValueError) as error:
        raise LayerError(f"the Formula {text!r} has derivatives in which a constant is infinite or no real number") from error


@functools.cache
def rule_of(text: str, order: tuple[str, ...]) -> ComposedRule:
    """The rule that takes the parameters in this order, and knows the derivatives by the first ones."""
    reading = read(text)
    names = {"x": "x", REACH: "reach(x)"} | {name: f"rows[{place}]" for place, name in enumerate(order)}
    functions = (reading.main, *(reading.pulls[name] for name in order[:MOST_TRAINED]))
    sources = tuple(_sources(reading.expressions, names, function) for function in functions)
    return _rule(sources, len(order))


def _sources(e: Expressions, names: Mapping[str, str], function: Results) -> Sources:
    beyond = None if function.beyond is None else source(e, names, [function.beyond])
    return source(e, names, function.numbers), beyond


@functools.cache
def _rule(sources: tuple[Sources, ...], count: int) -> ComposedRule:
    """The one rule of these sources."""
    formula, *pulls = (_reaching(*pair) for pair in sources)
    digest = hashlib.sha256(repr((sources, count)).encode()).hexdigest()[:16]
    return ComposedRule(formula=formula, digest=digest, count=count, pulls=tuple(pulls))


def _reaching(text: str, beyond: str | None) -> Reaching:
    near, is_scalar = compiled(text), "raised(" in text
    if beyond is None:
        return Reaching(near, is_scalar=is_scalar)
    return Reaching(near, compiled(text, anywhere=True), compiled(beyond), is_scalar)


def _results(e: Expressions, *numbers: int) -> Results:
    calls = [e.all[number] for number in e.below(numbers) if e.all[number].kind == "call"]
    turned = [call.operands[0] for call in calls if FUNCTIONS[str(call.what)].anywhere]
    far = [e.compare(">", e.call("abs", a), e.name(REACH)) for a in turned]
    return Results(numbers, functools.reduce(lambda a, b: e.combine("or", a, b), far) if far else None)


def _linear(e: Expressions, switches: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Those of some expressions that are linear in x, with their slopes."""
    for switch in switches:
        slope = derivative(e, switch, "x")
        if e.value_of(slope) != 0.0 and e.name("x") not in e.below([slope]):
            yield switch, slope


def _has_zeros(e: Expressions, number: int) -> bool:
    """Whether an expression is exactly 0 on whole intervals, as far as its form shows."""
    kind, operands, what, order = e.all[number]
    match kind:
        case "call":
            return order == 1 and FUNCTIONS[str(what)].is_sparse
        case "multiply":
            return any(_has_zeros(e, operand) for operand in operands)
        case "where":
            return any(e.value_of(operand) == 0.0 or _has_zeros(e, operand) for operand in operands[1:])
    return False


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
