"""Lowering of a plan: each contraction becomes steps that say where its operands lie and which way round.

Matrices are spoken of by their logical rows and columns: `J[i:j]` has the units of boundary j as rows and those of
boundary i as columns. The kernel wants its right operand contiguous along the result's columns. A cotangent matrix meets a
weight that way as it is; a product with a tangent matrix is taken transposed, `C^T = B^T D A^T`, on the transposed weight,
and its result lies transposed in memory, which is what the next push wants. The kernel's left operand may have any strides.

A link is applied once, to one of the two operands that meet at it: to the tangents on its right (`N t`), or to the
cotangents on its left (`N^T u`). Where the last thing so applied is a diagonal, the contraction runs over its live units only;
for samples that are stacked, over the units that are live in any of them. Where the accumulated side is tall enough to pay for
it, the columns that the next such diagonal will drop are not produced.
"""

from __future__ import annotations

from .chain import Diagonal, Link, Normalization, Product, is_binary
from .kernels.tables import APPLY, COLUMNS, CONTRACT, COPY, DENSE, OUT, PACK, PARAMETERS, ROWS, SEED, WORK
from .kernels.target import lanes, max_rows, padded
from .matrix import Matrix, Record, can_scale, result_of, row_stride
from .memory import LIST_ROOM, PANEL_ROWS, Arena, Parameters, panel_of, strip_of
from .spans import can_unite, end_spans, link_goes_right, parts_of
from .steps import Plan, Span, Step

TURNED_VECTORS = 8
"""Width, in registers, of the piece of a result that is turned round while it lies in the first-level cache."""

NARROW = 16
"""Columns up to which a result is turned round rather than worked on row by row, each for itself a short loop."""

StatePlaces = dict[Diagonal | Normalization, Record]
"""For each link's operators the fields `state` and `state_row` of every record that reads its Jacobian's vectors."""


