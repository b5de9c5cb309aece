"""The threads of this process that share large calls: started at the first one, asleep while there is none."""

from __future__ import annotations

import os
import threading

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from .kernels.share import JOB_WORDS, serve, share
from .memory import aligned_zeros


class Crew:
    """Threads beside the caller's. They serve one call at a time, so a second caller does its work alone.

    A thread that has found no work for 0.1 ms sleeps on its bed, a lock, until a caller wakes it. Between, it runs compiled
    code without the GIL, so that calls in quick succession meet it awake.
    """

    def __init__(self) -> None:
        self._job = aligned_zeros(JOB_WORDS, np.dtype(np.int64))
        self._in_use = threading.Lock()
        self._beds: list[threading.Lock] = []
        self._asleep: list[bool] = []

    def share(self, threads: int, chunks: int, handle: np.ndarray, *arrays: np.ndarray) -> bool:
        """Run a call in chunks on up to `threads` threads, this one included; False, at once, if the crew is in use."""
        if not self._in_use.acquire(blocking=False):
            return False
        try:
            self._wake(threads - 1)
            share(self._job, chunks, handle, *arrays)
        finally:
            self._in_use.release()
        return True

    def _wake(self, helpers: int) -> None:
        while len(self._beds) < helpers:
            self._hire()
        for number in range(helpers):
            if self._asleep[number]:
                self._asleep[number] = False
                self._beds[number].release()

    def _hire(self) -> None:
        number = len(self._beds)
        bed = threading.Lock()
        bed.acquire()
        self._beds.append(bed)
        self._asleep.append(False)
        threading.Thread(target=self._work, args=(number,), name=f"fastjac-{number + 1}", daemon=True).start()

    def _work(self, number: int) -> None:
        while True:
            serve(self._job, number + 1)
            # A caller that comes just now does without this thread.
            self._asleep[number] = True
            self._beds[number].acquire()


def available_threads() -> int:
    """As many threads as Numba would use: the cores that this process may use, or NUMBA_NUM_THREADS."""
    return int(numba.config.NUMBA_NUM_THREADS)


crew = Crew()


def _replace_crew() -> None:
    """In a forked child, which has none of its parent's threads."""
    global crew
    crew = Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_crew)
    # A child forked while another thread compiles or loads a kernel would wait forever for Numba's lock.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )
