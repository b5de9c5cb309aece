"""`C = (start + A B) * scale`, tile by tile: the one contraction that every mode of accumulation uses."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .floating import fmuladd
from .jit import kernel, piece
from .memory import NUMBER, itemsize, tuple_type, view
from .tables import INDEX
from .target import MAX_TILE_ROWS, MAX_TILE_VECTORS, max_rows, max_vectors
from .tile import TileOperands, compute_tile
from .vectors import lanes_of

WIDEST = np.array([0] + [max_vectors(rows) for rows in range(1, MAX_TILE_ROWS + 1)])
TALLEST = np.array([1] + [max_rows(vectors) for vectors in range(1, MAX_TILE_VECTORS + 1)])


class Contraction(NamedTuple):
    """Shape and operands of a contraction; addresses in bytes, strides in elements (see TileOperands).

    `C` has `rows` rows and `columns` columns; the inner index runs over `depth` entries of two index lists, one into the
    columns of A and one into the rows of B, so that dead units are skipped where they lie.

    Column j of B, where a tile begins, lies `j * b_jump` elements behind the first column. b_jump is 1 where B is row-major;
    where B lies in panels, each as wide as a tile, it is the number of B's rows.
    """

    rows: int
    columns: int
    a: int
    a_row: int
    a_column: int
    a_index: int
    b: int
    b_row: int
    b_jump: int
    b_index: int
    depth: int
    start: int
    start_row: int
    scale: int
    c: int
    c_row: int


@piece
def tile_shape(zero, rows, columns):
    """Rows and columns of the tiles that a result of this shape is cut into; `zero` has the type of its numbers.

    Tiles are of nearly equal size, so that none is too thin to use the registers.
    """
    width = lanes_of(zero)
    vectors = (columns + width - 1) // width
    tile_rows = even_piece(rows, TALLEST[min(vectors, MAX_TILE_VECTORS)])
    return tile_rows, width * even_piece(vectors, WIDEST[tile_rows])


@piece
def tile_rows_of(zero, rows, tile_columns):
    """Rows of tiles that are `tile_columns` wide."""
    return even_piece(rows, TALLEST[tile_columns // lanes_of(zero)])


SHALLOW, LONG_ROW = 3, 20
"""A sum of up to so many products is taken row by row where a row fills so many registers: a tile takes as long to start as to
compute so little. Weights of no more rows lie row by row for this, unless samples are stacked."""


@piece
def _add_rows(zero, o):
    """A contraction of few products: each row of C is written from end to end, with the bits that tiles give it."""
    size, factors = itemsize(zero), view(zero, o.scale, o.columns)
    columns, rows = view(INDEX, o.a_index, SHALLOW), view(INDEX, o.b_index, SHALLOW)
    for i in range(o.rows):
        start = view(zero, o.start + i * o.start_row * size, o.columns)
        target = view(zero, o.c + i * o.c_row * size, o.columns)
        a = o.a + i * o.a_row * size
        p, b = _product(zero, o, a, columns[0], rows[0])
        if o.depth == 1:
            for j in range(o.columns):
                target[j] = (fmuladd(p, b[j], start[j]) + zero) * factors[j]
            continue
        q, d = _product(zero, o, a, columns[1], rows[1])
        if o.depth == 2:
            for j in range(o.columns):
                target[j] = (fmuladd(q, d[j], fmuladd(p, b[j], start[j])) + zero) * factors[j]
            continue
        r, e = _product(zero, o, a, columns[2], rows[2])
        for j in range(o.columns):
            target[j] = (fmuladd(r, e[j], fmuladd(q, d[j], fmuladd(p, b[j], start[j]))) + zero) * factors[j]


@piece
def _product(zero, o, a, column, row):
    """A number of the row of A at this address, and the row of B that it multiplies."""
    size = itemsize(zero)
    return view(zero, a + column * o.a_column * size, 1)[0], view(zero, o.b + row * o.b_row * size, o.columns)


@piece
def _share_of_panel(o, tile_rows, panel):
    """Bytes of a panel of so many bytes that each tile asks for with each step of the inner index."""
    tiles = (np.uint32(o.rows) + np.uint32(tile_rows) - np.uint32(1)) // np.uint32(tile_rows)
    return np.intp(np.uint32(panel) // (tiles * np.uint32(max(o.depth, 1))))


def _contraction(name: str, far: bool | None) -> Any:
    """The kernel of contractions in tiles of a given shape.

    Columns are the outer loop: the panel of B that a piece needs stays in the first-level cache for all rows.

    far : True if the tiles of one panel are to ask for the next one, each for an equal part of it; else None.
    """

    @kernel(tuple_type(Contraction), NUMBER, NUMBER, name=name)
    def compute(zero, operands, tile_rows, tile_columns):
        o = operands
        size, width = itemsize(zero), lanes_of(zero)
        # A row that is added to itself would not be vectorized.
        if 0 < o.depth <= SHALLOW and o.b_jump == 1 and o.columns >= LONG_ROW * width and o.start != o.c:
            _add_rows(zero, o)
            return
        step = _share_of_panel(o, tile_rows, tile_columns * o.b_jump * size) if far else 0
        j = 0
        while j < o.columns:
            columns = min(tile_columns, o.columns - j)
            vectors = (columns + width - 1) // width
            ahead = o.b + (j + tile_columns) * o.b_jump * size
            i = 0
            while i < o.rows:
                tile = TileOperands(
                    o.a + i * o.a_row * size, o.a_row, o.a_column, o.a_index,
                    o.b + j * o.b_jump * size, o.b_row, o.b_index, o.depth,
                    o.start + (i * o.start_row + j) * size, o.start_row, o.scale + j * size,
                    o.c + (i * o.c_row + j) * size, o.c_row, columns - (vectors - 1) * width,
                )  # fmt: skip
                compute_tile(zero, min(tile_rows, o.rows - i), vectors, tile, (ahead, step), far)
                ahead += step * o.depth
                i += tile_rows
            j += tile_columns

    return compute


contract = _contraction("contract", far=None)
"""For weights that stay in the caches."""
contract_far = _contraction("contract_far", far=True)
"""For weights that come from memory: while one panel is multiplied, the next one is on its way."""


@piece
def even_piece(total, largest):
    """The size of the fewest pieces, none above `largest`, into which `total` is cut evenly."""
    # In 32 bits without sign, a division costs a third of one in 64 bits by NumPy's rules.
    pieces = (np.uint32(total) + np.uint32(largest) - np.uint32(1)) // np.uint32(largest)
    return np.intp((np.uint32(total) + pieces - np.uint32(1)) // pieces)
