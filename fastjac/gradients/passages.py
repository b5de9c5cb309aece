"""Passages of rows: from the seeds, where rows are kept for the way back, and on the way back, where rows may begin anywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ..lowering.matrix import Matrix
from ..lowering.passage import Passage, Rows
from ..lowering.traversal import Traversal
from ..planning.block import Slopes
from .emitter import GradientEmitter
from .operations import Operation

Visit = Callable[[Operation, Matrix], bool]
"""What is done with the rows that go along an operation, before they do; returns whether any step reads these rows."""


class _GradientPassage(Passage):
    def _finish(self) -> Matrix:
        """The rows at the end, in the result if there is one."""
        end = self._at[self._way.order[-1]].matrix
        if self._result is None or end.place == self._result.place:
            return end
        return self._emitter.copy(end, self._result)


class KeptRows(_GradientPassage):
    """Rows from the seeds to one of the network's ends.

    identity : the rows at the seeds.  kept : the values whose rows are kept in the block's workspace.
    """

    _emitter: GradientEmitter

    def __init__(self, emitter: GradientEmitter, way: Traversal, identity: Matrix, kept: Collection[int]) -> None:
        super().__init__(emitter, way)
        self._kept = kept
        self._at[way.order[0]] = Rows(identity, is_identity=True)
        for value in way.order:
            if value in kept:
                self._reach(value)

    def rows_at(self, value: int) -> Matrix:
        """The rows at a value. Those that are not kept are made again, in scratch that the caller gives back."""
        return self._at[value].matrix if value in self._at else self._made_again(value).matrix

    def end(self, result: Matrix | None = None) -> Matrix:
        """The rows at the end, in the result where it is given; only one call may give it."""
        last, self._result = self._way.order[-1], result
        if last not in self._at:
            self._reach(last)
        return self._finish()

    def _made_again(self, value: int) -> Rows:
        """Rows that are not kept, from those before the slopes that lead there."""
        (term,) = self._way.terms[value]
        assert isinstance(term.map, Slopes)  # all others are kept
        target = self._emitter.take(self._way.rows, self._way.sizes[value])
        self._emitter.copy(self._at[term.source].matrix, target)
        self._emitter.scale(target, self._emitter.slopes(term.map.operator, term.map.operand))
        return Rows(target, target.offset, owned=True, live=term.map if term.map.sparse else None)

    def _reach(self, value: int) -> None:
        missing = {term.source for term in self._way.terms[value]} - self._at.keys()
        for source in missing:
            self._at[source] = self._held_by_one_more(self._made_again(source))
        super()._reach(value)
        for source in missing:
            del self._at[source]

    def _is_free(self, source: int) -> bool:
        return source not in self._kept and super()._is_free(source)

    def _target(self, value: int, by_product: bool = False) -> Rows:
        if value not in self._kept:
            return super()._target(value, by_product)
        return Rows(self._emitter.keep(self._way.rows, self._way.sizes[value]), owned=True)


class PartialPassage(_GradientPassage):
    """Rows through a block, at some of whose values there may be none, as if they were zeros.

    needed : the values whose rows are computed.  visit : called with each operation along which rows go, before they do.
    starts : matrices to which the rows at some values are added; they are changed.
    """

    def __init__(
        self,
        emitter: GradientEmitter,
        way: Traversal,
        needed: Collection[int],
        visit: Visit | None = None,
        starts: Mapping[int, Matrix] | None = None,
        result: Matrix | None = None,
    ) -> None:
        super().__init__(emitter, way, result)
        self._needed, self._visit, self._starts = needed, visit, starts or {}

    def run_from(self, entry: Matrix | None) -> Matrix | None:
        """The rows at the end, from those at the beginning, which stay as they are; None where none arrive."""
        first, *others = self._way.order
        self._is_whole = entry is not None and not self._starts
        if entry is not None:
            self._at[first] = Rows(entry)
        elif first in self._starts:
            self._at[first] = self._started(first)
        for value in others:
            self._visit_terms(value)
            if value in self._needed and (value in self._starts or self._there(value)):
                self._reach(value)
            else:
                for source in self._there(value):
                    self._done(source)
        return self._finish() if others[-1] in self._at else None

    def _is_partition(self, value: int) -> bool:
        return self._is_whole and super()._is_partition(value)

    def _visit_terms(self, value: int) -> None:
        for term in self._way.terms[value]:
            edge, there = term.edge, term.source in self._at
            assert isinstance(edge, Operation)  # the edges of the way are operations
            if self._visit and there and self._visit(edge, self._at[term.source].matrix):
                # The step that makes these rows must not scale them any more.
                self._at[term.source].matrix.made_by = None

    def _there(self, value: int) -> list[int]:
        """The values that bring rows to this one."""
        return [term.source for term in self._way.terms[value] if term.source in self._at]

    def _started(self, value: int) -> Rows:
        matrix = self._starts[value]
        return self._held_by_one_more(Rows(matrix, matrix.offset, owned=True))

    def _sum(self, value: int, total: Rows | None = None) -> Rows:
        return super()._sum(value, self._started(value) if value in self._starts else total)
