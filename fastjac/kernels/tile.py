"""The register tile: a small block of `C = (start + A B) * scale`, spelled out as LLVM vectors.

LLVM does not keep a tile of C in registers when the same loop is written in plain Numba, which costs two thirds of the
machine's rate. Here every sum is a vector value of its own, from the first multiply-add to the one store.

Each element is one chain of fused multiply-adds over the inner index, in order. Its bits therefore depend neither on the
shape of the tile that computes it nor on its place in it, and so neither on the batch nor on the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .target import ALIGNMENT, MAX_TILE_ROWS, MAX_TILE_VECTORS, max_vectors
from .vectors import INDEX, cases, declared, load_index, load_vector, splat, store_first, store_vector, suffix, vector_of

BYTE_POINTER = ir.IntType(8).as_pointer()

PREFETCH_DISTANCE = 8
"""Rows of B are prefetched so many ahead of the multiplication: the hardware cannot foresee which rows an index list skips."""
PREFETCH_VECTORS = 4
"""Tiles narrower than this read so little of B that it is in the first-level cache anyway."""
FIRST_LEVEL, SECOND_LEVEL = 3, 2
"""Caches to prefetch to, as LLVM numbers them."""


class TileOperands(NamedTuple):
    """Where a tile finds its operands. Pointers are addresses in bytes, strides count elements.

    `C[i, j] = (start[i, j] + sum_k A[i, a_index[k]] * B[b_index[k], j]) * scale[j]` for `depth` values of k. start is C itself or
    overlaps it nowhere; where `start_row` is 0, it has one row for all. B, start and scale are read in whole vectors: a multiple
    of the lanes must be readable. The index lists, of int32, must have PREFETCH_DISTANCE readable entries behind their last. Of
    the tile's last vector only the first `last_lanes` elements are stored. A sum that is zero is stored as +0 whether or not
    zeros were skipped on the way.
    """

    a: int
    a_row: int
    a_column: int
    a_index: int
    b: int
    b_row: int
    b_index: int
    depth: int
    start: int
    start_row: int
    scale: int
    c: int
    c_row: int
    last_lanes: int


@intrinsic
def compute_tile(typingctx, zero, rows, vectors, operands, ahead, far):
    """Compute one tile of `rows` by `vectors` registers; `zero` has the type of its numbers.

    ahead : memory that a later tile reads: its address, and the bytes that go with each step of the inner index.
    far : True if the tile is to ask for that memory meanwhile, else None.
    """
    signature = types.void(zero, types.intp, types.intp, operands, ahead, far)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        fields = TileOperands(*cgutils.unpack_tuple(builder, args[3]))
        later = None if sig.args[5] == types.none else cgutils.unpack_tuple(builder, args[4])
        emitter = _Emitter(builder, fields, 4 if sig.args[0] == types.float32 else 8, later)
        shape = builder.add(builder.mul(args[1], INDEX(MAX_TILE_VECTORS + 1)), args[2])
        shapes = {
            n_rows * (MAX_TILE_VECTORS + 1) + n_vectors: (n_rows, n_vectors)
            for n_rows in range(1, MAX_TILE_ROWS + 1)
            for n_vectors in range(1, max_vectors(n_rows) + 1)
        }
        for number in cases(builder, shape, shapes):
            emitter.emit(*shapes[number])
        return context.get_dummy_value()

    return signature, codegen


class _Strides(NamedTuple):
    """Bytes from one row of A, column of A and row of B to the next."""

    a_row: Any
    a_column: Any
    b_row: Any


class _Emitter:
    """Writes the LLVM code of one tile shape after another."""

    def __init__(self, builder: Any, fields: TileOperands, itemsize: int, ahead: Any) -> None:
        self.builder, self.at, self.itemsize, self.ahead = builder, fields, itemsize, ahead
        self.vector = vector_of(itemsize)
        self.lanes = self.vector.count
        # fmuladd, unlike fma, becomes a plain multiply and add where the CPU has no fused one.
        self.fmuladd = declared(builder, f"llvm.fmuladd.{suffix(self.vector, itemsize)}", self.vector, [self.vector] * 3)
        self.prefetch = declared(builder, "llvm.prefetch.p0", ir.VoidType(), [BYTE_POINTER] + [ir.IntType(32)] * 3)

    def emit(self, n_rows: int, n_vectors: int) -> None:
        """`C = (start + A B) * scale` for a tile of this shape."""
        b, at = self.builder, self.at
        start_row = b.mul(at.start_row, INDEX(self.itemsize))
        start = [self._load_row(b.add(at.start, b.mul(start_row, INDEX(i))), n_vectors) for i in range(n_rows)]
        strides = _Strides(*(b.mul(stride, INDEX(self.itemsize)) for stride in (at.a_row, at.a_column, at.b_row)))
        entry, loop, done = b.block, b.append_basic_block("inner"), b.append_basic_block("store")
        b.cbranch(b.icmp_signed(">", at.depth, INDEX(0)), loop, done)

        b.position_at_end(loop)
        k = b.phi(INDEX)
        sums = [[b.phi(self.vector) for _ in range(n_vectors)] for _ in range(n_rows)]
        new_sums = self._multiply_add(k, strides, sums)
        next_k = b.add(k, INDEX(1))
        b.cbranch(b.icmp_signed("<", next_k, at.depth), loop, done)
        k.add_incoming(INDEX(0), entry)
        k.add_incoming(next_k, loop)

        b.position_at_end(done)
        totals = [[b.phi(self.vector) for _ in range(n_vectors)] for _ in range(n_rows)]
        for i in range(n_rows):
            for v in range(n_vectors):
                for phi in (sums[i][v], totals[i][v]):
                    phi.add_incoming(start[i][v], entry)
                    phi.add_incoming(new_sums[i][v], loop)
        scale = self._load_row(at.scale, n_vectors)
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        ends = []
        for i, row in enumerate(totals):
            places = self._places(b.add(at.c, b.mul(at.c_row, INDEX(i * self.itemsize))), n_vectors)
            scaled = [b.fmul(b.fadd(total, zero), factor) for total, factor in zip(row, scale, strict=True)]
            *whole, end = zip(scaled, places, strict=True)
            for value, place in whole:
                store_vector(b, value, place, self.itemsize)
            ends.append(end)
        store_first(b, ends, self.itemsize, at.last_lanes)

    def _multiply_add(self, k: Any, strides: _Strides, sums: list[list[Any]]) -> list[list[Any]]:
        """One step of the inner loop: a row of B, an element of A for each row, the sums plus their products."""
        b, at, n_vectors = self.builder, self.at, len(sums[0])
        if n_vectors >= PREFETCH_VECTORS:
            ahead = load_index(b, at.b_index, b.add(k, INDEX(PREFETCH_DISTANCE)))
            self._prefetch(b.add(at.b, b.mul(ahead, strides.b_row)), n_vectors * self.lanes * self.itemsize, FIRST_LEVEL)
        if self.ahead:
            start, step = self.ahead
            # Half of a row of B: two tiles or more share the asking. A single one would have no time to wait for all of it.
            self._prefetch(b.add(start, b.mul(k, step)), n_vectors * self.lanes * self.itemsize // 2, SECOND_LEVEL)
        first = b.add(at.a, b.mul(load_index(b, at.a_index, k), strides.a_column))
        addresses = self._row_addresses(first, strides.a_row, len(sums))
        operands = self._load_row(b.add(at.b, b.mul(load_index(b, at.b_index, k), strides.b_row)), n_vectors)
        new_sums = []
        for address, row in zip(addresses, sums, strict=True):
            spread = splat(b, b.load(b.inttoptr(address, self.vector.element.as_pointer())), self.lanes)
            new_sums.append([b.call(self.fmuladd, [spread, x, total]) for x, total in zip(operands, row, strict=True)])
        return new_sums

    def _row_addresses(self, first: Any, stride: Any, n_rows: int) -> list[Any]:
        """The addresses at `first + i * stride` for every row i.

        A pointer for each row would not leave enough registers. So only every third row has a pointer, and the rows between are
        reached from it by 1 or 2 strides, which an address can hold. LLVM would undo that if it knew where these pointers start.
        """
        b = self.builder
        three = b.mul(stride, INDEX(3))
        anchors = [self._opaque(first)]
        for _ in range(3, n_rows, 3):
            anchors.append(self._opaque(b.add(anchors[-1], three)))
        return [b.add(anchors[i // 3], b.mul(stride, INDEX(i % 3))) for i in range(n_rows)]

    def _opaque(self, value: Any) -> Any:
        """The same number, whose origin is hidden from LLVM."""
        kind = ir.FunctionType(INDEX, [INDEX])
        return self.builder.asm(kind, "", "=r,0", [value], side_effect=False)

    def _prefetch(self, address: Any, size: int, level: int) -> None:
        """Ask for so many bytes, to be near in a cache of this level; an address past the end does no harm."""
        b = self.builder
        read, locality, data = (ir.IntType(32)(value) for value in (0, level, 1))
        for offset in range(0, size, ALIGNMENT):
            pointer = b.inttoptr(b.add(address, INDEX(offset)), BYTE_POINTER)
            b.call(self.prefetch, [pointer, read, locality, data])

    def _load_row(self, address: Any, n_vectors: int) -> list[Any]:
        """So many vectors from an address on."""
        return [load_vector(self.builder, place, self.vector, self.itemsize) for place in self._places(address, n_vectors)]

    def _places(self, address: Any, n_vectors: int) -> list[Any]:
        """The addresses of so many vectors from an address on."""
        return [self.builder.add(address, INDEX(v * self.lanes * self.itemsize)) for v in range(n_vectors)]
