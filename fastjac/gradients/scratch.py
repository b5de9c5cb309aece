"""Memory that calls of the gradient kernel work in, which they take from a pool and give back."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from ..kernels.gradient_tables import REQUEST
from ..pickling import refuse_pickling

MOST_IDLE = 2
"""Pieces of memory that a pool holds: a training loop has the result of one step while it computes the next."""

Memory = TypeVar("Memory")


class Held:
    """Arrays that requests use again and again, and what these say of them: to ask NumPy for an address takes 2 us each time.

    arrays : by the names of a request's fields.  words : their addresses, and the bytes from row to row, by such names.
    """

    def __init__(self, **arrays: np.ndarray) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.words: dict[str, int] = {}
        for name, array in arrays.items():
            self.hold(name, array)

    def hold(self, name: str, array: np.ndarray) -> None:
        """Hold an array under this name, in the place of any other."""
        self.arrays[name], self.words[name] = array, array.ctypes.data
        if f"{name}_stride" in (REQUEST.names or ()):
            self.words[f"{name}_stride"] = array.strides[0]


class Scratch(Held):
    """Memory of one call at a time.

    work, lists : (slots, size), what is kept of a block of samples; a slot for each thread, or for each block.
    buffers : (threads, size).
    sums : the same, of (chunks, gradients_size), once a gradient was asked for.
    filled : whether the slots hold what the samples of a call have at every boundary.
    """

    sums: Held | None = None
    filled = False


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
