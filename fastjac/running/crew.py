"""The threads of this process that share large calls: started at the first one, asleep while there is none."""

from __future__ import annotations

import _thread
import os
import threading
import time
from queue import SimpleQueue
from typing import Any, NoReturn, Protocol

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from ..kernels.share import JOB_WORDS, caller_core, serve, share
from ..lowering.memory import aligned_zeros
from ..pickling import refuse_pickling

QUICK_SECONDS, QUICK_CALLS = 0.0001, 2
"""The longest time from the end of one brief call to the start of the next for which helpers are waked: they stay awake so many
seconds, and the time is so many times that of the call."""


class Team(Protocol):
    """Threads that share calls."""

    @property
    def most_threads(self) -> int:
        """How many threads there are, the caller's included."""

    def share(self, threads: int, chunks: int, handle: np.ndarray, *arrays: np.ndarray) -> bool:
        """Run a call in chunks on up to `threads` threads, this one included; False, at once, if they serve another call."""


class Crew:
    """Threads beside the caller's. They serve one call at a time, so a second caller does its work alone.

    A helper that has found no work for 0.1 ms sleeps until a caller wakes it. Before that it runs compiled code without the GIL,
    so calls in quick succession meet it awake. An interrupt may strike between any two lines here: at worst a helper is missing
    from then on. Compiled code decides which call is served, so a helper that is waked twice, or not at all, does no harm.

    most_threads : how many threads there are, the caller's included: the cores that this process may use, or NUMBA_NUM_THREADS,
        when the crew was formed.
    """

    def __init__(self) -> None:
        self.most_threads = int(numba.config.NUMBA_NUM_THREADS)
        self._job = aligned_zeros(JOB_WORDS, np.dtype(np.int64))
        self._hiring = threading.Lock()
        self._helpers: list[_Helper] = []
        self._latest_brief = 0.0

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "every process has a crew of its own")

    def share(self, threads: int, chunks: int, handle: np.ndarray, *arrays: np.ndarray) -> bool:
        """Run a call in chunks on up to `threads` threads, this one included; False, at once, if the crew serves another call.

        handle : a handle with scratch for `most_threads` threads.
        """
        self._wake(threads - 1)
        return bool(share(self._job, threads, chunks, handle, *arrays))

    def is_awake(self, threads: int, seconds: float) -> bool:
        """Whether so many threads would take part in a brief call at once, or should be waked, because calls follow one another.

        seconds : what the call takes its caller alone. To wake a thread takes as long, so that pays only where the time between
            calls is no longer than a few of them, and threads stay awake.
        """
        if time.monotonic() - self._latest_brief < min(QUICK_SECONDS, QUICK_CALLS * seconds):
            return True
        return len(self._helpers) >= threads - 1 and not self._asleep(threads - 1)

    def brief_call_ended(self) -> None:
        """Note when a brief call has ended, whoever carried it out."""
        self._latest_brief = time.monotonic()

    def _asleep(self, wanted: int) -> list[_Helper]:
        """Those of the first helpers that may be asleep: no ring waits for them."""
        return [helper for helper in self._helpers[:wanted] if helper.bell.empty()]

    def _wake(self, wanted: int) -> None:
        if len(self._helpers) < wanted:
            self._hire(wanted)
        asleep = self._asleep(wanted)
        core = caller_core() if asleep else -1
        for helper in asleep:
            _move(helper.native_id, core)
            helper.bell.put(None)

    def _hire(self, wanted: int) -> None:
        if not self._hiring.acquire(blocking=False):
            # Another caller is hiring, or was interrupted while it hired: this call makes do with the helpers that there are.
            return
        try:
            while len(self._helpers) < wanted:
                helper = _Helper()
                self._helpers.append(helper)
                _thread.start_new_thread(self._work, (len(self._helpers), helper))
        except RuntimeError:
            # The system gives no more threads, so calls make do with fewer.
            pass
        finally:
            self._hiring.release()

    def _work(self, number: int, helper: _Helper) -> None:
        helper.native_id = threading.get_native_id()
        while True:
            core = serve(self._job, number)
            if core < 0 or not _move(helper.native_id, core):
                helper.bell.get()


class _Helper:
    """A thread of the crew: the bell that wakes it, and the system's number for it."""

    def __init__(self) -> None:
        self.bell: SimpleQueue[None] = SimpleQueue()
        self.native_id = 0


def _move(thread: int, core: int) -> bool:
    """Move a thread off this core, if there is another that the main thread may use; returns whether it has moved.

    Linux may wake a thread on the core of its waker, and then takes some milliseconds to move it to an idle core.
    """
    if core < 0 or not thread:
        return False
    try:
        others = os.sched_getaffinity(os.getpid()) - {core}
        if others:
            os.sched_setaffinity(thread, others)
        return bool(others)
    except OSError:
        return False


crew = Crew()


def _replace_crew() -> None:
    """Start a new crew in a forked child, which has none of its parent's threads."""
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
