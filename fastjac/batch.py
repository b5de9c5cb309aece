"""Runs a Program over a batch: scratch memory, threads, and a pause now and then for Ctrl-C.

Threads are Numba's (a parallel region costs 2 us) where that is safe, and Python's elsewhere: Numba's `workqueue` layer
aborts when two threads enter it at once, and a forked child's first OpenMP region kills it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from .kernels.run import compiled_address, run, run_parallel
from .program import Program, workspace

PARALLEL_COST = 1_000_000
"""Multiply-adds below which a second thread does not pay."""
CALL_COST = 4_000_000_000
"""Multiply-adds in one call of a kernel: about 0.1 s, within which Ctrl-C is not seen."""
SAFE_LAYERS = ("omp", "tbb")

Arrays = tuple[np.ndarray, ...]
"""x, seed, y and out."""

_kernels: dict[np.dtype, int] = {}
_threads_lost_in_fork = False


class Runner:
    """A Program with what it needs to run again and again, from any number of threads at once.

    cost : multiply-adds for one sample, from the plan.
    """

    def __init__(self, program: Program, cost: float) -> None:
        self.program, self._cost = program, cost
        self._call_samples = max(1, int(CALL_COST / cost))
        self._idle: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int | None) -> None:
        """Run for every row of x; y and out are written. All are two-dimensional, C-contiguous and of the network's dtype."""
        n = len(x)
        threads = self._useful_threads(n, threads)
        samples = threads * self._call_samples
        if n <= samples:
            self._run(x, seed, y, out, threads)
            return
        for first in range(0, n, samples):
            part = slice(first, first + samples)
            self._run(x[part], _part_of_seed(seed, part), y[part], out[part], threads)

    def _useful_threads(self, n: int, threads: int | None) -> int:
        if n == 1 or threads == 1 or (threads is None and n * self._cost < PARALLEL_COST):
            return 1
        # Asking for the number also loads the threading layer, so that its name is known afterwards.
        available = numba.get_num_threads()
        return min(available if threads is None else threads, available, n)

    def _run(self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int) -> None:
        try:
            scratch = self._idle.pop()
        except IndexError:
            scratch = workspace(self.program, threads)
        work, lists = scratch
        if len(work) < threads:
            work, lists = scratch = workspace(self.program, threads)
        if threads == 1:
            run(self.program, x, seed, y, out, work[0], lists[0])
        elif _numba_threads_are_safe():
            _run_on_numba_threads(self.program, (x, seed, y, out), work[:threads], lists[:threads])
        else:
            _run_on_python_threads(self.program, (x, seed, y, out), work[:threads], lists[:threads])
        self._idle.append(scratch)


def _part_of_seed(seed: np.ndarray, part: slice) -> np.ndarray:
    """The seeds of some samples, where they do not all share one."""
    return seed if len(seed) == 1 else seed[part]


def _numba_threads_are_safe() -> bool:
    return not _threads_lost_in_fork and numba.threading_layer() in SAFE_LAYERS


def _note_fork() -> None:
    """In a forked child: remember whether the parent had started Numba's threads, which do not exist here."""
    global _threads_lost_in_fork
    try:
        numba.threading_layer()
    except ValueError:
        return
    _threads_lost_in_fork = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _run_on_numba_threads(program: Program, arrays: Arrays, work: np.ndarray, lists: np.ndarray) -> None:
    enabled = numba.get_num_threads()
    numba.set_num_threads(len(work))
    try:
        run_parallel(_kernel(program, arrays, work, lists), program, *arrays, work, lists)
    finally:
        numba.set_num_threads(enabled)


def _kernel(program: Program, arrays: Arrays, work: np.ndarray, lists: np.ndarray) -> int:
    """The address of the kernel for the network's dtype."""
    dtype = program.parameters.dtype
    if dtype not in _kernels:
        _kernels[dtype] = compiled_address(program, *arrays, work[0], lists[0])
    return _kernels[dtype]


def _run_on_python_threads(program: Program, arrays: Arrays, work: np.ndarray, lists: np.ndarray) -> None:
    n, threads = len(arrays[0]), len(work)

    def run_part(thread: int) -> None:
        part = slice(n * thread // threads, n * (thread + 1) // threads)
        x, seed, y, out = arrays
        run(program, x[part], _part_of_seed(seed, part), y[part], out[part], work[thread], lists[thread])

    with ThreadPoolExecutor(threads) as pool:
        # The list waits for every part and raises what any of them raised.
        list(pool.map(run_part, range(threads)))
