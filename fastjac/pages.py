"""New arrays for large results, which begin where one of the system's large pages does.

Linux gives NumPy's large arrays memory in large pages, each of which it fills with zeros at the first touch. What lies before the
first whole page of an array, and behind its last one, comes in small pages, which take ten times as long for each byte.
"""

from __future__ import annotations

import math

import numpy as np

PAGE_BYTES = 2**21
LARGE = 2**22
"""The bytes of an array from which on NumPy asks for large pages."""


def new_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array whose numbers are not set yet."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    # The last page too is a whole one, and one page more leaves room to begin at any address.
    memory = np.empty(-(-size // PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES, np.uint8)
    first = -memory.ctypes.data % PAGE_BYTES
    return memory[first : first + size].view(dtype).reshape(shape)
