"""The control: work that no change to fastjac can touch. Where it moves, the machine moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

GEMM_SIZE = 1024
COPY_BYTES = 1 << 27
"""Size of the array that is copied: 128 MiB, larger than any cache."""

GEMM_FLOPS = 2 * GEMM_SIZE**3
COPY_TRAFFIC = 2 * COPY_BYTES
"""What one copy moves: every byte is read and written."""


def gemm(dtype: str) -> Callable[[], object]:
    """A multiply of two square matrices: the ceiling of arithmetic, on all cores."""
    a = np.random.default_rng(0).normal(size=(GEMM_SIZE, GEMM_SIZE)).astype(dtype)
    b, c = a.T.copy(), np.empty_like(a)
    return lambda: np.matmul(a, b, out=c)


def copy() -> Callable[[], object]:
    """A copy between two arrays larger than the caches: the ceiling of memory traffic, on one core."""
    source, target = np.zeros(COPY_BYTES, np.uint8), np.ones(COPY_BYTES, np.uint8)
    return lambda: np.copyto(target, source)


class Control:
    """The two ceilings as benchmarks."""

    params = ("gemm float32", "gemm float64", "copy")
    param_names = ("work",)

    def setup(self, work: str) -> None:
        self.work = copy() if work == "copy" else gemm(work.removeprefix("gemm "))

    def time_control(self, work: str) -> None:
        self.work()
