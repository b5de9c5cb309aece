"""Lowering of a plan: each contraction becomes steps that state where its operands lie and which way round.

Rows and columns are always the logical ones: `J[i:j]` has the units of boundary j as rows and those of boundary i as columns.
The kernel wants its right operand contiguous along the result's columns. A weight already lies so where a cotangent matrix is
multiplied by it. A product with a tangent matrix is computed transposed, `C^T = B^T D A^T`, with the transposed weight. Its
result lies transposed in memory, as the next push wants it. The kernel's left operand may have any strides.

A link is applied once, to one of the two operands that meet at it: to the tangents on its right (`N t`), or to the
cotangents on its left (`N^T u`). Where the operator that is applied last is a diagonal, the contraction runs over its live units
only; for stacked samples, over the units that are live in any of them. Where the accumulated matrix has rows enough to pay for
it, the columns that the next diagonal will drop are not produced.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kernels.contract import SHALLOW
from ..kernels.tables import DENSE, OUT, SEED, WORK
from ..kernels.target import PANEL_ROWS, lanes
from ..layers import Affine
from ..planning.block import Block, Slopes
from ..planning.operators import Diagonal
from ..planning.product import Product
from ..planning.steps import Plan, Span, Step
from .emitter import Emitter
from .matrix import Matrix, result_of
from .passage import Passage, Rows
from .spans import can_unite, end_spans, link_goes_right
from .traversal import Traversal

LONG = 16
"""A result is turned round for a normalizer where it has more than so many times as many rows as columns."""


class Accumulation(Emitter):
    """The steps that compute a product in the order of its plan.

    contracted : the matrix that the latest contraction makes, and how many steps have been written up to that contraction.
    """

    contracted: tuple[Matrix, int]

    def write(self, product: Product, plan: Plan) -> None:
        """Write the steps that compute `product` in the order of `plan`, into the sample's result."""
        self._product = product
        self._ends = end_spans(product, plan)
        self.skips_closed = product.can_skip_closed(self._parameters.dtype)
        made: dict[Span, Matrix] = {}
        for step in plan.steps:
            take = self._pass if step.through else self._contract
            made[step.start, step.stop] = take(step, made)
        whole = (0, len(product.leaves))
        if whole not in made:
            made[whole] = self._single_factor(whole)
        if made[whole].place != OUT:
            self.copy(made[whole], self._out())

    def _single_factor(self, whole: Span) -> Matrix:
        """The product of one factor: a copy of it, to which the links before and after it are applied."""
        normalizes = self._normalizes(whole)
        turned = normalizes and self._has_few_columns(8)
        along_rows = normalizes and not turned
        matrix = self._source(whole, turned)
        if not (along_rows and self._product.links[-1][0].rank):
            matrix = self.copy(matrix, self.take(matrix.rows, matrix.columns, turned) if normalizes else self._out())
        return self._ended(matrix, whole, along_rows)

    def _contract(self, step: Step, made: dict[Span, Matrix]) -> Matrix:
        """Records for one step of the plan; returns the matrix that it makes."""
        left_span, right_span, span = (step.middle, step.stop), (step.start, step.middle), (step.start, step.stop)
        transposed = step.transposed
        left_made, right_made = made.pop(left_span, None), made.pop(right_span, None)
        kept = self._kept(step)
        # A weight that is packed is not changed as well, so the link goes to the other operand.
        forward = step.start == 0 if kept else link_goes_right(left_made, right_made, transposed)
        link = self._product.links[step.middle]
        ordered = link if forward else link[::-1]
        live = self.live_list(ordered[-1]) if ordered else DENSE
        a_made = right_made if transposed else left_made
        united = live != DENSE and step.stacked and can_unite(self._product, step, a_made, self._parameters.dtype)
        # A binary diagonal that comes last needs no multiplication where each sample runs over its own live list.
        applied = ordered[:-1] if ordered and ordered[-1].binary and not united else ordered
        left = left_made or self._operand(left_span, step, live, kept, changed=bool(applied) and not forward)
        right = right_made or self._operand(right_span, step, live, kept, changed=bool(applied) and forward)
        self.apply(right if forward else left, applied, forward, masked=united)
        if transposed:
            left = self._oriented(left, transposed)
        else:
            right = self._oriented(right, transposed)

        whole = span == (0, len(self._product.leaves))
        along_rows = self._normalizes_rows(span)
        into_out = whole and not along_rows and not (transposed and span in self._ends)
        # Slopes in front of the normalizer scale columns as the product stores them, so it is turned round behind them.
        at_once = along_rows and self._product.links[-1][0].rank
        result = self._out() if into_out else self.take(left.rows, right.columns, transposed and not at_once)
        if transposed:
            self.contract(right.transpose, left.transpose, result.transpose, live)
        else:
            self.contract(left, right, result, live)
        if step.stacked:
            self.stack(left if transposed else right, ordered[-1] if united else None)
        if kept:
            side = "columns_live" if bool(step.start) != transposed else "rows_live"
            self.steps[-1][side] = self.live_list(kept)
            result.packed = True
        result.made_by = self.steps[-1]
        for operand in (left, right):
            self.release(operand)
        self.contracted = result, len(self.steps)
        return self._ended(result, span, along_rows)

    def _pass(self, step: Step, made: dict[Span, Matrix]) -> Matrix:
        """Records for a block through which rows are pushed or pulled; returns the matrix that they make."""
        forward, span = step.transposed, (step.start, step.stop)
        block = self._product.leaves[step.middle if forward else step.start]
        assert isinstance(block, Block)  # what the plan passes through
        rows = self._product.sizes[step.start if forward else step.stop]
        along_rows = self._normalizes_rows(span)
        whole = span == (0, len(self._product.leaves)) and not along_rows and not (forward and span in self._ends)
        way = Traversal(block.edges, block.sizes, forward, rows)
        passage = Passage(self, way, self._lying_out(forward) if whole else None)
        lying = passage.run(self._entry(step, made, way.reads_weights_alone()))
        return self._ended(lying.transpose if forward else lying, span, along_rows)

    def _lying_out(self, turned: bool) -> Matrix:
        """The result, or its transpose; where that is a single row, the stride between rows is set to the row's length."""
        result = self._out().transpose if turned else self._out()
        return replace(result, row=result.columns, column=1) if result.rows == 1 else result

    def _entry(self, step: Step, made: dict[Span, Matrix], skips: bool) -> Rows:
        """The rows that enter a block, with the link before it applied.

        skips : whether columns of dead units may stay as they are.
        """
        forward = step.transposed
        if step.middle == step.start:
            size = self._product.sizes[step.start if forward else step.stop]
            return Rows(self.constant(np.eye(size)), is_identity=True)
        span = (step.start, step.middle) if forward else (step.middle, step.stop)
        link = self._product.links[step.middle]
        ordered = link if forward else link[::-1]
        last = ordered[-1] if ordered else None
        live = Slopes(last, sparse=True) if isinstance(last, Diagonal) and last.sparse else None
        applied = ordered[:-1] if live and ordered[-1].binary and skips else ordered
        matrix = made.pop(span, None)
        if matrix is None:
            matrix = self._source(span, forward)
            if applied or span in self._ends or matrix.transposed != forward:
                matrix = self.copy(matrix, self.take(matrix.rows, matrix.columns, forward))
                self._apply_ends(matrix, span)
        matrix = self._oriented(matrix, forward)
        self.apply(matrix, applied, forward)
        lying = matrix.transpose if forward else matrix
        region = lying.offset if lying.place == WORK else None
        return Rows(lying, region, owned=region is not None, live=live)

    def _kept(self, step: Step) -> Diagonal | None:
        """The diagonal whose dead units a step leaves out of its result, if the plan says so."""
        op = self._product.links[step.start or step.stop][0] if step.drops else None
        return op if isinstance(op, Diagonal) else None

    def _operand(self, span: Span, step: Step, live: int, kept: Diagonal | None, changed: bool) -> Matrix:
        """The weight or the seed of one factor, as an operand of a step.

        kept : the diagonal whose live units alone the step's result holds, if any; the weight on that side is then packed.
        changed : whether a link is about to be applied to the operand, which changes it for this sample alone.
        """
        is_left = span == (step.middle, step.stop)
        if kept and is_left == (step.start == 0):
            return self.pack(self._source(span, transposed=is_left), live, kept)
        if changed or span in self._ends:
            source = self._source(span, step.transposed)
            copy = self.copy(source, self.take(source.rows, source.columns, step.transposed))
            self._apply_ends(copy, span)
            return copy
        if is_left == step.transposed:
            return self._in_panels(span, step)
        return self._source(span, transposed=False)

    def _source(self, span: Span, transposed: bool) -> Matrix:
        """The factor itself, row-major: a weight in the given orientation, or the seed in the only one that it has."""
        factor = self._product.leaves[span[0]]
        if factor is None:
            rows, columns = self._product.sizes[span[1]], self._product.sizes[span[0]]
            return Matrix(rows, columns, SEED, 0, columns, 1)
        assert isinstance(factor, Affine)  # a block is passed through, or its Jacobian is made
        return self.weight(factor, transposed)

    def _in_panels(self, span: Span, step: Step) -> Matrix:
        """A weight as the kernel's right operand."""
        factor, sizes = self._product.leaves[span[0]], self._product.sizes
        assert isinstance(factor, Affine)  # a seed is not padded, and so never a right operand
        if sizes[step.middle] <= SHALLOW and not step.stacked:
            return self._source(span, step.transposed)
        rows = PANEL_ROWS if step.stacked else sizes[step.start if step.transposed else step.stop]
        lying = self.in_panels(factor, step.transposed, rows)
        return lying.transpose if step.transposed else lying

    def _apply_ends(self, matrix: Matrix, span: Span) -> None:
        """Apply the links before the first and after the last factor, if `span` is the cheapest place for them."""
        for forward in self._ends.get(span, ()):
            link = self._product.links[-1] if forward else self._product.links[0][::-1]
            self.apply(matrix, link, forward)

    def _ended(self, matrix: Matrix, span: Span, along_rows: bool) -> Matrix:
        """The matrix of a span with the links applied for which that is the place.

        along_rows : whether a normalizer makes the result, going along its rows; the matrix does not lie in the result then.
        """
        if not along_rows:
            self._apply_ends(matrix, span)
            return matrix
        link = self._product.links[-1]
        first = next(number for number, op in enumerate(link) if op.rank)
        self.apply(matrix, link[:first], forward=True)
        # A normalizer writes another matrix than it reads. In place, rows that share registers would wait for one another.
        matrix = self._oriented(matrix, transposed=False)
        result = self.copy(matrix, self._out())
        self.apply(result, link[first:], forward=True)
        if False in self._ends[span]:
            self.apply(result, self._product.links[0][::-1], forward=False)
        self.release(matrix)
        return result

    def _normalizes_rows(self, span: Span) -> bool:
        """Whether a normalizer makes the result from a span, going along its rows."""
        return self._normalizes(span) and not self._has_few_columns(2)

    def _normalizes(self, span: Span) -> bool:
        """Whether a normalizer makes the result from a span."""
        last = span == (0, len(self._product.leaves)) and True in self._ends.get(span, ())
        return last and any(op.rank for op in self._product.links[-1])

    def _has_few_columns(self, part: int) -> bool:
        """Whether a normalizer takes less time column by column, each of them in one piece, than along rows.

        That is so where rows are many and fill little of a register. part : rows count as short up to a register's lanes over it.
        """
        rows, columns = self._product.sizes[-1], self._product.sizes[0]
        return LONG * columns < rows and part * columns <= max(part, lanes(self._parameters.dtype))

    def _oriented(self, matrix: Matrix, transposed: bool) -> Matrix:
        """The matrix as the kernel's right operand: in this orientation, with padded rows."""
        if matrix.transposed == transposed:
            return matrix
        turned = self.copy(matrix, self.take(matrix.rows, matrix.columns, transposed))
        turned.packed = matrix.packed
        self.release(matrix)
        return turned

    def _out(self) -> Matrix:
        return result_of(self._product)
