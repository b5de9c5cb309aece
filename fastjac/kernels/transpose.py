"""A block of a matrix turned round in registers.

A matrix whose columns are contiguous is written row by row. Number by number, each takes a load and a store of its own, which is
most of the time of a narrow network. Here as many columns as a register has lanes are loaded, exchange their lanes in pairs, and
are stored as rows.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import (
    INDEX,
    INT32,
    first_lanes,
    load_masked,
    load_vector,
    store_first,
    store_vector,
    vector_of,
)


@intrinsic
def transpose_block(typingctx, zero, source, column, target, row, rows, columns, scale):
    """`target[i, j] = source[i, j] * scale[j]` for so many rows and columns, but for no more of either than a register has lanes.

    rows, columns : at least 1.
    source : its address. Numbers of a column lie side by side, and `column` numbers from one column to the next.
    target : its address. Numbers of a row lie side by side, and `row` numbers from one row to the next.
    """
    signature = types.void(zero, *(types.intp,) * 7)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = INDEX(vector_of(sig.args[0].bitwidth // 8).count)
        emitter = _Emitter(builder, sig.args[0].bitwidth // 8, *args[1:])
        whole = builder.and_(*(builder.icmp_signed(">=", count, lanes) for count in args[5:7]))
        with builder.if_else(whole) as (then, otherwise):
            with then:
                emitter.emit_whole()
            with otherwise:
                emitter.emit_part()
        return context.get_dummy_value()

    return signature, codegen


class _Emitter:
    """Writes the code for a whole block, or for a part of one."""

    def __init__(
        self, builder: Any, itemsize: int, source: Any, column: Any, target: Any, row: Any, rows: Any, columns: Any, scale: Any
    ) -> None:
        self.builder, self.itemsize, self.vector = builder, itemsize, vector_of(itemsize)
        self.lanes = self.vector.count
        self.source, self.target, self.rows, self.columns, self.scale = source, target, rows, columns, scale
        self.column, self.row = (builder.mul(stride, INDEX(itemsize)) for stride in (column, row))

    def emit_whole(self) -> None:
        """As many rows and columns as a register has lanes."""
        b = self.builder
        columns = [self._load(b.add(self.source, b.mul(self.column, INDEX(j)))) for j in range(self.lanes)]
        scale = self._load(self.scale)
        for i, row in enumerate(self._turned(columns)):
            store_vector(b, b.fmul(row, scale), b.add(self.target, b.mul(self.row, INDEX(i))), self.itemsize)

    def emit_part(self) -> None:
        """Fewer: beyond the last column it is read again, and rows and parts of rows behind the block are not written."""
        b = self.builder
        inside, last = first_lanes(b, self._least(self.rows), self.lanes), b.sub(self._least(self.columns), INDEX(1))
        columns = []
        for j in range(self.lanes):
            place = b.add(self.source, b.mul(self.column, b.select(b.icmp_signed("<", INDEX(j), last), INDEX(j), last)))
            columns.append(load_masked(b, place, self.vector, self.itemsize, inside))
        count = self._least(self.columns)
        scale = load_masked(b, self.scale, self.vector, self.itemsize, first_lanes(b, count, self.lanes))
        for i, row in enumerate(self._turned(columns)):
            with b.if_then(b.icmp_signed("<", INDEX(i), self.rows)):
                place = b.add(self.target, b.mul(self.row, INDEX(i)))
                store_first(b, [(b.fmul(row, scale), place)], self.itemsize, count)

    def _least(self, count: Any) -> Any:
        lanes = INDEX(self.lanes)
        return self.builder.select(self.builder.icmp_signed("<", count, lanes), count, lanes)

    def _turned(self, vectors: list[Any]) -> list[Any]:
        """The transpose of a square block: rows at each distance of a power of 2 exchange the lanes in which they differ."""
        distance = 1
        while distance < self.lanes:
            # Of each pair, the first takes the second's lanes where the bit of the distance is set, and gives its own for them.
            places = [lane if not lane & distance else self.lanes + lane - distance for lane in range(self.lanes)]
            others = [lane + distance if not lane & distance else self.lanes + lane for lane in range(self.lanes)]
            turned = list(vectors)
            for first in (number for number in range(self.lanes) if not number & distance):
                pair = vectors[first], vectors[first + distance]
                turned[first], turned[first + distance] = self._shuffled(pair, places), self._shuffled(pair, others)
            vectors, distance = turned, 2 * distance
        return vectors

    def _shuffled(self, pair: tuple[Any, Any], places: list[int]) -> Any:
        return self.builder.shuffle_vector(*pair, ir.Constant(ir.VectorType(INT32, self.lanes), places))

    def _load(self, address: Any) -> Any:
        return load_vector(self.builder, address, self.vector, self.itemsize)
