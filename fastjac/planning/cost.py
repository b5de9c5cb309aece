"""What a contraction costs: the one model of time, in cycles of a core, by which plans are chosen.

It counts what the kernel does. A tile of r rows and v registers takes, for each step of its inner index, r v multiply-adds at
two a cycle and r + v loads at two a cycle, but never less than the latency of one multiply-add.

Only the registers differ from CPU to CPU: constants that each machine measured for itself would make plans that no other run
repeats. The constants are fitted to times measured on one core with AVX-512. Over 60 random networks there, and 60 more held to
AVX2, the chosen order took 1 % longer than the fastest, in the geometric mean. `asv_benches/planner.py` shows the predicted times
beside the measured ones.

Every extent may be a number, or an array: cycles are then computed for all of its entries at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..caches import caches
from ..kernels.contract import TALLEST, WIDEST
from ..kernels.target import MAX_TILE_VECTORS, PANEL_ROWS, even_piece, vector_unit
from .steps import BlockShape

Extent = Any
"""A number, or an array of them."""

FMA_LATENCY = 4.0
"""Cycles until a sum can take its next multiply-add."""
PER_CYCLE = 2.0
"""Vector multiply-adds in a cycle; as many vector loads."""
STEP = 60.0
"""Cycles to decode a step of the table."""
TILE = 25.0
"""Cycles to start a tile and to store it."""
MOVE = 0.5
"""Cycles to copy an element to where it is contiguous along the other side."""
SCALE = 1.0
"""Cycles to scale a register."""
READ_BYTES = 4.0
"""Bytes in a cycle that come from beyond the second-level cache."""
PACK = 3.5
"""Cycles to left-pack a register."""
STACKED = 8
"""Samples that the model assumes in a stack. The real number is that of the group, which a plan does not know."""
STACKED_ROWS = 4
"""Most rows of one sample for which stacking pays: alone, so few rows would hide neither the latency of their multiply-adds nor
the reading of the weight. With more rows tiles are full, and the link behind the product is cheaper applied as it is stored."""
UNION_ROWS, UNION_DEPTH = 1, 48
"""Most rows for which stacking pays where units can be dead, and the least inner units for that: a stack runs over all units that
are live in any of its samples. Measured with half of the units dead: one row takes 1.6 times as long alone as stacked, two rows
take as long, and more rows take less."""
LANE_VECTORS = 2
"""Registers of samples that lie along the lanes: a tile of two has as many rows as hide the latency of its sums."""
LANE_ROOM = 1 << 16
"""Numbers up to which matrices with samples along the lanes stay in the nearer caches."""
LANES_GAIN = 0.9
"""Samples lie along the lanes only where that takes at most this share of the cycles that rows take."""
VALUES_GAIN = 1.2
"""Values alone lie along the lanes up to this share of the cycles that products in rows take; what else short rows take is not
counted there."""
PACK_ROWS = 24
"""Least rows of the other operand for which packing a weight can pay."""
PACK_ELEMENTS = 1 << 22
"""Largest weight, in elements, for which packing can pay."""


def contraction_cycles(rows: Extent, depth: Extent, columns: Extent, lanes: int) -> Extent:
    """Cycles of `C = A B` with C of `rows` by `columns`, the columns being vectorized, and an inner index of `depth`."""
    vectors = np.asarray(-(-columns // lanes), int)
    tile_rows = even_piece(rows, TALLEST[np.minimum(vectors, MAX_TILE_VECTORS)])
    tile_vectors = even_piece(vectors, WIDEST[tile_rows])
    tiles = -(-rows // tile_rows) * -(-vectors // tile_vectors)
    work = np.maximum(tile_rows * tile_vectors, tile_rows + tile_vectors) / PER_CYCLE
    return STEP + tiles * (TILE + depth * np.maximum(work, FMA_LATENCY))


def block_cycles(block: BlockShape, rows: Extent, forward: bool, own: bool, lanes: int) -> Extent:
    """Cycles to push so many tangents through a block, or to pull cotangents.

    own : whether the rows are the identity, so that products at the end where they start are the weights themselves.
    """
    cycles = SCALE * rows * block.moved / lanes
    for product in block.products:
        depth, columns = product.extent(forward)
        if own and product.at_end[0 if forward else 1]:
            cycles = cycles + scaling_cycles(rows * columns, lanes)
        else:
            made = np.where(rows >= PACK_ROWS, columns, product.sizes[forward])
            cycles = cycles + contraction_cycles(rows, depth, made, lanes)
    return cycles


def moving_cycles(elements: Extent) -> Extent:
    """Cycles to copy so many elements to the other orientation."""
    return STEP + MOVE * elements


def scaling_cycles(elements: Extent, lanes: int) -> Extent:
    """Cycles to copy so many elements as they lie, scaled."""
    return STEP + SCALE * elements / lanes


def packing_cycles(rows: Extent, columns: Extent, lanes: int) -> Extent:
    """Cycles to copy the live units of `rows` rows side by side."""
    return STEP + PACK * rows * -(-columns // lanes)


def reading_cycles(elements: Extent, lanes: int) -> Extent:
    """Cycles to read so many elements anew for every sample; 0 where the second-level cache holds them in between."""
    size = elements * (vector_unit()[0] // lanes)
    return np.where(size > caches().second, size / READ_BYTES, 0.0)


def lane_samples(lanes: int) -> int:
    """How many samples lie along the lanes of registers of this width."""
    return LANE_VECTORS * lanes


def fits_lanes(sizes: tuple[int, ...], rows: int, lanes: int) -> bool:
    """Whether matrices of so many rows for each sample have room with samples along the lanes."""
    return rows * lane_samples(lanes) * max(sizes) <= LANE_ROOM


def value_cycles(sizes: tuple[int, ...], lanes: int) -> float:
    """Cycles of the primal sweep's contractions for one sample of a block."""
    n_in, n_out = np.array(sizes[:-1]), np.array(sizes[1:])
    return float(np.sum(contraction_cycles(PANEL_ROWS, n_in, n_out, lanes))) / PANEL_ROWS


def lane_product_cycles(rows: Extent, depth: Extent, lanes: int) -> Extent:
    """One sample's share of the cycles of a product with samples along the lanes."""
    samples = lane_samples(lanes)
    return contraction_cycles(rows, depth, samples, lanes) / samples


def lane_cycles(sizes: tuple[int, ...], forward: bool, lanes: int) -> tuple[float, float]:
    """The cycles of the primal sweep with samples along the lanes, and the cycles of all that makes the Jacobian then."""
    rows = sizes[0 if forward else -1]
    n_in, n_out = np.array(sizes[:-1]), np.array(sizes[1:])
    pushed = (n_out[1:], n_in[1:]) if forward else (n_in[:-1], n_out[:-1])
    values = np.sum(lane_product_cycles(n_out, n_in + 1, lanes))
    products = rows * np.sum(lane_product_cycles(*pushed, lanes))
    return float(values), float(products + SCALE * rows * sum(sizes) / lanes + MOVE * sizes[0] * sizes[-1])


def values_fit_lanes(sizes: tuple[int, ...], lanes: int) -> bool:
    """Whether values alone take less time with samples along the lanes, where inputs and outputs are turned round."""
    values, _ = lane_cycles(sizes, True, lanes)
    return values + MOVE * (sizes[0] + sizes[-1]) <= VALUES_GAIN * value_cycles(sizes, lanes)
