"""`C = (start + A B) * scale`, tile by tile: the one contraction that every mode of accumulation is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .jit import jit
from .target import MAX_TILE_ROWS, MAX_TILE_VECTORS, lanes, max_rows, max_vectors
from .tile import TileOperands, compute_tile

FLOAT32_LANES, FLOAT64_LANES = lanes(np.dtype(np.float32)), lanes(np.dtype(np.float64))
WIDEST = np.array([0] + [max_vectors(rows) for rows in range(1, MAX_TILE_ROWS + 1)])
TALLEST = np.array([1] + [max_rows(vectors) for vectors in range(1, MAX_TILE_VECTORS + 1)])


class Contraction(NamedTuple):
    """Shape and operands of a contraction; addresses in bytes, strides in elements (see TileOperands).

    `C` has `rows` rows and `columns` columns; the inner index runs over `depth` entries of two index lists, one into the
    columns of A and one into the rows of B, so that dead units are skipped where they lie.
    """

    rows: int
    columns: int
    a: int
    a_row: int
    a_column: int
    a_index: int
    b: int
    b_row: int
    b_index: int
    depth: int
    start: int
    scale: int
    c: int
    c_row: int


@jit
def contract(like, operands):
    """Compute the contraction; `like` is an array of the element type.

    Rows and columns are cut into pieces of nearly equal size, so that no piece is left too thin to use the registers.
    Columns are the outer loop: the panel of B that a piece needs stays in the first-level cache for all rows.
    """
    o = operands
    size = like.itemsize
    width = FLOAT32_LANES if size == 4 else FLOAT64_LANES
    vectors = -(-o.columns // width)
    row_pieces = -(-o.rows // TALLEST[min(vectors, MAX_TILE_VECTORS)])
    column_pieces = -(-vectors // WIDEST[-(-o.rows // row_pieces)])
    v0 = 0
    for column_piece in range(column_pieces):
        v1 = vectors * (column_piece + 1) // column_pieces
        j = v0 * width
        last_lanes = min(width, o.columns - (v1 - 1) * width)
        i0 = 0
        for row_piece in range(row_pieces):
            i1 = o.rows * (row_piece + 1) // row_pieces
            tile = TileOperands(
                o.a + i0 * o.a_row * size, o.a_row, o.a_column, o.a_index,
                o.b + j * size, o.b_row, o.b_index, o.depth,
                o.start + j * size, o.scale + j * size,
                o.c + (i0 * o.c_row + j) * size, o.c_row, last_lanes,
            )  # fmt: skip
            compute_tile(like, i1 - i0, v1 - v0, tile)
            i0 = i1
        v0 = v1
