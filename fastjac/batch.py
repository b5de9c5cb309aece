"""Runs a Program over a batch: scratch memory, pieces that threads share, and a pause now and then for Ctrl-C."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np

from . import crew
from .arguments import for_kernels, is_for_kernels
from .kernels.call import call, handle_of
from .kernels.tables import Program
from .pickling import refuse_pickling
from .program import workspace

PARALLEL_COST = 1_000_000
"""Multiply-adds below which a second thread does not pay."""
DIVIDED_COST = 4_000_000
"""Multiply-adds of one sample from which on it pays to divide it among threads."""
CALL_COST = 2_000_000_000
"""Multiply-adds in one call of a kernel: about 0.05 s, within which Ctrl-C is not seen."""
COPIED_BYTES = 16 * 2**20
"""How much of an input or a result that kernels cannot take as it lies is copied at a time."""
CHUNKS_PER_THREAD = 2
LEAST_CHUNK = 8
"""Samples below which reading the weights again costs more than an even share of the work is worth."""


class Scratch(NamedTuple):
    """Memory for as many threads as it has rows, and the handle by which kernels find it and the program."""

    work: np.ndarray
    lists: np.ndarray
    handle: np.ndarray

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")


class Runner:
    """A Program with what it needs to run again and again, from any number of threads at once.

    cost : multiply-adds for one sample, from the plan.
    """

    def __init__(self, program: Program, cost: float) -> None:
        self.program, self._cost = program, cost
        self._parts = int(program.layout["parts"][0])
        self._divides = self._parts > 1 and cost >= DIVIDED_COST
        self._call_samples = max(1, int(CALL_COST / cost))
        self._idle: list[Scratch] = []

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def __call__(self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int | None = None) -> None:
        """Run for one sample `x (n_in,)`, or for every row of `x (n, n_in)`; y and out are written unless they are empty.

        seed : (n, seed_size), or (1, seed_size) for all. y and out have x's leading shape. y, and one sample with its seed, are
        C-contiguous; y and out are of the network's dtype. Of other arrays that kernels cannot take, parts are copied on the way.
        """
        if x.ndim == 1 and out.flags.carray:
            self._run(x, seed, y, out, threads)
            return
        ready = is_for_kernels(x, out.dtype) and is_for_kernels(seed, out.dtype) and out.flags.carray
        samples = self._call_samples
        if ready and len(x) <= samples:
            self._run(x, seed, y, out, threads)
            return
        if x.ndim == 1:
            x, y, out = x[None], y[None], out[None]
        if not ready:
            samples = min(samples, max(1, COPIED_BYTES * len(x) // (x.nbytes + seed.nbytes + out.nbytes)))
        copied = None if out.flags.carray else np.empty((min(samples, len(x)), *out.shape[1:]), out.dtype)
        for first in range(0, len(x), samples):
            part = slice(first, first + samples)
            target = out[part] if copied is None else copied[: len(out[part])]
            seeds = for_kernels(seed if len(seed) == 1 else seed[part], out.dtype)
            self._run(for_kernels(x[part], out.dtype), seeds, y[part], target, threads)
            if copied is not None:
                out[part] = target

    def _run(self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int | None) -> None:
        """One call, of which a thread that waits for Ctrl-C sees the end soon."""
        n = 1 if x.ndim == 1 else len(x)
        threads = self._useful_threads(n, threads)
        scratch = self._take_scratch(threads)
        chunks = self._chunks(n, threads)
        if chunks == 1 or not crew.crew.share(threads, chunks, scratch.handle, x, seed, y, out):
            call(scratch.handle, x, seed, y, out)
        self._idle.append(scratch)

    def _useful_threads(self, n: int, threads: int | None) -> int:
        if threads == 1 or (n == 1 and not self._divides) or (threads is None and n * self._cost < PARALLEL_COST):
            return 1
        most = crew.crew.most_threads
        return min(most if threads is None else threads, most, n if n > 1 else self._parts)

    def _chunks(self, n: int, threads: int) -> int:
        """In how many chunks threads share a call: some for each, so that one that is late leaves its share to others."""
        if n == 1 or threads == 1:
            return threads
        block = int(self.program.layout["block"][0])
        return -(-n // min(block, max(LEAST_CHUNK, n // (CHUNKS_PER_THREAD * threads))))

    def _take_scratch(self, threads: int) -> Scratch:
        """Scratch for at least so many threads, used before if any is idle."""
        try:
            scratch = self._idle.pop()
        except IndexError:
            scratch = None
        if threads > 1:
            # Any thread of the crew may turn up.
            threads = crew.crew.most_threads
        if scratch is None or len(scratch.work) < threads:
            work, lists = workspace(self.program, threads)
            scratch = Scratch(work, lists, handle_of(self.program, 0, work, lists))
        return scratch
