"""The way back: from a graph's output to its input, one node or one pattern of nodes after the other, as parts of a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..located import located
from ..parts import Part
from .calls import Call, Converted
from .matching import Match, matches
from .operators import operator_of
from .patterns import trees_of
from .trace import Trace


@dataclass(frozen=True, eq=False)
class Step:
    """One or several nodes that are one layer of the model.

    calls : the nodes in the order of the file.
    source : the name of the value that they are applied to.
    convert : makes fastjac layers of them.
    note : what a user may want to know.
    """

    calls: tuple[Call, ...]
    source: str
    convert: Callable[[], Converted]
    note: str

    @property
    def label(self) -> str:
        """The nodes' names and operators."""
        if len(self.calls) == 1:
            return self.calls[0].node.label
        operators = ", ".join(call.node.operator for call in self.calls)
        return f"{self.calls[0].node.name} to {self.calls[-1].node.name} ({operators})"


def convert(trace: Trace, output: str) -> Iterator[Part]:
    """The parts of a traced graph whose output has that name, input first.

    Raises UnsupportedLayerError where branches join, or a node cannot be said in fastjac layers; FormatError where its operands
    do not fit it or the layers would be far larger than the file.
    """
    for step in reversed(list(_steps(trace, output))):
        with located(str(step.calls[-1].node)):
            layers = tuple(step.convert())
        yield Part(step.label, layers, step.note)


def _steps(trace: Trace, output: str) -> Iterator[Step]:
    """The steps from the output back to the input."""
    value = output
    while value != trace.source.name:
        call = trace.calls[value]
        with located(str(call.node)):
            step = _pattern(value, trace) or _single(call)
        yield step
        value = step.source


def _single(call: Call) -> Step:
    """A node by itself, converted later, so that an error tells of the first node that is wrong."""
    operator = operator_of(call)
    position = call.flow_position
    if position != 0 and not operator.any_operand:
        raise call.no_constant(position)

    def convert() -> Converted:
        _take_account([call])
        return operator.convert(call)

    return Step((call,), call.node.inputs[position], convert, operator.note)


def _pattern(value: str, trace: Trace) -> Step | None:
    """The first pattern of nodes whose result is the value of that name, or None."""
    for tree, pattern in trees_of(trace.calls[value].node.operator):
        for match in matches(tree, value, trace):
            calls = _in_order(match)
            _take_account(calls)
            layers = pattern.build(match)
            if layers is not None:
                note = f"{len(calls)} nodes that are one {pattern.name}"
                return Step(calls, match.source, functools.partial(tuple, layers), note)
    return None


def _in_order(match: Match) -> tuple[Call, ...]:
    """The nodes of a match in the order of the file, each once."""
    calls = {call.node.position: call for call in match.calls}
    return tuple(calls[position] for position in sorted(calls))


def _take_account(calls: Iterable[Call]) -> None:
    """Count the entries of the weights that layers will hold copies of."""
    for call in calls:
        call.reader.account.make(sum(operand.size for operand in call.operands if isinstance(operand, np.ndarray)))
