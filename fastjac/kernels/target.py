"""What the CPU offers: vector lanes and registers, and the tile shapes that fit them."""

from __future__ import annotations

import functools

import llvmlite.binding as llvm
import numba
import numpy as np

MAX_TILE_ROWS = 6
MAX_TILE_VECTORS = 8


@functools.cache
def vector_unit() -> tuple[int, int]:
    """Bytes in a vector register, and how many such registers there are, on the CPU that Numba compiles for."""
    features = _cpu_features()
    if "avx512f" in features:
        return 64, 32
    if "avx2" in features and "fma" in features:
        return 32, 16
    # SSE2, and NEON, whose registers are as wide but twice as many.
    return 16, 32 if "neon" in features else 16


def _cpu_features() -> set[str]:
    if numba.config.CPU_NAME is not None or numba.config.CPU_FEATURES:
        return {flag[1:] for flag in (numba.config.CPU_FEATURES or "").split(",") if flag.startswith("+")}
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


def lanes(dtype: np.dtype) -> int:
    """How many numbers of `dtype` a vector register holds."""
    return vector_unit()[0] // np.dtype(dtype).itemsize


def padded(n: int, dtype: np.dtype) -> int:
    """`n` rounded up to whole vector registers of `dtype`."""
    width = lanes(dtype)
    return -(-n // width) * width


def max_vectors(rows: int) -> int:
    """The widest tile of `rows` rows, in vectors, whose sums, operands and one splat stay in registers."""
    registers = vector_unit()[1]
    return max(1, min(MAX_TILE_VECTORS, (registers - 1) // (rows + 1)))
