"""A contraction that other kernels reach through its address: one that named it would have LLVM optimize all tiles again."""

from __future__ import annotations

import numpy as np
from numba import types

from .contract import Contraction, contract, tile_shape
from .jit import address_of_compiled, entry, piece
from .memory import call_address


@entry()
def multiply_float32(shape, index, a, b, start, scale, c):
    """`_multiply` for float32."""
    _multiply(np.float32(0), shape, index, a, b, start, scale, c)


@entry()
def multiply_float64(shape, index, a, b, start, scale, c):
    """`_multiply` for float64."""
    _multiply(np.float64(0), shape, index, a, b, start, scale, c)


KERNELS = {np.dtype(np.float32): multiply_float32, np.dtype(np.float64): multiply_float64}
_ONE, _TWO, _THREE = types.intp, types.UniTuple(types.intp, 2), types.UniTuple(types.intp, 3)
SIGNATURE = (_THREE, _ONE, _THREE, _TWO, _ONE, _ONE, _TWO)


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _multiply(zero, shape, index, a, b, start, scale, c):
    """`C = (start + A B) * scale`, with operands as addresses and strides in elements.

    shape : rows and columns of C, and how many inner units.  index : the address of their numbers.
    a : address, and strides from row to row and from column to column.  b, c : address, and stride from row to row.
    """
    rows, columns, depth = shape
    tile_rows, tile_columns = tile_shape(zero, rows, columns)
    operands = Contraction(rows, columns, a[0], a[1], a[2], index, b[0], b[1], 1, index, depth, start, scale, c[0], c[1])
    contract(zero, operands, tile_rows, tile_columns)


@piece
def multiply(block, shape, index, a, b, start, c):
    """`C = start + A B` by the kernel at the block's address `multiply`; operands as for `_multiply`."""
    call_address(block.multiply, (shape, index, a, b, start, block.ones, c))
