"""Tangents pushed through a block, or cotangents pulled: one sum for each of its values.

Rows are passed: tangents or cotangents of one sample, in a matrix whose columns are the units of a value. The rows at a value are
the sum of what its edges bring: from the values before it where tangents are pushed, from the values behind it where cotangents
are pulled. An edge brings a product with a weight, a product with slopes, or columns as they are.

Three things need no step of their own. A product starts from the rows to which it is added. Slopes are multiplied in as the rows
are stored. Columns that lie side by side among the columns of a wider value are read and written there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ..kernels.tables import DENSE, OUT, PARAMETERS
from ..kernels.target import PANEL_ROWS
from ..layers import Affine
from ..planning.block import Slopes, Units
from ..planning.operators import Diagonal, Normalization
from .emitter import Emitter
from .matrix import Matrix
from .traversal import Term, Traversal


@dataclass
class Rows:
    """The rows at a value.

    matrix : row-major, as wide as the value.
    region : the region of the workspace that is given back when nothing lies there any more; None if there is none.
    owned : whether nobody else reads these columns, so that they may be changed.
    live : the slopes whose dead units have columns that need not be read: they hold zeros, or nothing of use.
    is_identity : whether the matrix is the identity, whose product with a weight is the weight.
    """

    matrix: Matrix
    region: int | None = None
    owned: bool = False
    live: Slopes | None = None
    is_identity: bool = False


class Passage:
    """One way of rows through a block, as steps of an emitter's table.

    result : the matrix to write the rows at the end to, if any; its rows may lie side by side, instead of its columns.
    """

    def __init__(self, emitter: Emitter, way: Traversal, result: Matrix | None = None) -> None:
        self._emitter, self._way, self._result = emitter, way, result
        self._left = [len(readers) for readers in way.readers]
        self._held: Counter[int] = Counter()
        self._at: dict[int, Rows] = {}
        self._begun: dict[int, Rows] = {}

    def run(self, entry: Rows) -> Matrix:
        """The rows at the end, from the rows at the beginning, whose memory is given back if it is owned."""
        first, *others = self._way.order
        self._at[first] = self._held_by_one_more(entry)
        for value in others:
            # A value that is only added to a sum has no terms, and no rows of its own.
            if self._way.terms[value]:
                self._reach(value)
        return self._finish()

    def _reach(self, value: int) -> None:
        """Compute the rows at a value."""
        self._at[value] = self._put_together(value) if self._is_partition(value) else self._sum(value)

    def _is_partition(self, value: int) -> bool:
        """Whether a value's columns are computed in their places, one beside another."""
        return self._way.is_partition(value)

    def _finish(self) -> Matrix:
        """The rows at the end, in memory of their own."""
        end = self._at[self._way.order[-1]].matrix
        if end.place == OUT or (end.in_workspace and end.first == 0):
            return end
        target = self._result if self._result is not None and not self._result.transposed else None
        return self._emitter.copy(end, target or self._emitter.take(end.rows, end.columns))

    # Where rows lie.

    def _target(self, value: int, by_product: bool = False) -> Rows:
        """Room for the rows at a value: where they are wanted, among the columns of another value, or on their own.

        by_product : whether a product writes them.
        """
        way = self._way
        end = way.last_in_place(value)
        reader = way.only_reader(end)
        n_weights = sum(isinstance(term.map, Affine) for term in way.terms[value])
        # A product cannot start from rows in the result: it would read whole vectors, beyond the end of the caller's array.
        started = n_weights == int(by_product)
        if end == way.order[-1] and self._result is not None:
            if started and (not self._result.transposed or (by_product and way.ends_in_product(value))):
                return Rows(self._result, None, owned=True)
        elif reader is not None and self._is_partition(reader):
            (term,) = (term for term in way.terms[reader] if term.source == end)
            if term.count == way.sizes[end]:
                whole = self._begin(reader)
                if whole.matrix.in_workspace or started:
                    return self._held_by_one_more(replace(whole, matrix=whole.matrix.part(term.target, term.count)))
        matrix = self._emitter.take(self._way.rows, self._way.sizes[value])
        return self._held_by_one_more(Rows(matrix, matrix.offset, owned=True))

    def _begin(self, value: int) -> Rows:
        """Room for a value whose columns are those of other values, taken when the first of these is computed."""
        if value not in self._begun:
            self._begun[value] = self._target(value)
        return self._begun[value]

    def _held_by_one_more(self, rows: Rows) -> Rows:
        if rows.region is not None:
            self._held[rows.region] += 1
        return rows

    def _done(self, source: int) -> None:
        """One reader of a value's rows has read them."""
        self._left[source] -= 1
        if self._left[source] == 0:
            self._drop(self._at[source])

    def _is_free(self, source: int) -> bool:
        """Whether the present reader of a value's rows may change them."""
        return self._left[source] == 1 and self._at[source].owned

    # What terms bring.

    def _put_together(self, value: int) -> Rows:
        """Columns of several values, one beside another; columns that were computed in their place need no copy."""
        whole = self._begin(value)
        for term in self._way.terms[value]:
            place, part = whole.matrix.part(term.target, term.count), self._at[term.source].matrix.part(term.first, term.count)
            if place != part:
                self._emitter.copy(part, place)
            self._done(term.source)
        return whole

    def _sum(self, value: int, total: Rows | None = None) -> Rows:
        """The sum of what a value's terms bring, and of rows that are there already."""
        for term in self._way.in_order(value):
            if term.source in self._at:
                total = self._add(value, total, term)
                self._done(term.source)
        assert total is not None  # every value is made of another
        return total

    def _add(self, value: int, total: Rows | None, term: Term) -> Rows:
        """The rows at a value so far, with what a term brings added."""
        source = self._at[term.source]
        if isinstance(term.map, Affine) and not source.is_identity:
            return self._multiply(value, total, source, term)
        if total is None and self._way.brings_all(value, term):
            return self._bring(value, term)
        if total is None:
            total = self._target(value)
            self._emitter.clear(total.matrix)
        total = self._changeable(value, total)
        if isinstance(term.map, Slopes):
            self._emitter.add(total.matrix, source.matrix, self._emitter.slopes(term.map.operator, term.map.operand))
        elif isinstance(term.map, Units):
            self._add_columns(total.matrix, source.matrix, term)
        elif isinstance(term.map, Affine):
            self._emitter.add(total.matrix, self._weight(term.map))
        else:
            normalized = self._normalize(source, term.map, self._emitter.take(self._way.rows, self._way.sizes[value]))
            self._emitter.add(total.matrix, normalized)
            self._emitter.release(normalized)
        return total

    def _add_columns(self, total: Matrix, source: Matrix, term: Term) -> None:
        if term.index is not None:
            self._emitter.add_units(total, source, term.index, scatters=not self._way.forward)
        else:
            self._emitter.add(total.part(term.target, term.count), source.part(term.first, term.count))
        total.made_by = None

    def _bring(self, value: int, term: Term) -> Rows:
        """The rows at a value as one term brings them."""
        source = self._at[term.source]
        if isinstance(term.map, Units):
            return self._columns(term, source)
        if isinstance(term.map, Affine):
            return Rows(self._weight(term.map))
        if isinstance(term.map, Slopes):
            return self._scale(value, term, term.map)
        if self._is_free(term.source):
            target = self._held_by_one_more(replace(source, live=None))
            self._normalize(source, term.map, None)
            return target
        target = self._target(value)
        self._normalize(source, term.map, target.matrix)
        return target

    def _columns(self, term: Term, source: Rows) -> Rows:
        """Columns of a value as they lie."""
        owned = self._is_free(term.source)
        source.owned = False
        whole = term.count == self._way.sizes[term.source]
        part = source.matrix.part(term.first, term.count)
        return self._held_by_one_more(
            replace(source, matrix=part, owned=owned, live=None, is_identity=source.is_identity and whole)
        )

    def _multiply(self, value: int, total: Rows | None, source: Rows, term: Term) -> Rows:
        """`total + rows W^T` where tangents are pushed, `total + rows W` where cotangents are pulled."""
        assert isinstance(term.map, Affine)  # what the caller has asked
        stacks = self._way.rows <= self._emitter.stacked_rows
        live = self._emitter.list_of(source.live) if source.live and self._skips(source.live) else DENSE
        start = None if total is None else self._readable(value, total)
        kept = self._way.kept(value, term.map)
        if kept is not None:
            return self._multiply_packed(value, source, term.map, live, kept)
        in_place = start is not None and start.owned and start.matrix.in_workspace
        into = start if start is not None and in_place else self._target(value, by_product=True)
        weight = self._emitter.in_panels(term.map, self._way.forward, PANEL_ROWS if stacks else self._way.rows)
        self._emitter.contract(source.matrix, weight, into.matrix, live, start.matrix if start else None)
        if stacks and (start is None or start.matrix.in_workspace):
            self._emitter.stack(weight)
        into.matrix.made_by = self._emitter.steps[-1]
        if start is not None and into is not start:
            self._drop(start)
        return into

    def _skips(self, slopes: Slopes) -> bool:
        """Whether a product runs over live units alone.

        A single row runs over all units, stacked with the rows of other samples: its dead units hold zeros. So does the product
        of a few rows whose dead units another value closes.
        """
        if isinstance(slopes.operator, Diagonal):
            return self._way.rows >= self._emitter.skipping_rows
        return self._way.rows > self._emitter.stacked_rows and self._emitter.skips_closed

    def _multiply_packed(self, value: int, source: Rows, factor: Affine, live: int, kept: Diagonal) -> Rows:
        """A product with the columns of a weight that belong to live units, packed side by side."""
        into = self._target(value, by_product=True)
        packed = self._emitter.pack(self._weight(factor), live, kept)
        self._emitter.contract(source.matrix, packed, into.matrix, live)
        self._emitter.steps[-1]["columns_live"] = self._emitter.live_list(kept)
        self._emitter.release(packed)
        into.matrix.packed = True
        return into

    def _readable(self, value: int, total: Rows) -> Rows:
        """The rows where a product can start from them, which reads whole vectors: not in the caller's array."""
        lies_padded = total.matrix.in_workspace or total.matrix.place == PARAMETERS
        return total if lies_padded else self._copied(value, total)

    def _changeable(self, value: int, total: Rows) -> Rows:
        return total if total.owned else self._copied(value, total)

    def _copied(self, value: int, total: Rows) -> Rows:
        target = self._target(value)
        self._emitter.copy(total.matrix, target.matrix)
        self._drop(total)
        return target

    def _drop(self, rows: Rows) -> None:
        """Give up rows that belong to no value."""
        if rows.region is not None:
            self._held[rows.region] -= 1
            if self._held[rows.region] == 0:
                self._emitter.arena.free(rows.region)

    def _scale(self, value: int, term: Term, map_: Slopes) -> Rows:
        """Rows times slopes; where only products with weights read them, columns of dead units are left as they are."""
        source, operator = self._at[term.source], map_.operator
        slopes = self._emitter.slopes(operator, map_.operand)
        live = map_ if map_.sparse and len(self._way.terms[value]) == 1 else None
        if live and self._way.skips(value, map_):
            owned = self._is_free(term.source)
            source.owned = False
            return self._held_by_one_more(replace(source, owned=owned, live=live, is_identity=False))
        if self._is_free(term.source):
            once = len(self._way.readers[term.source]) == 1
            if not (once and self._emitter.scale(source.matrix, slopes)):
                self._emitter.multiply(source.matrix, slopes)
            elif live:
                self._emitter.leave_out(source.matrix, live)
            return self._held_by_one_more(replace(source, live=live))
        target = self._target(value)
        self._emitter.copy(source.matrix, target.matrix)
        self._emitter.scale(target.matrix, slopes)
        return replace(target, live=live)

    def _normalize(self, source: Rows, operator: Normalization, target: Matrix | None) -> Matrix:
        """Rows times a normalizer's Jacobian, where they lie or in a copy."""
        matrix = source.matrix if target is None else self._emitter.copy(source.matrix, target)
        self._emitter.apply(matrix.transpose if self._way.forward else matrix, (operator,), self._way.forward)
        matrix.made_by = None
        return matrix

    def _weight(self, factor: Affine) -> Matrix:
        """The product of the identity with a weight: the weight itself."""
        return self._emitter.row_major(factor, self._way.forward)
