"""A batch in pieces, which threads take in turn while their results are handed out in order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..running import crew
from ..running.sharing import CALL_COST

PIECE_BYTES = 4 * 2**20
"""Room for the Jacobians of a piece, unless a single one takes more."""
PIECE_COST = 10_000_000
"""Multiply-adds of a piece from which on Python, and the start of a thread, take a small share of its time."""
MOST_PIECES = 64
"""Up to so many pieces a batch is cut finer than room asks for, so that threads end together."""

Result = TypeVar("Result")


def pieces_of(n: int, cost: float, sample_bytes: int, overhead: float) -> list[slice]:
    """The pieces of `n` samples. They do not depend on the threads, so neither does a sum over them.

    cost : multiply-adds of one sample.  sample_bytes : bytes of its Jacobian.
    overhead : multiply-adds of a piece beside which its fixed costs are small.
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
    """The results of all pieces in order; few results wait at a time.

    The threads end with the call, so that a forked child misses none. After an interrupt each ends its piece first.
    """
    if workers == 1:
        yield from map(function, pieces)
        return
    # Imported here, because the import takes longer than many a call.
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
