"""What the CPU offers: vector lanes and registers, and the tile shapes that fit them."""

from __future__ import annotations

import functools
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np

ALIGNMENT = 64
"""Bytes of a cache line: a vector load that crosses one costs twice."""

MAX_TILE_VECTORS = 8
TILE_ROWS = {1: 12, 2: 8}
"""Rows of a tile by its width in vectors, and below, rows of a wider tile: a narrow tile needs more rows, so that enough chains
of multiply-adds run at once to hide the latency of each."""
TILE_ROWS_WIDER = 6
MAX_TILE_ROWS = max(TILE_ROWS.values())
PANEL_ROWS = 48
"""Rows for which a weight's panels are cut where many samples are multiplied together, in the primal sweep or stacked: a multiple
of every tile's rows, so that both read the same panels."""


@functools.cache
def vector_unit() -> tuple[int, int]:
    """Bytes in a vector register, and how many such registers there are, on the CPU that Numba compiles for."""
    features = _cpu_features()
    if "avx512f" in features:
        return 64, 32
    if "avx2" in features and "fma" in features:
        return 32, 16
    # SSE2 has 16 registers of this width, NEON twice as many.
    return 16, 32 if "neon" in features else 16


def has_masks() -> bool:
    """Whether instructions take a mask of lanes at no cost: those of AVX-512 do."""
    return vector_unit()[0] == 64


def _cpu_features() -> set[str]:
    """The features that Numba hands to LLVM: NUMBA_CPU_FEATURES if it is set, else all that the host has."""
    if numba.config.CPU_FEATURES is not None:
        return {flag[1:] for flag in numba.config.CPU_FEATURES.split(",") if flag.startswith("+")}
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


def lanes(dtype: np.dtype) -> int:
    """How many numbers of `dtype` a vector register holds."""
    return vector_unit()[0] // np.dtype(dtype).itemsize


def padded(n: int, dtype: np.dtype) -> int:
    """`n` rounded up to whole vector registers of `dtype`."""
    return round_up(n, lanes(dtype))


def round_up(n: int, step: int) -> int:
    """The least multiple of `step` that is not below `n`."""
    return -(-n // step) * step


def max_rows(vectors: int) -> int:
    """The tallest tile for a product that is `vectors` registers wide."""
    rows = TILE_ROWS.get(vectors, TILE_ROWS_WIDER)
    return rows if _fits(rows, min(vectors, 2)) else TILE_ROWS_WIDER


def max_vectors(rows: int) -> int:
    """The widest tile of `rows` rows, in registers."""
    if rows > TILE_ROWS_WIDER:
        return max(vectors for vectors in TILE_ROWS if rows <= max_rows(vectors))
    return max(vectors for vectors in range(1, MAX_TILE_VECTORS + 1) if vectors == 1 or _fits(rows, vectors))


def _fits(rows: int, vectors: int) -> bool:
    """Whether a tile's sums, its row of the right operand and one splat stay in registers."""
    return rows * vectors + vectors + 1 <= vector_unit()[1]


def tile_vectors(rows: int, columns: int, dtype: np.dtype) -> int:
    """How many registers wide the tiles of a product of this shape are: `kernels.contract.tile_shape` cuts it the same way."""
    vectors = -(-columns // lanes(dtype))
    tallest = max_rows(min(vectors, MAX_TILE_VECTORS))
    return even_piece(vectors, max_vectors(even_piece(rows, tallest)))


def even_piece(total: Any, largest: Any) -> Any:
    """The size of the fewest pieces, none above `largest`, into which `total` is cut evenly; for numbers, or for arrays."""
    return -(-total // -(-total // largest))
