"""A small language for trees of operations, in which patterns.py writes how several operations make up one layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np

from ... import layers as fl
from ...graphs.nodes import Node
from ...layers import Layer
from ...layers.joins import Add, Condition, Divide, Gate, Multiply, Take

TOLERANCE = 2e-7
"""The relative distance that a parameter may have from the number it stands for: float32 has 1.41421354 for the root of 2."""
COMMUTATIVE = (Add, Multiply)


class Start:
    """The vector that a tree starts from, the same one wherever it stands."""


@dataclass(frozen=True)
class Named:
    """A parameter of any value, the same wherever the name stands."""

    name: str


@dataclass(frozen=True)
class OneOf:
    """Any of several trees."""

    trees: tuple[Tree, ...]


@dataclass(frozen=True)
class Spread:
    """A vector of one unit, which is repeated for each unit of another."""

    tree: Tree


@dataclass(frozen=True)
class Op:
    """An operation on such trees; the operands of a sum or a product may come in any order.

    parameters : by the name of a field, what it must be: a float that it must be close to, a Named parameter, or its exact value.
    """

    operation: type[Layer]
    operands: tuple[Tree, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Units:
    """Units that are constants, such as `joining.constant_node` makes: one number for all of them, or one for each."""

    value: float | Named


@dataclass(frozen=True)
class Mean:
    """The mean of all units, as `reduction.reduce_mean` makes it."""

    tree: Tree


Tree = Start | OneOf | Spread | Units | Mean | Op
X = Start()


@dataclass(frozen=True)
class Match:
    """What a tree was found to stand for.

    source : the vector that the tree starts from; None as long as that is not known.
    parameters : the values of the named parameters, by their names in the tree.
    nodes : the results of its operations, the last first.
    """

    source: Node | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()

    def number(self, name: str, default: float = math.nan) -> float:
        """A parameter as a number, nan if it is an array; the default if the tree found does not name it."""
        value = self.parameters.get(name, default)
        return math.nan if isinstance(value, np.ndarray) else float(value)


NOTHING = Match()


def matches(tree: Tree, node: Node, found: Match = NOTHING) -> Iterator[Match]:
    """Every way in which a node is the result of the tree, given what is found already."""
    return _MATCHERS[type(tree)](tree, node, found)


def may_match(tree: Op, operands: Sequence[type]) -> bool:
    """Whether the tree may match a result of its last operation, where operations of these kinds make the operands."""
    return len(operands) == len(tree.operands) and any(all(map(_may_end_in, order, operands)) for order in _orders(tree))


def _may_end_in(tree: Tree, operation: type) -> bool:
    match tree:
        case Op():
            return operation is tree.operation
        case OneOf():
            return any(_may_end_in(one, operation) for one in tree.trees)
        case Units():
            return operation is fl.Affine
        case Mean():
            return operation is fl.Scale
    return True


def _orders(tree: Op) -> Iterable[Sequence[Tree]]:
    return permutations(tree.operands) if tree.operation in COMMUTATIVE else [tree.operands]


def _start_matches(tree: Start, node: Node, found: Match) -> Iterator[Match]:
    if found.source is None or found.source is node:
        yield replace(found, source=node)


def _any_matches(tree: OneOf, node: Node, found: Match) -> Iterator[Match]:
    for one in tree.trees:
        yield from matches(one, node, found)


def _op_matches(tree: Op, node: Node, found: Match) -> Iterator[Match]:
    if type(node.operation) is not tree.operation or len(node.operands) != len(tree.operands):
        return
    parameters = _agreed(tree.parameters, vars(node.operation), found.parameters)
    if parameters is not None:
        inner = Match(found.source, parameters, (*found.nodes, node))
        for order in _orders(tree):
            yield from _all_match(order, node.operands, inner)


def _spread_matches(tree: Spread, node: Node, found: Match) -> Iterator[Match]:
    operation = node.operation
    if isinstance(operation, Take) and operation.size == 1:
        yield from matches(tree.tree, node.operands[0], replace(found, nodes=(*found.nodes, node)))
    elif node.size == 1:
        yield from matches(tree.tree, node, found)


def _all_match(trees: Sequence[Tree], nodes: Sequence[Node], found: Match) -> Iterator[Match]:
    if not trees:
        yield found
        return
    for first in matches(trees[0], nodes[0], found):
        yield from _all_match(trees[1:], nodes[1:], first)


def _units_matches(tree: Units, node: Node, found: Match) -> Iterator[Match]:
    affine = node.operation
    if isinstance(affine, fl.Affine) and affine.bias is not None and not np.any(affine.weight):
        value = float(affine.bias[0]) if np.all(affine.bias == affine.bias[0]) else affine.bias
        parameters = _agreed({"value": tree.value}, {"value": value}, found.parameters)
        if parameters is not None:
            yield replace(found, parameters=parameters, nodes=(*found.nodes, node))


def _mean_matches(tree: Mean, node: Node, found: Match) -> Iterator[Match]:
    scale = node.operation
    total = node.operands[0] if node.operands else node
    affine = total.operation
    if isinstance(scale, fl.Scale) and isinstance(affine, fl.Affine) and affine.bias is None:
        n = affine.weight.shape[1]
        if total.size == 1 and np.all(affine.weight == 1.0) and _equals(scale.weight, 1.0 / n) and _equals(scale.bias, 0.0):
            yield from matches(tree.tree, total.operands[0], replace(found, nodes=(*found.nodes, node, total)))


def _agreed(wanted: Mapping[str, Any], given: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The named parameters that are known, with those of one more operation; None where that one's are not as wanted."""
    found = dict(known)
    for name, expected in wanted.items():
        value = given[name]
        if isinstance(expected, Named):
            if not np.array_equal(found.setdefault(expected.name, value), value):
                return None
        elif not _equals(value, expected):
            return None
    return found


