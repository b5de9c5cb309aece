"""Runs a Program over a batch: working memory, arrays that kernels cannot take as they lie, and the calls that threads share."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..arguments import for_kernels, is_for_kernels
from ..kernels.call import MEETING, call, call_alone, handle_of
from ..kernels.meeting import LINE, STEPS, meeting_words
from ..kernels.tables import Program
from ..kernels.target import lanes
from ..lowering.memory import aligned_zeros
from ..lowering.program import workspace
from ..pickling import refuse_pickling
from . import crew
from .sharing import ALONE, Call, Work, calls, is_shared, samples_alone
from .state import State

COPIED_BYTES = 16 * 2**20
"""How much of an input or a result that kernels cannot take as it lies is copied at a time."""
COPIED_ALONE, COPY_BYTES = 2**19, 128
"""The most bytes of equal Jacobians that one thread copies, and what each copy counts beside its own bytes."""
FIELDS = "block", "group", "parts", "serial", "lane_samples"
"""The fields of a program's layout that decide how its samples are shared out."""


class Memory(NamedTuple):
    """The memory in which a call works, with a row for each thread, and the handle by which kernels find it and the program.

    together : the handle for threads that compute the same samples together, which meet in `meeting`.
    """

    work: np.ndarray
    lists: np.ndarray
    handle: np.ndarray
    meeting: np.ndarray
    together: np.ndarray

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")


