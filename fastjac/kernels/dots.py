"""Products with some rows of a matrix, `C[i, u] = A[i] . B[u]`, by dot products that run along the vector lanes.

The tile of `tile` reads its right operand along the columns of the result, so it would compute the columns of dead units as well,
or need those of live units side by side. Here a unit's column is made from its own row of B. A few rows of A and a few units are
taken together, so that each register that is loaded serves several sums.

Each element is a sum by lanes, which are added up at the end. Its bits depend on the length of the rows alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .target import TILE_ROWS_WIDER, vector_unit
from .vectors import INDEX, cases, declared, first_lanes, load_index, load_masked, load_vector, suffix, vector_of

MOST_ROWS = TILE_ROWS_WIDER
"""The most rows of A that are taken together."""


class DotOperands(NamedTuple):
    """Where dot products find their operands. Pointers are addresses in bytes, strides count elements.

    `C[i, u] += (sum_k A[i, k] * B[u, k]) * scale[u]` for `depth` values of k, and for `n_units` units u, whose numbers lie at
    `units` as int32. There is at least one unit. Of B whole vectors are read, so its rows must be padded with finite numbers.
    """

    a: int
    a_row: int
    b: int
    b_row: int
    units: int
    n_units: int
    depth: int
    scale: int
    c: int
    c_row: int


@intrinsic
def units_together(typingctx):
    """How many units are taken together: as many as there are registers for the sums."""
    return types.intp(), lambda context, builder, signature, args: INDEX(_units_together())


@intrinsic
def compute_dots(typingctx, zero, rows, operands):
    """Add the products of `rows` rows, at most `MOST_ROWS`, with the first `units_together()` units.

    `zero` has the type of the numbers.
    """
    signature = types.void(zero, types.intp, operands)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        fields = DotOperands(*cgutils.unpack_tuple(builder, args[2]))
        emitter = _Emitter(builder, fields, sig.args[0].bitwidth // 8)
        for n_rows in cases(builder, args[1], range(1, MOST_ROWS + 1)):
            emitter.emit(n_rows)
        return context.get_dummy_value()

    return signature, codegen


def _units_together() -> int:
    return 4 if vector_unit()[1] >= 32 else 2


class _Emitter:
    """Writes the LLVM code for one number of rows after another."""

    def __init__(self, builder: Any, fields: DotOperands, itemsize: int) -> None:
        self.builder, self.at, self.itemsize = builder, fields, itemsize
        self.vector = vector_of(itemsize)
        kind = suffix(self.vector, itemsize)
        self.fmuladd = declared(builder, f"llvm.fmuladd.{kind}", self.vector, [self.vector] * 3)
        self.total = declared(builder, f"llvm.vector.reduce.fadd.{kind}", self.vector.element, [self.vector.element, self.vector])

    def emit(self, n_rows: int) -> None:
        """The dot products of so many rows with those of all units that are taken together."""
        b, at = self.builder, self.at
        units = [self._unit(number) for number in range(_units_together())]
        rows = [self._element(at.a, b.mul(at.a_row, INDEX(i))) for i in range(n_rows)]
        others = [self._element(at.b, b.mul(at.b_row, unit)) for unit in units]
        stores = []
        for unit, column in zip(units, self._sums(rows, others), strict=True):
            scale = self._load(self._element(at.scale, unit))
            for i, lanes in enumerate(column):
                total = b.call(self.total, [self.vector.element(-0.0), b.load(lanes)], fastmath=("reassoc",))
                place = self._element(at.c, b.add(b.mul(at.c_row, INDEX(i)), unit))
                stores.append((b.fadd(self._load(place), b.fmul(total, scale)), place))
        # All are read before any is written: a unit that is computed twice must not be added twice.
        for value, place in stores:
            b.store(value, b.inttoptr(place, value.type.as_pointer()))

    def _sums(self, rows: list[Any], others: list[Any]) -> list[list[Any]]:
        """For each unit and each row the pointer to a register of sums."""
        b, depth, lanes = self.builder, self.at.depth, self.vector.count
        sums = [[cgutils.alloca_once(b, self.vector) for _ in rows] for _ in others]
        for total in (total for column in sums for total in column):
            b.store(ir.Constant(self.vector, [0.0] * lanes), total)
        whole = b.and_(depth, INDEX(-lanes))
        with cgutils.for_range_slice(b, INDEX(0), whole, INDEX(lanes), INDEX) as (k, _):
            self._multiply_add(
                lambda row: self._load_vector(row, k), rows, [self._load_vector(other, k) for other in others], sums
            )
        left_over = b.sub(depth, whole)
        with b.if_then(b.icmp_signed(">", left_over, INDEX(0))):
            mask = first_lanes(b, left_over, lanes)

            def load_part(row: Any) -> Any:
                return load_masked(b, self._element(row, whole), self.vector, self.itemsize, mask)

            self._multiply_add(load_part, rows, [self._load_vector(other, whole) for other in others], sums)
        return sums

    def _multiply_add(self, load: Callable[[Any], Any], rows: list[Any], right: list[Any], sums: list[list[Any]]) -> None:
        """Add to the sums the products of a register of each row with those of all units.

        Rows are loaded one after another, since there are not registers enough for all of them.
        """
        for i, row in enumerate(rows):
            left = load(row)
            for y, column in zip(right, sums, strict=True):
                self.builder.store(self.builder.call(self.fmuladd, [left, y, self.builder.load(column[i])]), column[i])

    def _unit(self, number: int) -> Any:
        """The number of a unit; where too few are left, that of the last one, which is computed again."""
        b, last = self.builder, self.builder.sub(self.at.n_units, INDEX(1))
        place = b.select(b.icmp_signed("<", INDEX(number), last), INDEX(number), last)
        return load_index(b, self.at.units, place)

    def _element(self, base: Any, number: Any) -> Any:
        """The address of a number by its place behind a base."""
        return self.builder.add(base, self.builder.mul(number, INDEX(self.itemsize)))

    def _load_vector(self, base: Any, k: Any) -> Any:
        return load_vector(self.builder, self._element(base, k), self.vector, self.itemsize)

    def _load(self, address: Any) -> Any:
        return self.builder.load(self.builder.inttoptr(address, self.vector.element.as_pointer()))