class Accumulation:
    """The step table, the live lists and the memory that accumulating a product by a plan needs.

    parameters : receives the weights, in the orientation that a step reads.
    state : where each link's Jacobian vectors lie.
    contracted : the matrix that the latest contraction makes, and how many steps there are up to that one.
    """

    contracted: tuple[Matrix, int]

    def __init__(self, parameters: Parameters, state: StatePlaces) -> None:
        self.steps: list[Record] = []
        self.live: list[Record] = []
        self.arena = Arena()
        self.list_size = 0
        self.parts = 1
        self._parameters, self._state = parameters, state
        self._lists: dict[Diagonal | Normalization, Record] = {}

    def lower(self, product: Product, plan: Plan) -> None:
        """Write the steps that compute `product` in the order of `plan`, into the sample's result."""
        self._product = product
        self._ends = end_spans(product, plan)
        self.parts = parts_of(product, plan, self._ends)
        made: dict[Span, Matrix] = {}
        for step in plan.steps:
            made[step.start, step.stop] = self._contract(step, made)
        whole = (0, len(product.leaves))
        if whole not in made:
            made[whole] = self._single_factor(whole)
        if made[whole].place != OUT:
            self._copy(made[whole], self._out())
        if any(step["c_place"] == OUT and step["operation"] != CONTRACT for step in self.steps):
            # Every part would repeat this step on rows that another part is still writing.
            self.parts = 1

    def _single_factor(self, whole: Span) -> Matrix:
        """The product of one factor: a copy of it, changed by what stands before and after it."""
        sizes = self._product.sizes
        # A normalizer takes sums down the columns of the result, which are its rows where it lies transposed.
        transposed = self._product.leaves[0] is not None and bool(self._ends) and sizes[0] <= NARROW < sizes[1]
        source = self._source(whole, transposed)
        copy = self._copy(source, self._take(source.rows, source.columns, True) if transposed else self._out())
        self._apply_ends(copy, whole)
        return copy

    def _contract(self, step: Step, made: dict[Span, Matrix]) -> Matrix:
        """Records for one step of the plan; returns the matrix that it makes."""
        left_span, right_span, span = (step.middle, step.stop), (step.start, step.middle), (step.start, step.stop)
        transposed = step.transposed
        left_made, right_made = made.pop(left_span, None), made.pop(right_span, None)
        kept = self._kept(step)
        # A weight that is packed is not changed besides.
        forward = step.start == 0 if kept else link_goes_right(left_made, right_made, transposed)
        link = self._product.links[step.middle]
        ordered = link if forward else link[::-1]
        live = self._live_list(ordered[-1]) if ordered else DENSE
        a_made = right_made if transposed else left_made
        united = live != DENSE and step.stacked and can_unite(self._product, step, a_made, self._parameters.dtype)
        # A binary diagonal that comes last needs no multiplication where each sample runs over its own live list.
        applied = ordered[:-1] if ordered and is_binary(ordered[-1]) and not united else ordered
        left = left_made or self._operand(left_span, step, live, kept, changed=bool(applied) and not forward)
        right = right_made or self._operand(right_span, step, live, kept, changed=bool(applied) and forward)
        self._apply(right if forward else left, applied, forward, masked=united)
        if transposed:
            left = self._oriented(left, transposed)
        else:
            right = self._oriented(right, transposed)

        whole = span == (0, len(self._product.leaves))
        into_out = whole and (not transposed or span not in self._ends)
        result = self._out() if into_out else self._take(left.rows, right.columns, transposed)
        if transposed:
            self._emit_contract(right.transpose, left.transpose, result.transpose, live)
        else:
            self._emit_contract(left, right, result, live)
        if step.stacked:
            self._stack(left if transposed else right, ordered[-1] if united else None)
        if kept:
            side = "columns_live" if bool(step.start) != transposed else "rows_live"
            self.steps[-1][side] = self._live_list(kept)
            result.packed = True
        self.steps[-1]["shared"] = self._shared(step)
        result.made_by = self.steps[-1]
        for operand in (left, right):
            self._release(operand)
        self.contracted = result, len(self.steps)
        self._apply_ends(result, span)
        return result

    def _shared(self, step: Step) -> int:
        """What of a step's result the parts of one sample each compute some of."""
        if self.parts == 1 or step.stop < len(self._product.leaves):
            return 0
        return COLUMNS if step.transposed else ROWS

    def _kept(self, step: Step) -> Diagonal | None:
        """The diagonal whose live units alone a step's result holds, if the plan says that it drops the others."""
        op = self._product.links[step.start or step.stop][0] if step.drops else None
        return op if isinstance(op, Diagonal) else None

    def _operand(self, span: Span, step: Step, live: int, kept: Diagonal | None, changed: bool) -> Matrix:
        """The weight or the seed of one factor, as an operand of a step.

        kept : of what the step's result holds the live units alone, if so; then the weight on that side is packed.
        changed : whether it is about to be changed, for this sample alone.
        """
        is_left = span == (step.middle, step.stop)
        if kept and is_left == (step.start == 0):
            return self._packed(span, live, kept, transposed=is_left)
        if changed or span in self._ends:
            source = self._source(span, step.transposed)
            copy = self._copy(source, self._take(source.rows, source.columns, step.transposed))
            self._apply_ends(copy, span)
            return copy
        if is_left == step.transposed:
            return self._in_panels(span, step, live)
        return self._source(span, transposed=False)

    def _packed(self, span: Span, live: int, kept: Diagonal, transposed: bool) -> Matrix:
        """A copy of a weight's live units, those of `kept` lying along its rows in memory."""
        weight = self._source(span, transposed)
        packed = self._take(weight.rows, weight.columns, transposed)
        packed.packed = True
        self.steps.append(
            packed.stored
            | {"operation": PACK, "a_place": weight.place, "a": weight.offset, "a_row": weight.stored["c_row"]}
            | {"c_place": packed.place, "c": packed.offset, "live": live, **self._state[kept]}
        )
        return packed

    def _source(self, span: Span, transposed: bool) -> Matrix:
        """The factor itself, row-major: a weight in the orientation asked for, or the seed in the only one that it has."""
        factor = self._product.leaves[span[0]]
        rows, columns = self._product.sizes[span[1]], self._product.sizes[span[0]]
        if factor is None:
            return Matrix(rows, columns, SEED, 0, columns, 1)
        weight = factor.weight.T if transposed else factor.weight
        row = self._padded(weight.shape[1])
        lying = Matrix(weight.shape[0], weight.shape[1], PARAMETERS, self._parameters.add(weight), row, 1)
        return lying.transpose if transposed else lying

    def _in_panels(self, span: Span, step: Step, live: int) -> Matrix:
        """A weight as the kernel's right operand."""
        factor, sizes, dtype = self._product.leaves[span[0]], self._product.sizes, self._parameters.dtype
        assert factor is not None  # a seed is not padded, and so never a right operand
        weight = factor.weight.T if step.transposed else factor.weight
        depth, columns = weight.shape
        rows = PANEL_ROWS if step.stacked else sizes[step.start if step.transposed else step.stop]
        panel = panel_of(rows, columns, dtype)
        strip = strip_of(depth, columns, panel, dtype)
        lying = Matrix(depth, columns, PARAMETERS, self._parameters.add(weight, panel), panel, 1, panel, strip)
        return lying.transpose if step.transposed else lying

    def _apply_ends(self, matrix: Matrix, span: Span) -> None:
        """What stands before the first and after the last factor, where `span` is the cheapest place for it."""
        for forward in self._ends.get(span, ()):
            link = self._product.links[-1] if forward else self._product.links[0][::-1]
            self._apply(matrix, link, forward)

    def _apply(self, matrix: Matrix, ordered: Link, forward: bool, masked: bool = False) -> None:
        """Multiply by a link's Jacobians: `N t` on logical rows (forward) or `N^T u` on logical columns, in this order.

        masked : whether what the last of them scales by 0 becomes 0, also where it is inf or nan.
        """
        units_on_columns = matrix.transposed if forward else not matrix.transposed
        for op in ordered:
            maker = matrix.made_by
            masks = masked and op is ordered[-1]
            if maker is not None and op.rank == 0 and units_on_columns and can_scale(maker, masks):
                maker |= self._state[op] | {"masked": int(masks)}
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
                "masked": int(masks),
                **self._state[op],
            }
            if op.rank and not units_on_columns:
                step["scratch"] = self.arena.take(op.rank * matrix.stored["columns"])
                self.arena.free(step["scratch"])
            self.steps.append(step)

    def _stack(self, weight: Matrix, union: Diagonal | Normalization | None) -> None:
        """Let the last step take its samples stacked, if they share a weight and their rows follow one another.

        union : the diagonal whose live units, those of all samples in a stack, it runs over, if it runs over any.
        """
        step = self.steps[-1]
        if weight.panel is None or step["a_place"] != WORK or step["a_column"] != 1 or (step["live"] != DENSE and union is None):
            return
        step["stacked"] = PANEL_ROWS
        if union is not None:
            # As many as fill a tile, so that each tile has units of its own.
            step["stacked"] = max_rows(weight.panel // lanes(self._parameters.dtype)) // step["rows"]
            self._lists[union]["stacked"] = step["stacked"]

    def _emit_contract(self, a: Matrix, b: Matrix, c: Matrix, live: int) -> None:
        """One step for `C = A B` with B row-major or in panels; C is row-major, or the step turns it round piece by piece."""
        strip = b.strip or self._padded(b.columns)
        turned = DENSE
        if c.transposed:
            piece = TURNED_VECTORS * lanes(self._parameters.dtype)
            strip = min(strip, piece if b.panel is None else b.panel * max(1, piece // b.panel))
            turned = self.arena.take(a.rows * strip)
            self.arena.free(turned)
        self.steps.append(
            {"operation": CONTRACT, "rows": a.rows, "columns": b.columns, "depth": a.columns, "live": live, "state": DENSE}
            | {"a_place": a.place, "a": a.offset, "a_sample": a.size, "a_row": a.row, "a_column": a.column}
            | {"b_place": b.place, "b": b.offset, "b_sample": b.size, "b_row": b.row}
            | {"a_packed": int(a.packed), "b_packed": int(b.packed)}
            | {"b_panel": b.panel or DENSE, "strip": strip}
            | {"c_place": c.place, "c": c.offset, "c_sample": c.size, "c_row": row_stride(c)}
            | {"rows_live": DENSE, "columns_live": DENSE, "turned": turned, "stacked": 0}
        )

    def _oriented(self, matrix: Matrix, transposed: bool) -> Matrix:
        """The matrix as the kernel's right operand: in this orientation, with padded rows."""
        if matrix.transposed == transposed:
            return matrix
        turned = self._copy(matrix, self._take(matrix.rows, matrix.columns, transposed))
        turned.packed = matrix.packed
        self._release(matrix)
        return turned

    def _copy(self, source: Matrix, target: Matrix) -> Matrix:
        row, column = (source.column, source.row) if target.transposed else (source.row, source.column)
        self.steps.append(
            target.stored
            | {"operation": COPY, "a_place": source.place, "a": source.offset, "a_row": row, "a_column": column}
            | {"c_place": target.place, "c": target.offset, "state": DENSE, "a_sample": source.size}
        )
        target.made_by = self.steps[-1]
        return target

    def _live_list(self, op: Diagonal | Normalization) -> int:
        """Where the live units of an operator are listed; DENSE if none of them can be dead."""
        if not isinstance(op, Diagonal) or not op.sparse:
            return DENSE
        if op not in self._lists:
            self._lists[op] = self._state[op] | {"size": op.size, "list": self.list_size, "stacked": 0}
            self.live.append(self._lists[op])
            self.list_size += 1 + op.size + LIST_ROOM
        return self._lists[op]["list"]

    def _out(self) -> Matrix:
        return result_of(self._product)

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
