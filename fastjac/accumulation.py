"""Lowering of a plan: each contraction becomes steps that say where its operands lie and which way round.

Matrices are spoken of by their logical rows and columns: `J[i:j]` has the units of boundary j as rows and those of
boundary i as columns. The kernel wants its right operand contiguous along the result's columns. A cotangent matrix meets a
weight that way as it is; a product with a tangent matrix is taken transposed, `C^T = B^T D A^T`, on the transposed weight,
and its result lies transposed in memory, which is what the next push wants. The kernel's left operand may have any strides.

A link is applied once, to one of the two operands that meet at it: to the tangents on its right (`N t`), or to the
cotangents on its left (`N^T u`). Where the last thing so applied is a diagonal, the contraction runs over its live units only.
"""

from __future__ import annotations

from dataclasses import dataclass

from .chain import Diagonal, Link, Normalization, Product
from .kernels.tables import APPLY, CONTRACT, COPY, DENSE, OUT, PARAMETERS, SEED, WORK
from .kernels.target import padded
from .memory import Arena, Parameters
from .plan import Plan

MOVE_COST = 8
"""Multiply-adds in the time that it takes to copy one element."""

Record = dict[str, int]
StatePlaces = dict[Diagonal | Normalization, Record]
"""For each link's operators the fields `state` and `state_row` of every record that reads its Jacobian's vectors."""
Span = tuple[int, int]


@dataclass
class Matrix:
    """A matrix in memory: element (i, j) lies at `offset + i * row + j * column` of its place."""

    rows: int
    columns: int
    place: int
    offset: int
    row: int
    column: int
    made_by: Record | None = None

    @property
    def transposed(self) -> bool:
        """Whether its columns, not its rows, are contiguous."""
        return self.column != 1

    @property
    def stored(self) -> Record:
        """Rows, columns and row stride as they lie in memory."""
        if self.transposed:
            return {"rows": self.columns, "columns": self.rows, "c_row": self.column}
        return {"rows": self.rows, "columns": self.columns, "c_row": self.row}


