"""Find a tree of operators in a graph, from its result back to the one value that it starts from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np

from .calls import Call, Flow
from .trace import Trace
from .trees import Constant, Input, OneOf, Op, Tree

COMMUTATIVE = ("Add", "Mul", "Or")
TOLERANCE = 1e-7
"""How far, relatively, a constant may be from the number it stands for: float32 has 1.41421354 for the root of 2."""


@dataclass(frozen=True)
class Match:
    """What a tree was found to stand for.

    source : the name of the value that it starts from; "" as long as that is not known.
    constants : by their names in the tree.
    calls : the nodes, the result first; one that the tree names twice is there twice.
    """

    source: str = ""
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()

    def call(self, operator: str) -> Call:
        """The node of that operator nearest to the result."""
        return next(call for call in self.calls if call.node.operator == operator)

    def number(self, name: str, default: float = math.nan) -> float:
        """A constant as a number, nan if it has more entries than one; the default if the tree found does not name it."""
        if name not in self.constants:
            return default
        array = self.constants[name]
        return float(array.item()) if array.size == 1 else math.nan


NOTHING = Match()


def matches(tree: Tree, value: str, trace: Trace, found: Match = NOTHING) -> Iterator[Match]:
    """Every way in which the value of that name is the result of the tree, given what is found already."""
    operand = trace.values[value]
    if isinstance(tree, Input):
        if isinstance(operand, Flow) and found.source in ("", value):
            yield replace(found, source=value)
    elif isinstance(tree, Constant):
        if isinstance(operand, np.ndarray) and np.array_equal(found.constants.get(tree.name, operand), operand):
            yield replace(found, constants={**found.constants, tree.name: operand})
    elif isinstance(tree, OneOf):
        for one in tree.trees:
            yield from matches(one, value, trace, found)
    elif isinstance(tree, Op):
        yield from _op_matches(tree, value, trace, found)
    elif isinstance(operand, np.ndarray) and operand.size == 1 and _stands_for(operand.item(), tree):
        yield found


def _stands_for(constant: float, number: float) -> bool:
    """Whether a constant is that number in double, single or half precision."""
    return math.isclose(constant, number, rel_tol=TOLERANCE) or constant == float(np.float16(number))


def _op_matches(tree: Op, value: str, trace: Trace, found: Match) -> Iterator[Match]:
    call = trace.calls.get(value)
    if call is None or call.node.operator != tree.operator or len(call.operands) < len(tree.operands):
        return
    found = replace(found, calls=(*found.calls, call))
    for order in permutations(tree.operands) if tree.operator in COMMUTATIVE else [tree.operands]:
        yield from _all_match(order, call.node.inputs, trace, found)


def _all_match(trees: Sequence[Tree], values: Sequence[str], trace: Trace, found: Match) -> Iterator[Match]:
    if not trees:
        yield found
        return
    for first in matches(trees[0], values[0], trace, found):
        yield from _all_match(trees[1:], values[1:], trace, first)
