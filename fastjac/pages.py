"""New arrays for large results, which begin where one of the system's large pages does.

Linux gives NumPy's large arrays memory in large pages, each of which it fills with zeros at the first touch. What lies before the
first whole page of an array, and behind its last one, comes in small pages, which take ten times as long for each byte.
"""

from __future__ import annotations

import math
from weakref import ReferenceType, ref

import numpy as np

PAGE_BYTES = 2**21
LARGE = 2**22
"""The bytes of an array from which on NumPy asks for large pages."""
KEPT_BY_C = 2**25
"""The C library keeps the memory of arrays below so many bytes for the next one, and gives that of larger ones back."""
KEPT_HERE, MOST_KEPT = 2**26, 2
"""Up to so many bytes it is kept here, for so many results: a loop holds one while the next one is computed."""

_latest: list[tuple[np.ndarray, ReferenceType[np.ndarray]]] = []
"""The memory of the latest such results, each with the array that lives as long as anyone refers to the result."""


def new_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array whose numbers are not set yet."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    # The last page too is a whole one, and one page more leaves room to begin at any address.
    room = -(-size // PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES
    return _part(_lent(room) if KEPT_BY_C <= room <= KEPT_HERE else np.empty(room, np.uint8), size).view(dtype).reshape(shape)


def _lent(room: int) -> np.ndarray:
    """At least so many bytes: the memory of one of the latest results, if nobody refers to that any more, or else new memory.

    To fill new memory takes the system longer than most results take to compute.
    """
    found, others = None, []
    # What is taken from the list is this thread's alone. Threads that meet here find less, and take new memory.
    while _latest:
        try:
            memory, user = _latest.pop()
        except IndexError:
            break
        if found is None and user() is None and room <= memory.nbytes <= 2 * room:
            found = memory
        else:
            others.append((memory, user))
    memory = np.empty(room, np.uint8) if found is None else found
    # NumPy lets a view refer to the array that its own array is a view of, but not beyond one that a buffer stands behind.
    lent = np.frombuffer(memory.data, np.uint8)
    _latest.extend([*reversed(others[: MOST_KEPT - 1]), (memory, ref(lent))])
    return lent


def _part(memory: np.ndarray, size: int) -> np.ndarray:
    """So many bytes from the first whole page on."""
    first = -memory.ctypes.data % PAGE_BYTES
    return memory[first : first + size]
