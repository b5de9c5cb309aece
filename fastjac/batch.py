"""Runs a Program over a batch: scratch memory, threads, and a pause now and then for Ctrl-C.

Threads are Numba's (a parallel region costs 2 us) where that is safe, and Python's elsewhere: Numba's `workqueue` layer
aborts when two threads enter it at once, and a forked child's first OpenMP region kills it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from .arguments import for_kernels, is_for_kernels
from .kernels.run import call, call_parallel, handle_of
from .kernels.tables import Program
from .program import workspace

PARALLEL_COST = 1_000_000
"""Multiply-adds below which a second thread does not pay."""
CALL_COST = 2_000_000_000
"""Multiply-adds in one call of a kernel: about 0.05 s, within which Ctrl-C is not seen."""
COPIED_BYTES = 16 * 2**20
"""How much of an input or a result that kernels cannot take as it lies is copied at a time."""
SAFE_LAYERS = ("omp", "tbb")

_threads_lost_in_fork = False


class Scratch(NamedTuple):
    """Memory for as many threads as it has rows, and the handle by which kernels find it and the program."""

    work: np.ndarray
    lists: np.ndarray
    handle: np.ndarray


class Runner:
    """A Program with what it needs to run again and again, from any number of threads at once.

    cost : multiply-adds for one sample, from the plan.
    """

    def __init__(self, program: Program, cost: float) -> None:
        self.program, self._cost = program, cost
        self._call_samples = max(1, int(CALL_COST / cost))
        self._idle: list[Scratch] = []

    def __call__(self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int | None = None) -> None:
        """Run for one sample `x (n_in,)`, or for every row of `x (n, n_in)`; y and out are written unless they are empty.

        seed : (n, seed_size), or (1, seed_size) for all. y and out have x's leading shape. Seeds and y are C-contiguous and of
        the network's dtype; where x or out is not, parts of it are copied on the way.
        """
        if x.ndim == 1 and out.flags.carray:
            self._run(x, seed, y, out, 1)
            return
        if x.ndim == 1:
            x, y, out = x[None], y[None], out[None]
        threads = self._useful_threads(len(x), threads)
        samples = threads * self._call_samples
        if not (is_for_kernels(x, out.dtype) and out.flags.carray):
            samples = min(samples, max(1, COPIED_BYTES * len(x) // (x.nbytes + out.nbytes)))
        for first in range(0, len(x), samples):
            part = slice(first, first + samples)
            seeds = seed if len(seed) == 1 else seed[part]
            target = for_kernels(out[part], out.dtype)
            self._run(for_kernels(x[part], out.dtype), seeds, y[part], target, threads)
            if not out.flags.carray:
                out[part] = target

    def _useful_threads(self, n: int, threads: int | None) -> int:
        if n == 1 or threads == 1 or (threads is None and n * self._cost < PARALLEL_COST):
            return 1
        # Asking for the number also loads the threading layer, so that its name is known afterwards.
        available = numba.get_num_threads()
        return min(available if threads is None else threads, available, n)

    def _run(self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int) -> None:
        scratch = self._take_scratch(threads)
        if threads == 1:
            call(scratch.handle, 0, 1, x, seed, y, out)
        elif _numba_threads_are_safe():
            _run_on_numba_threads(scratch.handle, threads, x, seed, y, out)
        else:
            _run_on_python_threads(scratch.handle, threads, x, seed, y, out)
        self._idle.append(scratch)

    def _take_scratch(self, threads: int) -> Scratch:
        """Scratch for at least so many threads, used before if any is idle."""
        try:
            scratch = self._idle.pop()
        except IndexError:
            scratch = None
        if scratch is None or len(scratch.work) < threads:
            work, lists = workspace(self.program, threads)
            scratch = Scratch(work, lists, handle_of(self.program, 0, work, lists))
        return scratch


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
    # A child forked while another thread compiles or loads a kernel would wait forever for Numba's lock.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def _run_on_numba_threads(handle: np.ndarray, threads: int, *arrays: np.ndarray) -> None:
    enabled = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        call_parallel(handle, threads, *arrays)
    finally:
        numba.set_num_threads(enabled)


def _run_on_python_threads(handle: np.ndarray, threads: int, *arrays: np.ndarray) -> None:
    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(call, handle, thread, threads, *arrays) for thread in range(threads)]
    for part in parts:
        part.result()