class Accumulation:
    """The step table, the live lists and the memory that accumulating a product by a plan needs.

    parameters : receives the weights, in the orientation that a step reads.
    state : where each link's Jacobian vectors lie.
    work, lists : the first free element of the workspace and of the lists.
    """

    def __init__(self, parameters: Parameters, state: StatePlaces, work: int, lists: int) -> None:
        self.steps: list[Record] = []
        self.live: list[Record] = []
        self.arena = Arena(work)
        self.list_size = lists
        self._parameters, self._state = parameters, state
        self._lists: dict[Diagonal, int] = {}

    def lower(self, product: Product, plan: Plan) -> None:
        """Write the steps that compute `product` in the order of `plan`, into the sample's result."""
        self._product = product
        self._ends = _end_spans(product, plan)
        made: dict[Span, Matrix] = {}
        for step in plan.steps:
            left, right = (step.middle, step.stop), (step.start, step.middle)
            made[step.start, step.stop] = self._contract(left, right, made)
        whole = (0, len(product.leaves))
        if whole not in made:
            out = self._copy(self._source(whole, transposed=False), self._out())
            self._apply_ends(out, whole)
        elif made[whole].place != OUT:
            self._copy(made[whole], self._out())

    def _contract(self, left_span: Span, right_span: Span, made: dict[Span, Matrix]) -> Matrix:
        """Steps for the product of two spans that meet; returns the matrix it makes."""
        span = (right_span[0], left_span[1])
        transposed = self._take_transposed(left_span, right_span, made)
        left_made, right_made = made.pop(left_span, None), made.pop(right_span, None)
        forward = _link_goes_right(left_made, right_made, transposed)
        link = self._product.links[left_span[0]]
        ordered = link if forward else link[::-1]
        # A binary diagonal that comes last needs no multiplication: its live list says it all.
        applied = ordered[:-1] if ordered and _is_binary(ordered[-1]) else ordered
        left = left_made or self._leaf(left_span, transposed, transposed, copied=not forward and bool(applied))
        right = right_made or self._leaf(right_span, transposed, not transposed, copied=forward and bool(applied))
        self._apply(right if forward else left, applied, forward)
        if transposed:
            left = self._oriented(left, transposed)
        else:
            right = self._oriented(right, transposed)

        whole = span == (0, len(self._product.leaves))
        result = self._out() if whole and not transposed else self._take(left.rows, right.columns, transposed)
        self._emit_contract(left, right, result, self._live_list(ordered))
        for operand in (left, right):
            self._release(operand)
        self._apply_ends(result, span)
        return result

    def _take_transposed(self, left_span: Span, right_span: Span, made: dict[Span, Matrix]) -> bool:
        """Whether to compute the transposed product, whose vector lanes run along the logical rows."""
        leaves = self._product.leaves
        if leaves[left_span[0]] is None or leaves[right_span[0]] is None:
            # A seed is not padded, so it cannot be the operand that the kernel reads in vectors.
            return leaves[right_span[0]] is None
        costs = [self._cost(left_span, right_span, made, transposed) for transposed in (False, True)]
        # On a tie, the transposed weight: the primal sweep has just read it.
        return costs[1] <= costs[0]

    def _cost(self, left_span: Span, right_span: Span, made: dict[Span, Matrix], transposed: bool) -> float:
        """Multiply-adds of a product in one orientation, lanes and elements moved counted in."""
        sizes = self._product.sizes
        rows, inner, columns = sizes[left_span[1]], sizes[left_span[0]], sizes[right_span[0]]
        cost = float(inner * (self._padded(rows) * columns if transposed else rows * self._padded(columns)))
        a_span, b_span = (right_span, left_span) if transposed else (left_span, right_span)
        if b_span in made and made[b_span].transposed != transposed:
            cost += MOVE_COST * made[b_span].rows * made[b_span].columns
        if not made.keys() & {a_span, b_span} and not all(map(_is_binary, self._product.links[left_span[0]])):
            cost += MOVE_COST * inner * (columns if transposed else rows)
        if transposed and (right_span[0], left_span[1]) == (0, len(self._product.leaves)):
            cost += MOVE_COST * rows * columns
        return cost

    def _leaf(self, span: Span, transposed: bool, contiguous: bool, copied: bool) -> Matrix:
        """The weight or the seed of one factor, as an operand.

        transposed : the orientation of the product.  contiguous : whether the kernel reads it in vectors.
        copied : whether it is about to be changed, for this sample alone.
        """
        # As a left operand either orientation serves, and the primal sweep has stored the transposed one.
        source = self._source(span, transposed or not (contiguous or copied or span in self._ends))
        if not copied and span not in self._ends:
            return source
        copy = self._copy(source, self._take(source.rows, source.columns, transposed))
        self._apply_ends(copy, span)
        return copy

    def _source(self, span: Span, transposed: bool) -> Matrix:
        """The factor itself: a weight in the orientation asked for, or the seed in the only one that it has."""
        factor = self._product.leaves[span[0]]
        rows, columns = self._product.sizes[span[1]], self._product.sizes[span[0]]
        if factor is None:
            return Matrix(rows, columns, SEED, 0, columns, 1)
        if transposed:
            return Matrix(rows, columns, PARAMETERS, self._parameters.add(factor.weight.T), 1, self._padded(rows))
        return Matrix(rows, columns, PARAMETERS, self._parameters.add(factor.weight), self._padded(columns), 1)

    def _apply_ends(self, matrix: Matrix, span: Span) -> None:
        """What stands before the first and after the last factor, where `span` is the cheapest place for it."""
        for forward in self._ends.get(span, ()):
            link = self._product.links[-1] if forward else self._product.links[0][::-1]
            self._apply(matrix, link, forward)

    def _apply(self, matrix: Matrix, ordered: Link, forward: bool) -> None:
        """Multiply by a link's Jacobians: `N t` on logical rows (forward) or `N^T u` on logical columns, in this order."""
        units_on_columns = matrix.transposed if forward else not matrix.transposed
        for op in ordered:
            maker = matrix.made_by
            if op.rank == 0 and units_on_columns and maker is not None and maker["state"] == DENSE:
                maker |= self._state[op]
                continue
            # The step that makes a matrix can scale it as it stores it, but only before any other step changes it.
            matrix.made_by = None
            step = matrix.stored | {
                "operation": APPLY,
                "c_place": matrix.place,
                "c": matrix.offset,
                "rank": op.rank,
                "units_on_columns": int(units_on_columns),
                "forward": int(forward),
                **self._state[op],
            }
            if op.rank and not units_on_columns:
                step["scratch"] = self.arena.take(op.rank * matrix.stored["columns"])
                self.arena.free(step["scratch"])
            self.steps.append(step)

    def _emit_contract(self, left: Matrix, right: Matrix, result: Matrix, live: int) -> None:
        a, b = (right, left) if result.transposed else (left, right)
        a_row, a_column = (a.column, a.row) if result.transposed else (a.row, a.column)
        step = result.stored | {
            "operation": CONTRACT,
            "a_place": a.place,
            "a": a.offset,
            "a_row": a_row,
            "a_column": a_column,
            "b_place": b.place,
            "b": b.offset,
            "b_row": b.stored["c_row"],
            "c_place": result.place,
            "c": result.offset,
            "live": live,
            "depth": left.columns,
            "state": DENSE,
        }
        self.steps.append(step)
        result.made_by = step

    def _oriented(self, matrix: Matrix, transposed: bool) -> Matrix:
        """The matrix as the kernel's right operand: in this orientation, with padded rows."""
        if matrix.transposed == transposed and matrix.place != SEED:
            return matrix
        turned = self._copy(matrix, self._take(matrix.rows, matrix.columns, transposed))
        self._release(matrix)
        return turned

    def _copy(self, source: Matrix, target: Matrix) -> Matrix:
        row, column = (source.column, source.row) if target.transposed else (source.row, source.column)
        self.steps.append(
            target.stored
            | {"operation": COPY, "a_place": source.place, "a": source.offset, "a_row": row, "a_column": column}
            | {"c_place": target.place, "c": target.offset, "state": DENSE}
        )
        target.made_by = self.steps[-1]
        return target

    def _live_list(self, ordered: Link) -> int:
        """Where the live units of the diagonal that was applied last are listed; DENSE if none of its units can be dead."""
        op = ordered[-1] if ordered else None
        if not isinstance(op, Diagonal) or not op.sparse:
            return DENSE
        if op not in self._lists:
            self._lists[op] = self.list_size
            self.live.append(self._state[op] | {"size": op.size, "list": self.list_size})
            self.list_size += 1 + op.size
        return self._lists[op]

    def _out(self) -> Matrix:
        sizes = self._product.sizes
        return Matrix(sizes[-1], sizes[0], OUT, 0, sizes[0], 1)

    def _take(self, rows: int, columns: int, transposed: bool) -> Matrix:
        if transposed:
            row = self._padded(rows)
            return Matrix(rows, columns, WORK, self.arena.take(columns * row), 1, row)
        row = self._padded(columns)
        return Matrix(rows, columns, WORK, self.arena.take(rows * row), row, 1)

    def _release(self, matrix: Matrix) -> None:
        if matrix.place == WORK:
            self.arena.free(matrix.offset)

    def _padded(self, n: int) -> int:
        return padded(n, self._parameters.dtype)


def _is_binary(op: Diagonal | Normalization) -> bool:
    return isinstance(op, Diagonal) and op.binary


def _link_goes_right(left: Matrix | None, right: Matrix | None, transposed: bool) -> bool:
    """Whether the link is applied to the right operand: to what is accumulated rather than to a weight, else the smaller."""
    if left is not None and right is not None:
        return right.columns < left.rows
    if left is None and right is None:
        return transposed
    return left is None


def _end_spans(product: Product, plan: Plan) -> dict[Span, list[bool]]:
    """Where to apply the last link (True) and the first (False): at the smallest matrix that reaches that end."""
    n, sizes = len(product.leaves), product.sizes
    spans = [(k, k + 1) for k in range(n)] + [(step.start, step.stop) for step in plan.steps]
    ends: dict[Span, list[bool]] = {}
    if product.links[-1]:
        ends.setdefault(min((s for s in spans if s[1] == n), key=lambda s: sizes[s[0]]), []).append(True)
    if product.links[0]:
        ends.setdefault(min((s for s in spans if s[0] == 0), key=lambda s: sizes[s[1]]), []).append(False)
    return ends
