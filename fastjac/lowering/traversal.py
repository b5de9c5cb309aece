"""A block as rows go through it from one of its ends: what brings rows to each value, and what reads them there.

Tangents are pushed along the edges, cotangents pulled against them. Nothing here writes steps: from these facts `passage` decides
which steps there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..layers import Affine
from ..planning.block import Edge, Map, Slopes, Units
from ..planning.cost import PACK_ELEMENTS, PACK_ROWS, UNION_ROWS
from ..planning.operators import Diagonal, Normalization


@dataclass(frozen=True)
class Term:
    """What the rows at one value bring to those at another.

    source : the value whose rows are read.  edge : the edge along which, or against which, they go.
    first, target, count : for columns that are brought as they are: the first one read, the first one written, and their number.
    index : the numbers of such columns at the wider value, where they do not follow one another; else None.
    """

    source: int
    edge: Edge
    first: int = 0
    target: int = 0
    count: int = 0
    index: tuple[int, ...] | None = None

    @property
    def map(self) -> Map:
        """The map between the two values."""
        return self.edge.map


class Traversal:
    """The values of a block in the order in which so many rows reach them.

    edges, sizes : the block's edges, all of them or those between two of its cuts, and the sizes of its values.
    forward : whether tangents are pushed, or cotangents pulled.  rows : how many.
    leaves_dead : whether columns of dead units may hold anything where products alone read them.
    order : the numbers of the values.
    terms : for each value the terms that it is the sum of; empty for a value that is itself only added to a sum.
    readers : for each value the values that read it, each as often as it does.
    """

    def __init__(self, edges: Sequence[Edge], sizes: tuple[int, ...], forward: bool, rows: int, leaves_dead: bool = True) -> None:
        self.sizes, self.forward, self.rows, self._leaves_dead = sizes, forward, rows, leaves_dead
        first, last = min(edge.source for edge in edges), max(edge.target for edge in edges)
        self.order = list(range(first, last + 1) if forward else range(last, first - 1, -1))
        self.terms: list[list[Term]] = [[] for _ in sizes]
        for edge in edges:
            value, source = (edge.target, edge.source) if forward else (edge.source, edge.target)
            self.terms[value].append(_term(source, edge, forward))
        self.readers: list[list[int]] = [[] for _ in sizes]
        for value, terms in enumerate(self.terms):
            for term in terms:
                self.readers[term.source].append(value)

    def only_reader(self, value: int) -> int | None:
        """The only value that reads this one, and reads it once; None if there are several readings."""
        readers = self.readers[value]
        return readers[0] if len(readers) == 1 else None

    def reads_weights_alone(self) -> bool:
        """Whether the rows at the beginning meet weights alone, so that columns of dead units need not be 0."""
        return self.rows > UNION_ROWS and self._meets_weights(self.order[0])

    def last_in_place(self, value: int) -> int:
        """The last of the values that are made from this one by changing its rows in place."""
        while (reader := self.only_reader(value)) is not None:
            (term, *more) = self.terms[reader]
            if more or not isinstance(term.map, (Slopes, Normalization)):
                break
            value = reader
        return value

    def is_partition(self, value: int) -> bool:
        """Whether a value's columns are those that its terms bring, one beside another."""
        terms = self.terms[value]
        ends = [0, *(term.target + term.count for term in terms)]
        follow = all(_is_run(term) and term.target == end for term, end in zip(terms, ends, strict=False))
        return len(terms) > 1 and follow and ends[-1] == self.sizes[value]

    def in_order(self, value: int) -> list[Term]:
        """A value's terms in the order of adding: a product starts from columns that are there, and all else is added to it."""
        return sorted(self.terms[value], key=lambda term: self._rank(value, term))

    def ends_in_product(self, value: int) -> bool:
        """Whether this is the last value and a product stores it; only a product can turn it round."""
        return value == self.order[-1] and isinstance(self.in_order(value)[-1].map, Affine)

    def brings_all(self, value: int, term: Term) -> bool:
        """Whether a term brings a number for every column of a value."""
        return not isinstance(term.map, Units) or (term.index is None and term.count == self.sizes[value])

    def skips(self, value: int, slopes: Slopes) -> bool:
        """Whether only weights, which skip dead units, read rows times slopes, so that the rows may stay as they are."""
        operator = slopes.operator
        binary = isinstance(operator, Diagonal) and operator.sparse and operator.binary and len(self.terms[value]) == 1
        few = self.rows <= UNION_ROWS or not self._leaves_dead
        return binary and not few and self._meets_weights(value) and value != self.order[-1]

    def kept(self, value: int, factor: Affine) -> Diagonal | None:
        """The diagonal that follows a product, if it pays to make the columns of its live units alone."""
        reader = self.only_reader(value)
        if reader is None or len(self.terms[value]) > 1 or self.only_reader(reader) is None:
            return None
        (term, *more) = self.terms[reader]
        if more or not isinstance(term.map, Slopes) or not self.skips(reader, term.map):
            return None
        pays = factor.weight.size <= PACK_ELEMENTS and self.rows >= PACK_ROWS
        return term.map.operator if pays and isinstance(term.map.operator, Diagonal) else None

    def _meets_weights(self, value: int) -> bool:
        maps = [term.map for reader in set(self.readers[value]) for term in self.terms[reader] if term.source == value]
        return all(isinstance(map_, Affine) for map_ in maps)

    def _rank(self, value: int, term: Term) -> int:
        if isinstance(term.map, Affine):
            return 1
        return 0 if isinstance(term.map, Units) and self.brings_all(value, term) else 2


def _term(source: int, edge: Edge, forward: bool) -> Term:
    units = edge.map
    if not isinstance(units, Units):
        return Term(source, edge)
    first, target = (units.source, units.target) if forward else (units.target, units.source)
    return Term(source, edge, first, target, units.count, units.index)


def _is_run(term: Term) -> bool:
    return isinstance(term.map, Units) and term.index is None