def _equals(value: Any, wanted: Any) -> bool:
    """Whether a parameter is as wanted. A number may be rounded to single or half precision, and so may its inverse."""
    if not isinstance(wanted, float):
        return bool(value == wanted)
    if isinstance(value, np.ndarray):
        return False
    near = [wanted, float(np.float16(wanted)), *([1.0 / float(np.float16(1.0 / wanted))] if wanted else [])]
    return any(math.isclose(value, number, rel_tol=TOLERANCE) for number in near)


_MATCHERS: dict[type, Callable[[Any, Node, Match], Iterator[Match]]] = {
    Start: _start_matches,
    OneOf: _any_matches,
    Spread: _spread_matches,
    Units: _units_matches,
    Mean: _mean_matches,
    Op: _op_matches,
}


# Words of the language


def either(*trees: Tree) -> OneOf:
    """Any of the trees."""
    return OneOf(trees)


def layer(operation: type[Layer], tree: Tree, **parameters: Any) -> Op:
    """A layer on a tree, with these parameters."""
    return Op(operation, (tree,), parameters)


def scaled(tree: Tree, factor: float | Named) -> Op:
    """`tree * factor`."""
    return layer(fl.Scale, tree, weight=factor, bias=0.0)


def shifted(tree: Tree, offset: float | Named) -> Op:
    """`tree + offset`."""
    return layer(fl.Scale, tree, weight=1.0, bias=offset)


def taken_from(offset: float | Named, tree: Tree) -> Op:
    """`offset - tree`."""
    return layer(fl.Scale, tree, weight=-1.0, bias=offset)


def negated(tree: Tree) -> Op:
    """`-tree`."""
    return scaled(tree, -1.0)


def added(a: Tree, b: Tree) -> Op:
    """`a + b`."""
    return Op(Add, (a, b))


def less(a: Tree, b: Tree) -> Op:
    """`a - b`."""
    return added(a, negated(b))


def product(a: Tree, b: Tree) -> Op:
    """`a * b`."""
    return Op(Multiply, (a, b))


def quotient(a: Tree, b: Tree) -> Op:
    """`a / b`."""
    return Op(Divide, (a, b))


def products(a: Tree, b: Tree, factor: float) -> tuple[Op, ...]:
    """`a * b * factor`, in whatever order they are multiplied."""
    return scaled(product(a, b), factor), product(scaled(a, factor), b), product(a, scaled(b, factor))


def gate(when: Condition, a: Tree, b: Tree) -> Op:
    """`b` where a fulfils a condition, else 0."""
    return Op(Gate, (a, b), {"when": when})


def chosen(condition: Tree, a: Tree, b: Tree) -> Op:
    """`a` where the condition is above 0, else b."""
    return added(gate("a > 0", condition, a), gate("not a > 0", condition, b))