class Runner:
    """A Program with what it needs to run again and again, from any number of threads at once.

    cost : the time for one sample, in multiply-adds.  work : the cost, and what else decides how samples are shared out.
    few : how many numbers x may have for one thread to take all its samples, where nobody asks for a number of threads.
    is_constant : whether the task's result is the same at every x.
    constants : such a result by the leading shapes of one input, () and (1,), once `copies` has made it.
    """

    def __init__(self, program: Program, cost: float) -> None:
        self.program = program
        block, group, parts, serial, lane_samples = (int(program.layout[name][0]) for name in FIELDS)
        layout, dtype = program.layout[0], program.parameters.dtype
        sizes = lanes(dtype), int(layout["out_size"]) * dtype.itemsize
        self.work = Work(cost, program.parameters.nbytes, block, group, parts, serial / 1000, max(1, lane_samples), *sizes)
        self._is_shared, self._few = is_shared(self.work), samples_alone(self.work)
        self.few = self._few * int(layout["n_in"])
        # Without slopes, no step of a Jacobian reads anything that depends on x.
        self.is_constant = bool(layout["out_size"] and not layout["state_size"] and not layout["seed_size"])
        self.constants: dict[tuple[int, ...], np.ndarray] = {}
        # How the latest batch was shared out. The next batch of the same size is shared out alike.
        self._latest: tuple[tuple[int, int, int | None] | None, list[Call]] = (None, [])
        self._idle: list[Memory] = []

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def __call__(
        self,
        x: np.ndarray,
        seed: np.ndarray,
        y: np.ndarray,
        out: np.ndarray,
        threads: int | None = None,
        state: State | None = None,
    ) -> None:
        """Run for one sample `x (n_in,)`, or for every row of `x (n, n_in)`; y and out are written unless they are empty.

        seed : (n, seed_size), or (1, seed_size) for all. y and out have x's leading shape. y, and one sample with its seed, are
        C-contiguous; y and out are of the network's dtype. An array that kernels cannot take as it lies is copied piece by piece.
        state : the state of these samples. Where out is empty, the run writes the state; else it starts from it.
        """
        if x.ndim == 1:
            if out.flags.carray and not self._is_shared:
                self._run(x, seed, y, out, ALONE, state)
                return
            x, y, out = x[None], y[None], out[None]
        if is_for_kernels(x, out.dtype) and is_for_kernels(seed, out.dtype) and out.flags.carray:
            self._share(x, seed, y, out, threads, state)
            return
        samples = max(1, COPIED_BYTES * len(x) // (x.nbytes + seed.nbytes + out.nbytes))
        copied = None if out.flags.carray else np.empty((min(samples, len(x)), *out.shape[1:]), out.dtype)
        for first in range(0, len(x), samples):
            part = slice(first, first + samples)
            target = out[part] if copied is None else copied[: len(out[part])]
            seeds = for_kernels(seed if len(seed) == 1 else seed[part], out.dtype)
            self._share(for_kernels(x[part], out.dtype), seeds, y[part], target, threads, state and state.at(first))
            if copied is not None:
                out[part] = target

    def alone(self, x: np.ndarray, out: np.ndarray) -> None:
        """Run a task without a seed on this thread, for as few samples as `few`, in arrays that kernels can take as they lie."""
        memory = self._take_memory(1)
        call_alone(memory.handle, x, out)
        self._idle.append(memory)

    def copies(self, lead: tuple[int, ...]) -> np.ndarray | None:
        """The constant Jacobian at inputs of this leading shape; None where there are so many that threads should write it."""
        if not self.constants:
            self.constants = self._made_once()
        if lead in self.constants:
            return self.constants[lead].copy()
        constant, n = self.constants[1,], math.prod(lead)
        if n * (constant.nbytes + COPY_BYTES) > COPIED_ALONE:
            return None
        copies = constant.repeat(n, 0)
        return copies if len(lead) == 1 else copies.reshape(lead + constant.shape[1:])

    def _made_once(self) -> dict[tuple[int, ...], np.ndarray]:
        """The constant Jacobian, by the leading shapes of one input."""
        layout, dtype = self.program.layout[0], self.program.parameters.dtype
        columns, nothing = int(layout["out_columns"]), np.empty((0, 0), dtype)
        constant = np.empty((1, int(layout["out_size"]) // columns, columns), dtype)
        self(np.zeros((1, int(layout["n_in"])), dtype), nothing, nothing, constant)
        return {(): constant[0], (1,): constant}

    def _share(
        self, x: np.ndarray, seed: np.ndarray, y: np.ndarray, out: np.ndarray, threads: int | None, state: State | None
    ) -> None:
        """Make all calls for samples in arrays that kernels can take."""
        n = len(x)
        if n <= self._few and (threads is None or threads == 1):
            self._run(x, seed, y, out, ALONE, state)
            return
        asked = n, crew.crew.most_threads, threads
        known, shares = self._latest
        if known != asked:
            shares = calls(self.work, *asked)
            self._latest = asked, shares
        for some in shares:
            if some.stop - some.first == n:
                self._run(x, seed, y, out, some, state)
            else:
                part = slice(some.first, some.stop)
                seeds = seed if len(seed) == 1 else seed[part]
                self._run(x[part], seeds, y[part], out[part], some, state and state.at(some.first))

    def _run(
        self,
        x: np.ndarray,
        seed: np.ndarray,
        y: np.ndarray,
        out: np.ndarray,
        how: Call,
        state: State | None,
    ) -> None:
        """One call, short enough that Ctrl-C is seen soon."""
        memory = self._take_memory(how.threads)
        handle = memory.together if how.together else memory.handle
        handle = handle if state is None else state.handle(handle)
        alone = how.chunks == 1 or (how.brief and not crew.crew.is_awake(how.threads, how.brief))
        if alone or not crew.crew.share(how.threads, how.chunks, handle, x, seed, y, out):
            call(handle, x, seed, y, out)
        if how.brief:
            crew.crew.brief_call_ended()
        self._idle.append(memory)

    def _take_memory(self, threads: int) -> Memory:
        """Memory for at least so many threads: idle memory if there is any, else new."""
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = None
        if threads > 1:
            # Any thread of the crew may take part, so each needs a row.
            threads = crew.crew.most_threads
        if memory is None or len(memory.work) < threads:
            memory = self._new_memory(threads)
        return memory

    def _new_memory(self, threads: int) -> Memory:
        work, lists = workspace(self.program, threads)
        handle = handle_of(self.program, 0, work, lists)
        steps, parts = len(self.program.primal) + len(self.program.steps), min(threads, self.work.parts)
        meeting = aligned_zeros(meeting_words(steps, parts) if parts > 1 else LINE, np.dtype(np.int64))
        meeting[STEPS] = steps
        together = handle.copy()
        together[MEETING] = meeting.ctypes.data
        return Memory(work, lists, handle, meeting, together)
