"""Memory in which calls of the gradient kernel work: each call takes it from a pool and gives it back."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from ..kernels.gradient_tables import REQUEST
from ..lowering.memory import aligned_zeros
from ..pickling import refuse_pickling

MOST_IDLE = 2
"""Most pieces of memory that a pool holds: a training loop holds the result of one step while it computes the next."""

Memory = TypeVar("Memory")


class Held:
    """Arrays that many requests use, and the words that requests have for them: to ask NumPy for an address takes 2 us each time.

    arrays : the arrays, by the names of a request's fields.
    words : the addresses of the arrays and the bytes from row to row, by the names of a request's fields.
    """

    def __init__(self, **arrays: np.ndarray) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.words: dict[str, int] = {}
        for name, array in arrays.items():
            self.hold(name, array)

    def hold(self, name: str, array: np.ndarray) -> None:
        """Hold an array under this name, in place of any other."""
        self.arrays[name], self.words[name] = array, array.ctypes.data
        if f"{name}_stride" in (REQUEST.names or ()):
            self.words[f"{name}_stride"] = array.strides[0]


class GradientMemory(Held):
    """The memory in which a call of the gradient kernel works; one call has it at a time.

    work, lists : (slots, size), what is kept for a block of samples; a slot for each thread, or for each block.
    scratch : (threads, size), what a thread works in.
    sums : (chunks, gradients_size), there once a gradient was asked for.
    filled : whether the slots already hold the values and rows of a call's samples.
    """

    sums: Held | None = None
    filled = False

    def make_room(self, threads: int, size: int, dtype: np.dtype) -> None:
        """Hold scratch of at least this size for so many threads."""
        scratch = self.arrays.get("scratch")
        if scratch is None or len(scratch) < threads or scratch.shape[1] < size:
            self.hold("scratch", aligned_zeros(threads * size, dtype).reshape(threads, size))


class Pool(list[Memory]):
    """Memory that lies ready for the next call; taking it is one step that no other thread can interrupt."""

    def take(self) -> Memory | None:
        """A piece of memory, if there is any."""
        try:
            return self.pop()
        except IndexError:
            return None

    def give_back(self, memory: Memory) -> None:
        """Put a piece back for another call."""
        if len(self) < MOST_IDLE:
            self.append(memory)


class Lent(Generic[Memory]):
    """Memory that calls may use in turn; the pool gets it back when this object is gone."""

    def __init__(self, memory: Memory, lender: Pool[Memory]) -> None:
        self.memory, self._held, self._lender = memory, Pool([memory]), lender
        self.take, self.give_back = self._held.take, self._held.give_back

    # A copy would give the same memory back a second time.
    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def __del__(self) -> None:
        for memory in self._held:
            self._lender.give_back(memory)


Kept = Lent[GradientMemory]
"""What a call computed for its samples, for later calls with the same samples."""
