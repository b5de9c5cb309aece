"""The emitter of steps for parameters that may change, and the steps that only gradients have."""

from __future__ import annotations

from typing import Any

from ..caches import caches
from ..kernels import adjoint
from ..kernels.gradient_tables import PLACES, SUMS
from ..kernels.jit import kernel_address
from ..kernels.tables import CONTRACT, DENSE, PARAMETERS, SCRATCH, WORK
from ..kernels.target import lanes, round_up
from ..layers import Affine
from ..lowering.emitter import Emitter, kernel_of
from ..lowering.matrix import Matrix, Record
from ..lowering.memory import LINE
from ..lowering.values import StatePlaces
from ..planning.block import Slopes
from ..planning.operators import Diagonal, Normalization
from .operations import Operation
from .places import Place, Placed, Places

ALL = 1 << 30
"""More rows than any sample has, and more samples than any group."""
PIECE_ELEMENTS, PIECE_VECTORS = 8192, 4
"""Numbers in a piece of a weight's gradient, which stays in the first-level cache until it is added, and the fewest registers
that a row of it fills: a gradient of many rows is taken in larger pieces for their sake."""
DOT_ROWS, DOT_VECTORS = 4, 8
"""The fewest rows, and the fewest registers that each of them fills, for which dot products with the live units pay."""
DOT_BYTES = 4096
"""Bytes of a row that dot products take before the next ones, so that some rows stay in the first-level cache. The order of sums
follows from it, so it is the same on every machine."""
STRIP_BYTES = caches().second // 2
"""Bytes of a weight whose rows dot products of all samples take before the next ones."""


