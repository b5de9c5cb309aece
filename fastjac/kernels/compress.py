"""Left-packing: the places at which a row is not 0, or another row's numbers at these places, written side by side.

On AVX-512 the compress instruction packs a vector at a time. On AVX2 a permutation does, which a table gives for every mask:
there LLVM would spell the compression out element by element, as it does for other CPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .target import vector_unit
from .vectors import INDEX, INT32, lane_numbers, load_vector, splat, vector_of


@intrinsic
def list_nonzero(typingctx, zero, row, size, target):
    """Write the places, as int32, at which the row of `size` numbers at address `row` is not 0, and return their count.

    `zero` has the type of the numbers; nan is not 0. Whole vectors are read and written: the row must be padded, and the target
    must have room for a vector more than `size` places.
    """
    signature = types.intp(zero, types.intp, types.intp, types.intp)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        packer = _Packer(builder, sig.args[0])

        def places(first: Any) -> Any:
            return builder.add(splat(builder, builder.trunc(first, INT32), packer.lanes), lane_numbers(INT32, packer.lanes))

        return packer.emit(args[1], args[2], places, args[3], itemsize=4)

    return signature, codegen


@intrinsic
def pack_nonzero(typingctx, zero, row, size, source, target):
    """Write the numbers of the row at address `source` where the row at address `row` is not 0, and return their count.

    Element type, padding and room as for `list_nonzero`.
    """
    signature = types.intp(zero, types.intp, types.intp, types.intp, types.intp)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        packer = _Packer(builder, sig.args[0])
        return packer.emit(args[1], args[2], lambda first: packer.load(args[3], first), args[4], packer.itemsize)

    return signature, codegen


AVX2_BYTES = 32
WORDS = 8
"""Words of 32 bits in a register of AVX2, whose permutation takes them one by one."""


def packing_table(lanes: int) -> np.ndarray:
    """For each mask of so many lanes, bit by bit from the first lane, the numbers of its live lanes' words, then any numbers."""
    width = WORDS // lanes if lanes < WORDS else 1
    table = np.zeros((2**lanes, WORDS), np.uint8)
    for mask in range(2**lanes):
        words = [lane * width + word for lane in range(lanes) if mask >> lane & 1 for word in range(width)]
        table[mask, : len(words)] = words
    return table


class _Packer:
    """Writes the loop that both intrinsics share."""

    def __init__(self, builder: Any, dtype: Any) -> None:
        self.builder = builder
        self.itemsize = 4 if dtype == types.float32 else 8
        self.vector = vector_of(self.itemsize)
        self.lanes = self.vector.count

    def emit(self, row: Any, size: Any, values: Callable[[Any], Any], target: Any, itemsize: int) -> Any:
        """Pack `values(first)`, a vector for the lanes from `first` on, to where `target` points; returns the count of all."""
        b = self.builder
        count = cgutils.alloca_once_value(b, INDEX(0))
        with cgutils.for_range_slice(b, INDEX(0), size, INDEX(self.lanes), INDEX) as (first, _):
            mask = self._live(row, first, size)
            packed = self._compress(values(first), mask)
            address = b.add(target, b.mul(b.load(count), INDEX(itemsize)))
            b.store(packed, b.inttoptr(address, packed.type.as_pointer())).align = itemsize
            bits = b.bitcast(mask, ir.IntType(self.lanes))
            b.store(b.add(b.load(count), b.zext(b.ctpop(bits), INDEX)), count)
        return b.load(count)

    def load(self, base: Any, element: Any) -> Any:
        """The vector that starts `element` elements behind the address `base`."""
        address = self.builder.add(base, self.builder.mul(element, INDEX(self.itemsize)))
        return load_vector(self.builder, address, self.vector, self.itemsize)

    def _live(self, row: Any, first: Any, size: Any) -> Any:
        """For each lane whether it lies inside the row and is not 0; padding may hold anything."""
        b = self.builder
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        inside = b.icmp_signed("<", lane_numbers(INDEX, self.lanes), splat(b, b.sub(size, first), self.lanes))
        return b.and_(b.fcmp_unordered("!=", self.load(row, first), zero), inside)

    def _compress(self, values: Any, mask: Any) -> Any:
        if vector_unit()[0] == AVX2_BYTES:
            return self._permute(values, mask)
        b, kind = self.builder, values.type
        element = "i32" if kind.element == INT32 else f"f{8 * self.itemsize}"
        name = f"llvm.experimental.vector.compress.v{self.lanes}{element}"
        function = cgutils.get_or_insert_function(b.module, ir.FunctionType(kind, [kind, mask.type, kind]), name)
        return b.call(function, [values, mask, ir.Constant(kind, ir.Undefined)])

    def _permute(self, values: Any, mask: Any) -> Any:
        """The compressed vector on AVX2. Lanes of 32 bits that fill half a register take up a whole one on the way."""
        b, kind, words = self.builder, values.type, ir.VectorType(INT32, WORDS)
        if kind.element == INT32 and self.lanes < WORDS:
            whole = self._shuffled(values, [*range(self.lanes), *[0] * (WORDS - self.lanes)])
            return self._shuffled(self._permuted(whole, mask, packing_table(WORDS)), [*range(self.lanes)])
        return b.bitcast(self._permuted(b.bitcast(values, words), mask, packing_table(self.lanes)), kind)

    def _permuted(self, words: Any, mask: Any, table: np.ndarray) -> Any:
        """The words in the order that the mask's row of the table gives."""
        b, module = self.builder, self.builder.module
        content = ir.Constant(ir.ArrayType(ir.IntType(8), table.size), bytearray(table.tobytes()))
        start = b.ptrtoint(cgutils.global_constant(module, "packing_table", content), INDEX)
        bits = b.zext(b.bitcast(mask, ir.IntType(self.lanes)), INDEX)
        row = load_vector(b, b.add(start, b.mul(bits, INDEX(WORDS))), ir.VectorType(ir.IntType(8), WORDS), itemsize=1)
        kind = ir.FunctionType(words.type, [words.type, words.type])
        permute = cgutils.get_or_insert_function(module, kind, "llvm.x86.avx2.permd")
        return b.call(permute, [words, b.zext(row, words.type)])

    def _shuffled(self, values: Any, order: list[int]) -> Any:
        places = ir.Constant(ir.VectorType(INT32, len(order)), order)
        return self.builder.shuffle_vector(values, ir.Constant(values.type, ir.Undefined), places)
