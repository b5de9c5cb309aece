"""Products of matrices for the gradient's kernels."""

from __future__ import annotations

from .contract import Contraction, tile_shape
from .jit import piece
from .memory import call_address


@piece
def multiply(zero, block, shape, index, a, b, start, c):
    """`C = start + A B`, with operands as addresses and strides in elements.

    shape : rows and columns of C, and how many inner units.  index : the address of the inner units' numbers.
    a : address, and strides from row to row and from column to column.
    b, start, c : address, and stride from row to row. The sum may start from C itself; a row of zeros has stride 0.
    """
    rows, columns, depth = shape
    tile_rows, tile_columns = tile_shape(zero, rows, columns)
    operands = Contraction(
        rows, columns, a[0], a[1], a[2], index, b[0], b[1], 1, index, depth, start[0], start[1], block.ones, c[0], c[1]
    )  # fmt: skip
    call_address(block.contract, (zero, operands, tile_rows, tile_columns))
