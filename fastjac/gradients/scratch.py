"""Memory that calls of the gradient kernel work in, which they take from a pool and give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from ..pickling import refuse_pickling

MOST_IDLE = 2
"""Pieces of memory that a pool holds: a training loop has the result of one step while it computes the next."""

Memory = TypeVar("Memory")


@dataclass(eq=False)
class Scratch:
    """Memory of one call at a time.

    work, lists : (slots, size), what is kept of a block of samples; a slot for each thread, or for each block.
    buffers : (threads, size).
    sums : (chunks, gradients_size), or fewer as long as no gradient was asked for.
    filled : whether the slots hold what the samples of a call have at every boundary.
    """

    work: np.ndarray
    lists: np.ndarray
    buffers: np.ndarray
    sums: np.ndarray
    filled: bool = False


class Pool(list[Memory]):
    """Memory that lies ready for the next call; to take it is one step that no other thread can interrupt."""

    def take(self) -> Memory | None:
        """Some of it, if there is any."""
        try:
            return self.pop()
        except IndexError:
            return None

    def give_back(self, memory: Memory) -> None:
        """Let another call have it."""
        if len(self) < MOST_IDLE:
            self.append(memory)


class Lent(Generic[Memory]):
    """Memory that calls may take in turn, and that the pool has back when this is gone."""

    def __init__(self, memory: Memory, lender: Pool[Memory]) -> None:
        self.memory, self._held, self._lender = memory, Pool([memory]), lender
        self.take, self.give_back = self._held.take, self._held.give_back

    # A copy would give the same memory back once more.
    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def __del__(self) -> None:
        for memory in self._held:
            self._lender.give_back(memory)


Kept = Lent[Scratch]
"""What was computed of the samples of a call, for others with the same samples."""
