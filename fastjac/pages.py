"""New arrays for large results, which begin where one of the system's large pages does.

Linux gives NumPy's large arrays memory in large pages, each of which it fills with zeros at the first touch. What lies before the
first whole page of an array, and behind its last one, comes in small pages, which take ten times as long for each byte. The
filling itself takes longer than most results take to compute. The C library keeps memory that was filled for the next array, but
gives that of arrays from 32 MB on back to the system; here it is kept up to 64 MB.
"""

from __future__ import annotations

import math
from weakref import finalize

import numpy as np

PAGE_BYTES = 2**21
LARGE = 2**22
"""The bytes of an array from which on NumPy asks for large pages."""
KEPT_BY_C = 2**25
MOST_IDLE = 2**26
"""The most bytes that are kept for the next results, all together."""

_idle: list[np.ndarray] = []
"""Memory of results to which nobody refers any more, the latest last."""


def new_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array whose numbers are not set yet."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    # The last page too is a whole one, and one page more leaves room to begin at any address.
    room = -(-size // PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES
    memory = _lent(room) if KEPT_BY_C <= room <= MOST_IDLE else np.empty(room, np.uint8)
    first = -memory.ctypes.data % PAGE_BYTES
    return memory[first : first + size].view(dtype).reshape(shape)


def _lent(room: int) -> np.ndarray:
    """At least so many bytes, which come back to the idle memory when nobody refers to them any more."""
    memory = _idle_memory(room)
    if memory is None:
        memory = np.empty(room, np.uint8)
    # NumPy lets a view refer to the array that its own array is a view of, but not beyond one that a buffer stands behind.
    lent = np.frombuffer(memory.data, np.uint8)
    finalize(lent, _give_back, memory).atexit = False
    return lent


def _idle_memory(room: int) -> np.ndarray | None:
    """Idle memory of this size or up to twice as large, which is then the caller's alone."""
    found, others = None, []
    # Threads that meet here find less, and take new memory.
    while _idle and found is None:
        try:
            memory = _idle.pop()
        except IndexError:
            break
        if room <= memory.nbytes <= 2 * room:
            found = memory
        else:
            others.append(memory)
    _idle.extend(reversed(others))
    return found


def _give_back(memory: np.ndarray) -> None:
    _idle.append(memory)
    while sum(idle.nbytes for idle in tuple(_idle)) > MOST_IDLE:
        try:
            del _idle[0]
        except IndexError:
            break
