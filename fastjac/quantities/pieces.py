"""A batch in pieces, which threads take in turn while their results are handed out in order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from .. import crew
from ..sharing import CALL_COST

PIECE_BYTES = 4 * 2**20
"""Room for the Jacobians of a piece, unless one alone takes more."""
PIECE_COST = 10_000_000
"""Multiply-adds of a piece from which on Python's share of its time, and that of starting a thread, is small."""
MOST_PIECES = 64
"""Pieces up to which a batch is cut finer than room asks for, so that threads end together."""

Result = TypeVar("Result")


def pieces_of(n: int, cost: float, sample_bytes: int, overhead: float) -> list[slice]:
    """The pieces of `n` samples. They do not depend on the threads, so neither does a sum over them.

    cost : multiply-adds of one sample.  sample_bytes : what its Jacobian takes.
    overhead : multiply-adds from which on a piece takes long beside what it takes once.
    """
    most = max(1, min(PIECE_BYTES // sample_bytes, int(CALL_COST / cost)))
    worth = math.ceil((PIECE_COST + overhead) / cost)
    size = min(most, max(worth, -(-n // MOST_PIECES)))
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def most_workers(count: int, threads: int | None) -> int:
    """How many threads take so many pieces, if up to `threads` may; None for as many as there are cores."""
    most = crew.crew.most_threads
    return max(1, min(count, most if threads is None else min(threads, most)))


def in_order(function: Callable[[slice], Result], pieces: list[slice], workers: int) -> Iterator[Result]:
    """The results of all pieces in order, of which few wait at a time.

    The threads end with the call, so that a forked child misses none. After an interrupt each ends its piece first.
    """
    if workers == 1:
        yield from map(function, pieces)
        return
    # Imported here, because it takes longer than many a call.
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers, "fastjac")
    waiting: deque[Future[Result]] = deque()
    try:
        for piece in pieces:
            if len(waiting) == 2 * workers:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, piece))
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