class GradientEmitter(Emitter):
    """Steps whose matrices lie in a thread's scratch, but for those that are kept in a block's workspace.

    Weights are row-major. Rows of all samples are multiplied together where no dead units are left out, since a product of few
    rows would fill no tile.

    end : where the workspace ends, in elements of one sample.
    """

    place, stacked_rows, skipping_rows = SCRATCH, ALL, 4
    _parameters: Placed

    def __init__(self, parameters: Placed, state: StatePlaces, end: int) -> None:
        super().__init__(parameters, state)
        self.end = end
        self._turned: dict[int, Matrix] = {}  # the transpose of each weight, by the place of the weight

    def keep(self, rows: int, columns: int) -> Matrix:
        """A new matrix in the block's workspace."""
        row, start = self.padded(columns), self.end
        self.end += round_up(rows * row, LINE)
        return Matrix(rows, columns, WORK, start, row, 1)

    def row_major(self, factor: Affine, transposed: bool) -> Matrix:
        """See `Emitter`."""
        weight, other = (self._parameters.numbers[factor][name].matrix(PARAMETERS) for name in ("weight", "transposed"))
        if transposed:
            weight, other = other, weight
        self._turned[weight.offset] = other
        return weight

    def in_panels(self, factor: Affine, transposed: bool, rows: int) -> Matrix:
        """The weight row by row: to pack it into panels at each call would take longer than they save."""
        return self.row_major(factor, transposed)

    def stack(self, weight: Matrix, union: Diagonal | Normalization | None = None) -> None:
        """Let the last step take all samples together, if it leaves out no units and their rows follow one another."""
        step = self.steps[-1]
        if step["live"] == DENSE and step["a_place"] != PARAMETERS:
            step["stacked"] = ALL

    def leave_out(self, matrix: Matrix, slopes: Slopes) -> None:
        """See `Emitter`: the product becomes dot products with the rows of the weight that belong to live units."""
        step, dtype = matrix.made_by, self._parameters.dtype
        if step is None or not isinstance(slopes.operator, Diagonal) or not _is_dense_product(step):
            return
        if step["rows"] >= DOT_ROWS and step["depth"] >= DOT_VECTORS * lanes(dtype):
            row_bytes = step["depth"] * dtype.itemsize
            pieces = -(-row_bytes // DOT_BYTES)
            step |= self._turned[step["b"]].as_right | {"kernel": self._address(adjoint.live_columns_step), "stacked": 0}
            step |= {"columns_live": self.list_of(slopes), "strip": max(1, STRIP_BYTES // row_bytes)}
            step["piece_depth"] = round_up(-(-step["depth"] // pieces), LINE)

    def finished(self) -> list[Record]:
        """All steps, each with the address of its kernel."""
        return [{"pieces": 1, "kernel": step.get("kernel") or self._address(kernel_of(step))} | step for step in self.steps]

    # Steps of `kernels.adjoint`.

    def outer(self, gradient: Place, u: Matrix, t: Matrix) -> None:
        """`gradient += sum u^T t` over all rows of all samples."""
        target, right = gradient.matrix(SUMS), t
        # A product reads whole vectors of its right operand, which must not go beyond the end of the caller's array.
        if t.place in PLACES.values() and self.padded(t.columns) != t.columns:
            right = self.copy(t, self.take(t.rows, t.columns))
        step = target.stored | u.as_left | right.as_right | {"depth": u.rows}
        step |= {"piece_rows": target.rows, "piece_columns": target.row}
        if target.size > PIECE_ELEMENTS:
            # The operand with shorter rows is read again for every piece.
            if target.rows < target.columns:
                least = PIECE_VECTORS * lanes(self._parameters.dtype)
                step["piece_columns"] = min(target.row, round_up(max(1, PIECE_ELEMENTS // target.rows), least))
            else:
                step["piece_rows"] = max(1, PIECE_ELEMENTS // target.row)
            # The samples of a block work on one piece, so that each of them has room for a part of it.
            piece = self.take(1, -(-step["piece_rows"] * step["piece_columns"] // self._parameters.block))
            step |= piece.as_start
            self.release(piece)
        self._write(adjoint.outer_step, step)
        if right is not t:
            self.release(right)

    def total(self, gradient: Place, matrix: Matrix) -> None:
        """`gradient += sum matrix` over all samples."""
        self._write(adjoint.total_step, gradient.matrix(SUMS).stored | matrix.as_left)

    def by_slopes(self, u: Matrix, t: Matrix) -> Matrix:
        """The sum of `u t` over the rows, unit by unit: the derivatives by the slopes of a diagonal between u and t."""
        target = self.take(1, u.columns)
        self._write(adjoint.slopes_step, target.stored | u.as_left | t.as_right | {"rows": u.rows})
        return target

    def bend(self, op: Operation, rule: Any, inputs: Matrix, by_slopes: Matrix, target: Matrix) -> None:
        """The derivative by an activation's inputs, from that by its slopes: in place where that is the target, or added."""
        spare = self.take(1, inputs.columns)
        step = target.stored | inputs.as_left | by_slopes.as_right | spare.as_start
        self._write(adjoint.bend_step, step | self._rule(op, rule) | {"adds": int(target is not by_slopes)})
        self.release(spare)

    def bend_pair(self, slopes: Slopes, rule: Any, by_slopes: tuple[Matrix, Matrix], target: Matrix) -> None:
        """Add the derivative by one operand of a function of two, from those by the slopes by this operand and by the other."""
        (by_mine, by_other), size = by_slopes, self.padded(target.columns)
        step = target.stored | by_mine.as_left | by_other.as_right | self.slopes(slopes.operator, slopes.operand)
        step |= {"rule": self._address(rule), "to_other": -size if slopes.operand else size}
        self._write(adjoint.bend_pair_step, step)

    def bend_normalizer(self, operator: Normalization, rule: Any, rows: tuple[Matrix, Matrix], target: Matrix) -> None:
        """Write the derivative by a normalizer's inputs, through the rows u and t."""
        (u, t), spare = rows, self.take(1, target.columns)
        step = target.stored | u.as_left | t.as_right | spare.as_start | self._state[operator] | {"rows": u.rows}
        self._write(adjoint.bend_normalizer_step, step | {"rule": self._address(rule)})
        self.release(spare)

    def pull_parameters(self, op: Operation, rows: tuple[Matrix, Matrix, Matrix], target: Matrix, places: Places) -> None:
        """Add to the target's rows the derivatives by an activation's parameters.

        rows : the activation's inputs, rows of derivatives by its values, and a row of derivatives by its slopes.
        places : where the derivatives by p and q start in a row.
        """
        inputs, by_values, by_slopes = rows
        step = target.stored | inputs.as_left | by_values.as_right | by_slopes.as_start | {"columns": inputs.columns}
        step |= self._rule(op, op.activation.rule.parameter_pull) | {f"by_{name}": places.get(name, DENSE) for name in "pq"}
        self._write(adjoint.pull_parameters_step, step)

    def weight_rows(self, u: Matrix, inputs: Matrix, target: Matrix, adds: bool) -> None:
        """Write to the target's rows, or add to them, the outer product of each row of u and the inputs."""
        step = target.stored | u.as_left | inputs.as_right | {"columns": inputs.columns, "depth": u.columns, "adds": int(adds)}
        self._write(adjoint.weight_rows_step, step)

    def _rule(self, op: Operation, kernel: Any) -> Record:
        numbers = self._parameters.numbers[op.layer]
        return {"rule": self._address(kernel)} | {name: numbers[name].offset for name in "pq"}

    def _write(self, kernel: Any, step: Record) -> None:
        self.steps.append(step | {"kernel": self._address(kernel)})

    def _address(self, kernel: Any) -> int:
        return kernel_address(kernel, self._parameters.dtype)


def _is_dense_product(step: Record) -> bool:
    """Whether a step multiplies whole rows, which are contiguous, by a weight, adds nothing, and stores the rows as they are."""
    by_weight = step["operation"] == CONTRACT and step["b_place"] == PARAMETERS
    return by_weight and step["a_column"] == 1 and step["live"] == step["start_place"] == step["turned"] == DENSE


def array(name: str, rows: int, columns: int, offset: int = 0, row: int | None = None) -> Matrix:
    """A sample's matrix in an array of a request, whose rows follow one another unless `row` states their distance."""
    return Matrix(rows, columns, PLACES[name], offset, columns if row is None else row, 1)
