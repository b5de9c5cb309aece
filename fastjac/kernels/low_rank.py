"""A matrix whose units lie along its rows, times the Jacobian of a normalizer, spelled out as LLVM vectors.

The Jacobian is `N = diag(a) (I - sum_r p_r q_r^T)`, so each column of the result needs one or two sums over all rows. In plain
Numba these sums go through memory, and of a row that is no multiple of four registers the rest is taken number by number: up to
four times as long for a softmax of few inputs. Here the sums of a few registers' columns stay in registers.

Each sum runs over the rows in their order, by a product and an addition that are rounded apart, as `lanes` computes it too.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .target import vector_unit
from .vectors import INDEX, cases, first_lanes, load_masked, load_vector, splat, store_first, store_vector, vector_of

RANKS = 1, 2
MOST_VECTORS = 8
"""Registers of a row that are taken together. The sums of all of them fill half of the registers at most."""


@intrinsic
def normalize_rows(typingctx, zero, source, target, columns, vectors, units, rank, forward):
    """Each column of M is a tangent t, which becomes `N t` (forward), or a cotangent u, which becomes `N^T u` (reverse).

    source, target : the addresses of M and of the result, which may be M, and the elements from row to row.
    vectors : the address of N's vectors, as `operators.factors_at` reads them; each has `units` numbers, as M has rows.
    rank : how many terms N has.  forward : an integer, 0 in reverse.  `zero` has the type of the numbers.
    """
    place = types.UniTuple(types.intp, 2)
    signature = types.void(zero, place, place, *(types.intp,) * 5)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source, target = (cgutils.unpack_tuple(builder, pair) for pair in args[1:3])
        emitter = _Emitter(builder, 4 if sig.args[0] == types.float32 else 8, source, target, args[4:6], args[7])
        emitter.emit(args[3], args[6])
        return context.get_dummy_value()

    return signature, codegen


class _Emitter:
    """Writes the loops over the matrix, for each number of registers and each rank."""

    def __init__(self, builder: Any, itemsize: int, source: Any, target: Any, factors: Any, forward: Any) -> None:
        self.builder, self.itemsize, self.vector = builder, itemsize, vector_of(itemsize)
        self.source, self.target = source, target
        (self.factors, self.units), self.forward = factors, builder.icmp_signed("!=", forward, INDEX(0))

    def emit(self, columns: Any, rank: Any) -> None:
        for terms in cases(self.builder, rank, RANKS):
            self._emit_rank(columns, terms)

    def _emit_rank(self, columns: Any, rank: int) -> None:
        """All columns, as many registers at a time as there is room for their sums."""
        b, lanes, most = self.builder, INDEX(self.vector.count), min(MOST_VECTORS, vector_unit()[1] // 2 // rank)
        with cgutils.for_range_slice(b, INDEX(0), columns, INDEX(most * self.vector.count), INDEX) as (first, _):
            left = b.sub(columns, first)
            needed = b.sdiv(b.add(left, b.sub(lanes, INDEX(1))), lanes)
            count = b.select(b.icmp_signed("<", needed, INDEX(most)), needed, INDEX(most))
            last = b.sub(left, b.mul(b.sub(count, INDEX(1)), lanes))
            for vectors in cases(b, count, range(1, most + 1)):
                self._emit_columns(first, rank, vectors, last)

    def _emit_columns(self, first: Any, rank: int, vectors: int, last: Any) -> None:
        """The columns from `first` on, in so many registers; of the last one only the first `last` lanes."""
        b, mask = self.builder, first_lanes(self.builder, last, self.vector.count)
        zeros = ir.Constant(self.vector, [0.0] * self.vector.count)
        sums = [[cgutils.alloca_once(b, self.vector) for _ in range(vectors)] for _ in range(rank)]
        for total in (total for row in sums for total in row):
            b.store(zeros, total)
        with cgutils.for_range(b, self.units, intp=INDEX) as loop:
            row = self._load_row(loop.index, first, vectors, mask)
            for r in range(rank):
                weight = self._spread(b.fmul(self._pair(r, loop.index)[1], self._before(loop.index)))
                for m, total in zip(row, sums[r], strict=True):
                    b.store(b.fadd(b.load(total), b.fmul(weight, m)), total)
        with cgutils.for_range(b, self.units, intp=INDEX) as loop:
            row = self._load_row(loop.index, first, vectors, mask)
            before, after = self._spread(self._before(loop.index)), self._spread(self._after(loop.index))
            row = [b.fmul(m, before) for m in row]
            for r in range(rank):
                factor = self._spread(self._pair(r, loop.index)[0])
                row = [b.fsub(m, b.fmul(factor, b.load(total))) for m, total in zip(row, sums[r], strict=True)]
            self._store_row(loop.index, first, [b.fmul(m, after) for m in row], last)

    def _pair(self, r: int, unit: Any) -> tuple[Any, Any]:
        """What the sum of a term is multiplied by at a unit, and what it weighs the unit by: p and q, in reverse q and p."""
        p, q = self._factor(1 + 2 * r, unit), self._factor(2 + 2 * r, unit)
        return self.builder.select(self.forward, p, q), self.builder.select(self.forward, q, p)

    def _before(self, unit: Any) -> Any:
        """What a row is multiplied by before the sums: a in reverse."""
        return self.builder.select(self.forward, self.vector.element(1.0), self._factor(0, unit))

    def _after(self, unit: Any) -> Any:
        """What a row is multiplied by at last: a in forward order."""
        return self.builder.select(self.forward, self._factor(0, unit), self.vector.element(1.0))

    def _factor(self, number: int, unit: Any) -> Any:
        """A number of one of N's vectors."""
        b = self.builder
        place = b.mul(b.add(b.mul(self.units, INDEX(number)), unit), INDEX(self.itemsize))
        return b.load(b.inttoptr(b.add(self.factors, place), self.vector.element.as_pointer()))

    def _spread(self, value: Any) -> Any:
        return splat(self.builder, value, self.vector.count)

    def _load_row(self, unit: Any, first: Any, vectors: int, mask: Any) -> list[Any]:
        *whole, last = self._addresses(self.source, unit, first, vectors)
        row = [load_vector(self.builder, address, self.vector, self.itemsize) for address in whole]
        return [*row, load_masked(self.builder, last, self.vector, self.itemsize, mask)]

    def _store_row(self, unit: Any, first: Any, row: list[Any], last: Any) -> None:
        *whole, end = zip(row, self._addresses(self.target, unit, first, len(row)), strict=True)
        for value, address in whole:
            store_vector(self.builder, value, address, self.itemsize)
        store_first(self.builder, [end], self.itemsize, last)

    def _addresses(self, matrix: Any, unit: Any, first: Any, vectors: int) -> list[Any]:
        """Where the registers of a row lie."""
        b = self.builder
        start = b.add(matrix[0], b.mul(b.add(b.mul(unit, matrix[1]), first), INDEX(self.itemsize)))
        return [b.add(start, INDEX(v * self.vector.count * self.itemsize)) for v in range(vectors)]
