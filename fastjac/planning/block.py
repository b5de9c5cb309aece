"""A block: the part of a graph between two vertices through which all of it passes, as maps of single vectors and joins.

Value 0 is the block's input, and step k makes value k + 1; the last value is the block's output. A derivative needs the block's
*edges*: each states how the derivative of one value contributes to that of another. A tangent at a value is the sum over the
edges that lead there. A cotangent is the sum over the edges that lead away, transposed. So forward and reverse are one sum, read
from either end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ..layers import Affine, Multiply, Pairwise
from .operators import Diagonal, Normalization


@dataclass(frozen=True, eq=False)
class Sum:
    """Vectors of one size, added in order."""

    size: int


@dataclass(frozen=True, eq=False)
class Pair:
    """A function of two vectors, unit by unit, whose Jacobians are two diagonals."""

    join: Pairwise
    size: int
    n_layers = 1
    rank = 0


@dataclass(frozen=True, eq=False)
class Stack:
    """Vectors one after another."""

    size: int


@dataclass(frozen=True, eq=False)
class Selection:
    """Some units of a vector, by their numbers."""

    index: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many units there are."""
        return len(self.index)


Operator = Affine | Diagonal | Normalization | Sum | Pair | Stack | Selection


@dataclass(frozen=True, eq=False)
class BlockStep:
    """One operator and the numbers of the values that it takes."""

    operator: Operator
    operands: tuple[int, ...]

    @property
    def size(self) -> int:
        """Units of the value that it makes."""
        return self.operator.n_out if isinstance(self.operator, Affine) else self.operator.size


@dataclass(frozen=True)
class Units:
    """Units of one value that are units of the other: an identity matrix with shifted or chosen columns.

    source, target : the first unit at either value.  count : how many units.
    index : the numbers of the units at the source where they do not follow one another, else None.
    """

    source: int
    target: int
    count: int
    index: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Slopes:
    """The diagonal of an elementwise map.

    operand : the number of the operand by which the slope is taken.
    sparse : whether entries are exactly 0 on whole intervals of the input.
    """

    operator: Diagonal | Pair
    operand: int = 0
    sparse: bool = False


Map = Affine | Normalization | Slopes | Units


@dataclass(frozen=True, eq=False)
class Edge:
    """The derivative of value `target` by value `source` along the ways that pass no other value."""

    source: int
    target: int
    map: Map


@dataclass(frozen=True, eq=False)
class Block:
    """Steps in order; `n_in` is the size of the block's input."""

    steps: tuple[BlockStep, ...]
    n_in: int

    @property
    def n_out(self) -> int:
        """Units of its output."""
        return self.steps[-1].size

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every value."""
        return (self.n_in, *(step.size for step in self.steps))

    @property
    def operators(self) -> tuple[Operator, ...]:
        """What its steps do."""
        return tuple(step.operator for step in self.steps)

    @property
    def edges_of_steps(self) -> tuple[Edge, ...]:
        """The edges of every step, in order: one for each operand."""
        sizes = self.sizes
        zeros = [False]
        for step in self.steps:
            zeros.append(_gives_zeros(step, zeros))
        return tuple(edge for number, step in enumerate(self.steps, 1) for edge in _edges_to(number, step, sizes, zeros))

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The same, led past sums; see `past_sums`."""
        return past_sums(self.edges_of_steps, self.sizes)


AnyEdge = TypeVar("AnyEdge", bound=Edge)


def past_sums(edges: Sequence[AnyEdge], sizes: Sequence[int]) -> tuple[AnyEdge, ...]:
    """The same edges, but that a value that is only added to a sum has none of its own: they lead to the sum.

    edges : in the order of their targets.  sizes : units of every value.
    """
    readers = Counter(edge.source for edge in edges)
    sums: dict[int, int] = {}
    for edge in reversed(edges):
        whole = Units(0, 0, sizes[edge.source])
        if edge.map == whole and edge.source and readers[edge.source] == 1 and sizes[edge.target] == whole.count:
            sums[edge.source] = sums.get(edge.target, edge.target)
    return tuple(replace(edge, target=sums.get(edge.target, edge.target)) for edge in edges if edge.source not in sums)


def _gives_zeros(step: BlockStep, zeros: Sequence[bool]) -> bool:
    """Whether a step makes units that are exactly 0 on whole intervals of the input; `zeros` says so of the earlier values."""
    operator = step.operator
    if isinstance(operator, Diagonal):
        return operator.sparse
    keeps = isinstance(operator, (Selection, Stack)) or (isinstance(operator, Pair) and isinstance(operator.join, Multiply))
    return keeps and any(zeros[operand] for operand in step.operands)


def _edges_to(number: int, step: BlockStep, sizes: tuple[int, ...], zeros: Sequence[bool]) -> Iterator[Edge]:
    """The edges to a value, by the step that makes it."""
    operator, first = step.operator, 0
    for position, operand in enumerate(step.operands):
        if isinstance(operator, (Affine, Normalization)):
            yield Edge(operand, number, operator)
        elif isinstance(operator, Diagonal):
            yield Edge(operand, number, Slopes(operator, sparse=operator.sparse))
        elif isinstance(operator, Pair):
            # The slope of a product by one factor is the other factor.
            has_zeros = isinstance(operator.join, Multiply) and zeros[step.operands[1 - position]]
            yield Edge(operand, number, Slopes(operator, position, sparse=operator.join.sparse or has_zeros))
        elif isinstance(operator, Sum):
            yield Edge(operand, number, Units(0, 0, step.size))
        elif isinstance(operator, Stack):
            yield Edge(operand, number, Units(0, first, sizes[operand]))
            first += sizes[operand]
        else:
            yield Edge(operand, number, selected(operator.index))


def jacobian_size(map_: Operator | Map) -> int:
    """Numbers that describe a Jacobian at one sample, by one operand; 0 if it is the same at all samples."""
    operator = map_.operator if isinstance(map_, Slopes) else map_
    return (1 + 2 * operator.rank) * operator.size if isinstance(operator, (Diagonal, Normalization, Pair)) else 0


def selected(index: tuple[int, ...]) -> Units:
    """The units of a selection, as a run where they follow one another."""
    follow = index == tuple(range(index[0], index[0] + len(index)))
    return Units(index[0], 0, len(index)) if follow else Units(0, 0, len(index), index)
