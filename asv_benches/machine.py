"""The control: work that no change to fastjac can affect. Where its time changes, the machine has changed.

Its rates are the machine's ceilings, all of them on all cores: matrix multiplies by NumPy's BLAS, copies between arrays, and
writes to a new array. For a large array, writing means that the system maps new pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numba
import numpy as np

from .common import DTYPES
from .timing import Effort, interleaved

GEMM_SIZES = (512, 1024, 2048)
ARRAY_BYTES = (1 << 20, 1 << 23, 1 << 25, 1 << 27)
"""Sizes of the arrays that are copied and written: the first fits in a second-level cache, the last in no cache."""


@numba.njit(parallel=True)
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for i in numba.prange(len(source)):
        target[i] = source[i]


@numba.njit(parallel=True)
def _fill(target: np.ndarray) -> None:
    for i in numba.prange(len(target)):
        target[i] = 1.0


def gemm(dtype: str, size: int = 1024) -> Callable[[], object]:
    """A product of two square matrices: the ceiling of arithmetic."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(dtype)
    b, c = a.T.copy(), np.empty_like(a)
    return partial(np.matmul, a, b, out=c)


def copy(size: int = ARRAY_BYTES[-1]) -> Callable[[], object]:
    """A copy between two arrays of `size` bytes: the ceiling of memory traffic."""
    source, target = np.zeros(size // 8), np.ones(size // 8)
    return partial(_copy, source, target)


def write_new(size: int = ARRAY_BYTES[-1]) -> Callable[[], object]:
    """Allocating and writing an array of `size` bytes: the ceiling of returning a result."""

    def write() -> np.ndarray:
        target = np.empty(size // 8)
        _fill(target)
        return target

    return write


@dataclass(frozen=True)
class Ceilings:
    """The machine's rates.

    gemm : multiply-adds in a second, for each dtype and size of the matrices.
    copied : bytes read and written in a second, for each number of bytes that a copy reads and writes.
    written : bytes of a new array written in a second, for each size of the array.
    """

    gemm: Mapping[tuple[str, int], float]
    copied: Mapping[int, float]
    written: Mapping[int, float]

    def multiply_adds(self, dtype: str) -> tuple[float, int]:
        """The best rate in `dtype`, and the size of the matrices at which it was found."""
        return max((rate, size) for (of, size), rate in self.gemm.items() if of == dtype)

    def at_best(self, other: Ceilings) -> Ceilings:
        """The better of two measurements, rate by rate."""
        return Ceilings(*(_larger(getattr(self, name), getattr(other, name)) for name in ("gemm", "copied", "written")))


def _larger(rates: Mapping, others: Mapping) -> dict:
    return {key: max(rate, others[key]) for key, rate in rates.items()}


def ceilings(effort: Effort) -> Ceilings:
    """The machine's rates now, each at its best turn, since other work on the machine must not raise a floor."""
    gemms = {(dtype, size): gemm(dtype, size) for dtype in DTYPES for size in GEMM_SIZES}
    copies = {2 * size: copy(size) for size in ARRAY_BYTES}
    writes = {size: write_new(size) for size in ARRAY_BYTES}
    works = {"gemm": gemms, "copied": copies, "written": writes}
    times = interleaved({(kind, key): work for kind in works for key, work in works[kind].items()}, effort, typical=min)
    return Ceilings(
        {(dtype, size): size**3 / times["gemm", (dtype, size)] for dtype, size in gemms},
        {moved: moved / times["copied", moved] for moved in copies},
        {size: size / times["written", size] for size in writes},
    )


CONTROLS = {"gemm float32": lambda: gemm("float32"), "gemm float64": lambda: gemm("float64"), "copy": copy, "write": write_new}


class Control:
    """The ceilings as benchmarks."""

    params = tuple(CONTROLS)
    param_names = ("work",)

    def setup(self, work: str) -> None:
        self.work = CONTROLS[work]()
        self.work()

    def time_control(self, work: str) -> None:
        self.work()
