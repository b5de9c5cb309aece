"""How the samples of a batch are shared out: in calls that end soon enough for Ctrl-C, each in chunks that threads take in turn.

A chunk is some of the samples of its call, or, in a call for one sample, some of the rows of its result. Nothing here knows
arrays: sizes in, a list of calls out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..caches import caches

PARALLEL_COST = 1_000_000
"""Multiply-adds below which a second thread does not pay."""
DIVIDED_COST = 4_000_000
"""Multiply-adds of one sample from which on it pays to divide it among threads."""
CALL_COST = 2_000_000_000
"""Multiply-adds of each thread in one call: about 0.05 s, within which Ctrl-C is not seen."""
CHUNK_COST = 1_000_000
"""Multiply-adds of a chunk, some 20 us, beside which handing it out costs nothing."""
READ_COST, FAR_READ_COST = 4, 32
"""Multiply-adds that a chunk must do for each byte of weights that it reads, so that reading takes a small share of its time. The
first is for weights that stay in a core's second-level cache from one chunk to the next, the second for weights beyond it."""
CHUNKS_PER_THREAD = 4
"""Chunks for each thread, unless they get too small, so that other threads can take the chunks of one that is late."""
DIVISION_LOSS = 1.25
"""How much more time all threads together need for a sample in parts: each thread computes its values and reads all weights."""


class Work(NamedTuple):
    """What a program does for one sample.

    cost : multiply-adds.  weight_bytes : bytes of parameters that it reads.
    block : the samples that share one primal sweep; a chunk holds no more, unless so few are not worth handing out.
    parts : into how many parts one sample can be divided.
    lane_samples : how many samples lie along the vector lanes; chunks are cut in multiples of it.
    """

    cost: float
    weight_bytes: int
    block: int
    parts: int
    lane_samples: int = 1


class Call(NamedTuple):
    """One call of a kernel, for the samples from `first` to before `stop`, on up to `threads` threads."""

    first: int
    stop: int
    threads: int
    chunks: int


def calls(work: Work, n: int, most_threads: int, threads: int | None = None) -> list[Call]:
    """The calls for `n` samples, which follow one another.

    threads : how many to use; None for as many as pay, up to `most_threads`.
    """
    count = most_threads if threads is None else min(threads, most_threads)
    if n == 0 or count == 1 or (threads is None and n * work.cost < PARALLEL_COST):
        return _pieces(work, 0, n, 1, n)
    alone = _samples_undivided(work, n, count)
    chunk = _chunk(work, alone, count)
    divided = min(count, work.parts)
    return [
        *_pieces(work, 0, alone, count, chunk),
        *(Call(sample, sample + 1, divided, divided) for sample in range(alone, n)),
    ]


def is_divided(work: Work) -> bool:
    """Whether threads may divide one sample."""
    return work.parts > 1 and work.cost >= DIVIDED_COST


def samples_alone(work: Work) -> int:
    """The most samples that are one call on one thread, if the caller asks for no number of threads."""
    return int(PARALLEL_COST / work.cost) or int(not is_divided(work))


def _samples_undivided(work: Work, n: int, threads: int) -> int:
    """How many samples are computed by one thread each. The rest are divided, one after another, among all of them.

    Samples that take long are dealt out in rounds. In the last round some threads would have none, so its samples may be divided.
    """
    if not is_divided(work):
        return n
    rest = n % threads
    pays = rest * DIVISION_LOSS < min(threads, work.parts)
    return n - rest if pays else n


def _chunk(work: Work, n: int, threads: int) -> int:
    """The samples of a chunk: an even share, cut finer where the pieces are still worth it.

    Every thread has as many chunks as any other, because a last round of fewer would leave some idle.
    """
    near = min(work.weight_bytes, caches().second)
    reading = READ_COST * near + FAR_READ_COST * (work.weight_bytes - near)
    worth = math.ceil((CHUNK_COST + reading) / work.cost)
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
