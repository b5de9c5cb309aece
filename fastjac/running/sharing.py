"""How the samples of a batch are shared out: in calls that end soon enough for Ctrl-C, each in chunks that threads take in turn.

A chunk is some of the samples of its call, or, where threads compute the same samples together, the place of one thread in their
team. Nothing here knows arrays: sizes in, a list of calls out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..caches import caches
from ..pages import PAGE_BYTES

PARALLEL_COST = 1_000_000
"""Multiply-adds, at the pace of 1, below which a second thread does not pay: some 17 us."""
WAKING_COST = 8_000_000
"""Multiply-adds, at the pace of 1, below which it does not pay to wake a thread, which takes its caller some 50 us."""
PACE_LANES = 16
"""The numbers in a register at the pace of 1."""
COST_SECONDS = 2e-11
"""The time of a multiply-add at that pace, roughly, with all that a call does besides."""
CALL_COST = 2_000_000_000
"""Multiply-adds of each thread in one call: about 0.05 s, within which Ctrl-C is not seen."""
CHUNK_COST = 1_000_000
"""Multiply-adds of a chunk, some 20 us, beside which handing it out costs nothing."""
READ_COST, FAR_READ_COST = 0.5, 4
"""Multiply-adds in the time in which a thread reads a byte of weights. The first is for weights that stay in its core's
second-level cache, the second for weights beyond it."""
READING_SHARE = 1 / 8
"""The largest share of a chunk's time that reading the weights may take."""
CHUNKS_PER_THREAD = 4
"""Chunks for each thread, unless they get too small, so that other threads can take the chunks of one that is late."""
TOGETHER_LOSS = 1.1
"""How much more time all threads together need for samples that they compute together, beside their meetings."""
TOGETHER_COST = 300_000
"""Multiply-adds in the time that meetings take, some 5 us."""


class Work(NamedTuple):
    """What a program does for one sample.

    cost : multiply-adds.  weight_bytes : bytes of parameters that it reads.
    block : the samples that share one primal sweep; a chunk holds no more, unless so few are not worth handing out.
    group : the samples that take each step of the accumulation together.
    parts : the most threads that can share the work for one sample.  serial : the share of it that one thread must do.
    lane_samples : how many samples lie along the vector lanes; chunks are cut in multiples of it.
    lanes : the numbers in a vector register; the fewer they are, the longer a multiply-add takes.
    result_bytes : bytes of what it writes.
    """

    cost: float
    weight_bytes: int
    block: int
    group: int
    parts: int
    serial: float = 0.0
    lane_samples: int = 1
    lanes: int = PACE_LANES
    result_bytes: int = 0

    @property
    def pace(self) -> float:
        """How many times as long a multiply-add takes as one in a register of `PACE_LANES` numbers."""
        return PACE_LANES / self.lanes


class Call(NamedTuple):
    """One call of a kernel, for the samples from `first` to before `stop`, on up to `threads` threads.

    together : whether the threads compute the same samples together, so that a chunk is the place of one thread in their team.
    brief : seconds on one thread of a call that would be over before threads that sleep have taken much of it; 0 for any other.
    """

    first: int
    stop: int
    threads: int
    chunks: int
    together: bool = False
    brief: float = 0.0


ALONE = Call(0, 0, 1, 1)
"""Stands for a call of any samples on this thread."""


def calls(work: Work, n: int, most_threads: int, threads: int | None = None) -> list[Call]:
    """The calls for `n` samples, which follow one another.

    threads : how many to use; None for as many as pay, up to `most_threads`.
    """
    count = most_threads if threads is None else min(threads, most_threads)
    on_one = _time(work, n, 0, 1) * work.pace
    if n == 0 or count == 1 or (threads is None and on_one < PARALLEL_COST):
        return _pieces(work, 0, n, 1, n)
    # Samples that take long are dealt out in rounds. The threads that would have none in the last round may help the others.
    alone = min((n, n - n % count, 0), key=lambda alone: _time(work, alone, n - alone, count))
    found = [*_pieces(work, 0, alone, count, _chunk(work, alone, count)), *_together(work, alone, n, min(count, work.parts))]
    if threads is None and on_one < WAKING_COST:
        found = [call._replace(brief=on_one * COST_SECONDS) if call.threads > 1 else call for call in found]
    return found


def _together(work: Work, first: int, stop: int, threads: int) -> list[Call]:
    """The samples in calls of groups that all threads compute together, none longer than Ctrl-C may wait."""
    group = max(1, min(work.group, int(CALL_COST * threads / work.cost)))
    return [Call(start, min(start + group, stop), threads, threads, together=True) for start in range(first, stop, group)]


def is_shared(work: Work) -> bool:
    """Whether threads may compute one sample together."""
    return _time(work, 0, 1, work.parts) < _time(work, 1, 0, 1)


def samples_alone(work: Work) -> int:
    """The most samples that are one call on one thread, if the caller asks for no number of threads."""
    return max(0, math.ceil((PARALLEL_COST / work.pace - _reading(work)) / work.cost) - 1) or int(not is_shared(work))


def _time(work: Work, alone: int, together: int, threads: int) -> float:
    """The time for samples that one thread each computes and for samples that all compute together, in multiply-adds."""
    time = math.ceil(alone / threads) * work.cost + (_reading(work) if alone else 0.0)
    if together:
        groups = math.ceil(together / work.group)
        whole = together * work.cost * TOGETHER_LOSS + groups * _reading(work)
        time += whole * (work.serial + (1 - work.serial) / min(threads, work.parts)) + groups * TOGETHER_COST
    return time


def _reading(work: Work) -> float:
    """Multiply-adds in the time in which a thread reads all weights once."""
    near = min(work.weight_bytes, caches().second)
    return READ_COST * near + FAR_READ_COST * (work.weight_bytes - near)


def _chunk(work: Work, n: int, threads: int) -> int:
    """The samples of a chunk: an even share, cut finer where the pieces are still worth it.

    Every thread has as many chunks as any other, because a last round of fewer would leave some idle.
    """
    worth = math.ceil((CHUNK_COST + _reading(work) / READING_SHARE) / work.cost)
    if n * work.result_bytes > 2 * threads * PAGE_BYTES:
        # Threads that write large results near one another take up to a seventh longer.
        worth = max(worth, -(-PAGE_BYTES // work.result_bytes))
    most = max(1, min(max(work.block, worth), int(CALL_COST / work.cost)))
    rounds = max(1, min(CHUNKS_PER_THREAD, n // (threads * worth)), -(-n // (threads * most)))
    chunk = -(-n // (threads * rounds))
    return chunk if chunk < work.lane_samples else -(-chunk // work.lane_samples) * work.lane_samples


def _pieces(work: Work, first: int, stop: int, threads: int, chunk: int) -> list[Call]:
    """The samples in calls of whole rounds of chunks, none longer than Ctrl-C may wait."""
    if first == stop:
        return []
    most = CALL_COST * threads / work.cost
    size = max(1, int(most)) if threads == 1 else chunk * threads * max(1, int(most / (chunk * threads)))
    starts = range(first, stop, size)
    return [Call(start, end, *_shared(end - start, threads, chunk)) for start in starts for end in [min(start + size, stop)]]


def _shared(samples: int, threads: int, chunk: int) -> tuple[int, int]:
    """The number of threads and the number of chunks for so many samples."""
    chunks = 1 if threads == 1 else -(-samples // chunk)
    return min(threads, chunks), chunks
