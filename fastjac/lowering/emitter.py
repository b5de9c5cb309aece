"""Records of the step table, one after another, and the memory that they need."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import accumulate
from ..kernels.tables import APPLY, CLEAR, CONTRACT, COPY, DENSE, PACK, PARAMETERS, SUM, WORK
from ..kernels.target import PANEL_ROWS, lanes, max_rows, padded
from ..layers import Affine
from ..planning.block import Pair, Slopes
from ..planning.cost import STACKED_ROWS, UNION_ROWS
from ..planning.operators import Diagonal, Link, Normalization
from .matrix import Matrix, Record, can_scale, row_stride
from .memory import LIST_ROOM, Arena, Parameters, panel_of, strip_of
from .values import StatePlaces

TURNED_VECTORS = 8
"""Width, in registers, of the piece of a result that is turned round while it lies in the first-level cache."""


KERNELS = {
    CONTRACT: accumulate.contract_step,
    COPY: accumulate.copy_step,
    PACK: accumulate.pack_step,
    CLEAR: accumulate.clear_step,
    SUM: accumulate.sum_step,
}
"""The kernels of steps, by their operation; an APPLY has one of several."""


def kernel_of(step: Record) -> Any:
    """The kernel that takes a step."""
    if step["operation"] != APPLY:
        return KERNELS[step["operation"]]
    if not step["rank"]:
        return accumulate.scale_step
    return accumulate.normalize_columns_step if step["units_on_columns"] else accumulate.normalize_rows_step


class Emitter:
    """The step table, the live lists and the memory of a task, while they are written.

    parameters : receives the weights, in the orientation that a step reads.
    state : where each operator's Jacobian vectors lie.
    skips_closed : whether products leave out units that another value closes, as a factor of 0 does.
    place : where new matrices lie.  stacked_rows : the most rows of a sample that are multiplied with those of others.
    skipping_rows : the fewest rows of a sample for which it pays to leave out dead units.
    """

    skips_closed = False
    place, stacked_rows, skipping_rows = WORK, STACKED_ROWS, UNION_ROWS + 1

    def __init__(self, parameters: Parameters, state: StatePlaces) -> None:
        self.steps: list[Record] = []
        self.live: list[Record] = []
        self.arena = Arena()
        self.list_size = 0
        self._parameters, self._state = parameters, state
        self._lists: dict[tuple[Diagonal | Normalization | Pair, int], Record] = {}

    def weight(self, factor: Affine, transposed: bool) -> Matrix:
        """A weight, row-major in the orientation asked for."""
        lying = self.row_major(factor, transposed)
        return lying.transpose if transposed else lying

    def constant(self, values: np.ndarray) -> Matrix:
        """A matrix that is the same for all samples, row-major."""
        rows, columns = values.shape
        return Matrix(rows, columns, PARAMETERS, self._parameters.add(values), self.padded(columns), 1)

    def row_major(self, factor: Affine, transposed: bool) -> Matrix:
        """A weight, or its transpose, row by row."""
        return self.constant(factor.weight.T if transposed else factor.weight)

    def in_panels(self, factor: Affine, transposed: bool, rows: int) -> Matrix:
        """A weight, or its transpose, as the kernel's right operand, for a left operand of so many rows."""
        weight, dtype = factor.weight.T if transposed else factor.weight, self._parameters.dtype
        depth, columns = weight.shape
        panel = panel_of(rows, columns, dtype)
        strip = strip_of(depth, columns, panel, dtype)
        return Matrix(depth, columns, PARAMETERS, self._parameters.add(weight, panel), panel, 1, panel, strip)

    def pack(self, weight: Matrix, live: int, kept: Diagonal) -> Matrix:
        """A copy of a weight's live units, those of `kept` lying along its rows in memory."""
        packed = self.take(weight.rows, weight.columns, weight.transposed)
        packed.packed = True
        source = weight.transpose if weight.transposed else weight
        self.steps.append(packed.stored | source.as_left | {"operation": PACK, "live": live, **self._state[kept]})
        return packed

    def contract(self, a: Matrix, b: Matrix, c: Matrix, live: int, start: Matrix | None = None) -> None:
        """`C = start + A B` with B row-major or in panels; C is row-major, or the step turns it round piece by piece.

        start : of C's shape, and row-major; it may be C itself, if that lies in the workspace.
        """
        strip = b.strip or self.padded(b.columns)
        turned = DENSE
        if c.transposed:
            piece = TURNED_VECTORS * lanes(self._parameters.dtype)
            strip = min(strip, piece if b.panel is None else b.panel * max(1, piece // b.panel))
            turned = self.arena.take(a.rows * strip)
            self.arena.free(turned)
        self.steps.append(
            {"operation": CONTRACT, "rows": a.rows, "columns": b.columns, "depth": a.columns, "live": live, "state": DENSE}
            | a.as_left
            | b.as_right
            | {"a_packed": int(a.packed), "b_packed": int(b.packed)}
            | {"b_panel": b.panel or DENSE, "strip": strip}
            | (start.as_start if start else {"start_place": DENSE})
            | c.as_result(row_stride(c))
            | {"rows_live": DENSE, "columns_live": DENSE, "turned": turned, "stacked": 0}
        )

    def stack(self, weight: Matrix, union: Diagonal | Normalization | None = None) -> None:
        """Let the last step take its samples stacked, if they share a weight and their rows follow one another.

        union : the operator whose live units the step runs over: those live in any sample of the stack. None for all units.
        """
        step = self.steps[-1]
        if weight.panel is None or step["a_place"] != WORK or step["a_column"] != 1 or (step["live"] != DENSE and union is None):
            return
        step["stacked"] = PANEL_ROWS
        if union is not None:
            # As many samples as fill a tile, so that each tile has live units of its own.
            step["stacked"] = max_rows(weight.panel // lanes(self._parameters.dtype)) // step["rows"]
            self._lists[union, 0]["stacked"] = step["stacked"]

    def apply(self, matrix: Matrix, ordered: Link, forward: bool, masked: bool = False) -> None:
        """Multiply by a link's Jacobians: `N t` on logical rows (forward) or `N^T u` on logical columns, in this order.

        masked : whether entries that the last Jacobian scales by 0 become 0 even where they are inf or nan.
        """
        units_on_columns = matrix.transposed if forward else not matrix.transposed
        for op in ordered:
            masks = masked and op is ordered[-1]
            if op.rank == 0 and units_on_columns and self.scale(matrix, self._state[op], masks):
                continue
            fields = {"rank": op.rank, "units_on_columns": int(units_on_columns), "forward": int(forward), "masked": int(masks)}
            step = matrix.stored | {"operation": APPLY, **fields, **self._state[op]}
            if op.rank and not units_on_columns:
                step |= self._read_by_normalizer(matrix)
            matrix.made_by = None
            self.steps.append(step)

    def _read_by_normalizer(self, matrix: Matrix) -> Record:
        """Fields of the matrix that a normalizer reads: `matrix`, or its source if it is a plain copy, which is then left out."""
        copy, itself = matrix.made_by, (matrix.transpose if matrix.transposed else matrix).as_left
        if copy and copy["operation"] == COPY and copy["state"] == DENSE and copy["a_column"] == 1 and copy is self.steps[-1]:
            self.steps.pop()
            return {name: copy[name] for name in itself}
        return itself

    def scale(self, matrix: Matrix, slopes: Record, masks: bool = False) -> bool:
        """Let the step that makes a matrix scale its columns as it stores them, if it can and no other has changed it."""
        if matrix.made_by is None or not can_scale(matrix.made_by, masks):
            return False
        matrix.made_by |= slopes | {"masked": int(masks)}
        return True

    def leave_out(self, matrix: Matrix, slopes: Slopes) -> None:
        """Let the step that makes a matrix, and scales it by these slopes, leave out the columns of dead units, if that pays."""

    def copy(self, source: Matrix, target: Matrix) -> Matrix:
        """Copy a matrix; returns the target."""
        seen = source.transpose if target.transposed else source
        self.steps.append(target.stored | seen.as_left | {"operation": COPY, "state": DENSE, "a_sample": source.size})
        target.made_by = self.steps[-1]
        return target

    def clear(self, matrix: Matrix) -> None:
        """Fill a row-major matrix with zeros."""
        self.steps.append(matrix.stored | {"operation": CLEAR})

    def add(self, target: Matrix, source: Matrix, slopes: Record | None = None) -> None:
        """`C += A diag(d)`, both row-major; `slopes` states where d lies; without it, `C += A`."""
        step = target.stored | source.as_left | {"operation": SUM, "units": DENSE}
        self.steps.append(step | (slopes or {"state": DENSE}))
        target.made_by = None

    def add_units(self, target: Matrix, source: Matrix, units: tuple[int, ...], scatters: bool) -> None:
        """`C[:, units] += A` (scatters), or `C += A[:, units]`, both row-major."""
        listed = self._parameters.add_units(units)
        step = target.stored | source.as_left | {"operation": SUM, "columns": len(units), "state": DENSE}
        self.steps.append(step | {"units": listed, "scatters": int(scatters)})
        target.made_by = None

    def multiply(self, matrix: Matrix, slopes: Record) -> None:
        """`C = C diag(d)` in place, row-major."""
        fields = {"rank": 0, "units_on_columns": 1, "forward": 0, "masked": 0}
        self.steps.append(matrix.stored | {"operation": APPLY, **fields, **slopes})
        matrix.made_by = None

    def live_list(self, op: Diagonal | Normalization) -> int:
        """Where the live units of an operator are listed; DENSE if none of them can be dead."""
        return self.list_of(Slopes(op)) if isinstance(op, Diagonal) and op.sparse else DENSE

    def list_of(self, slopes: Slopes) -> int:
        """Where the list of the units lies whose slope is not 0."""
        operator, operand = slopes.operator, slopes.operand
        if (operator, operand) not in self._lists:
            live = self.slopes(operator, operand) | {"size": operator.size, "list": self.list_size, "stacked": 0}
            self._lists[operator, operand] = live
            self.live.append(live)
            self.list_size += 1 + operator.size + LIST_ROOM
        return self._lists[operator, operand]["list"]

    def slopes(self, operator: Diagonal | Pair, operand: int = 0) -> Record:
        """Where the slopes of an elementwise map lie; `operand` is the number of the operand by which they are taken."""
        state = self._state[operator]
        return state | {"state": state["state"] + operand * self.padded(operator.size)}

    def take(self, rows: int, columns: int, transposed: bool = False) -> Matrix:
        """A new matrix in the workspace: row-major, or column-major where it is transposed."""
        if transposed:
            return self.take(columns, rows).transpose
        row = self.padded(columns)
        return Matrix(rows, columns, self.place, self.arena.take(rows * row), row, 1)

    def release(self, matrix: Matrix) -> None:
        """Give back the memory of a matrix."""
        if matrix.place == self.place:
            self.arena.free(matrix.offset)

    def padded(self, n: int) -> int:
        """`n` numbers in whole vectors."""
        return padded(n, self._parameters.dtype)
