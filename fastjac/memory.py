"""Where numbers lie: the flat parameter array, and the regions of a workspace."""

from __future__ import annotations

import numpy as np

from .kernels.target import padded

ALIGNMENT = 64
"""Bytes of a cache line: a vector load that crosses one costs twice."""


def aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """A zeroed one-dimensional array that starts on a cache line."""
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


class Parameters:
    """Packs vectors and matrices into one flat array, rows padded to whole vectors; equal ones are stored once."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self._parts: list[np.ndarray] = []
        self._offsets: dict[tuple[tuple[int, ...], bytes], int] = {}
        self._size = 0

    def add(self, values: np.ndarray) -> int:
        """The offset at which `values`, a vector or a matrix, is stored; the row stride is its padded width."""
        with np.errstate(all="ignore"):
            rows = np.atleast_2d(values).astype(self.dtype)
        key = (rows.shape, rows.tobytes())
        if key not in self._offsets:
            part = np.zeros((rows.shape[0], padded(rows.shape[1], self.dtype)), self.dtype)
            part[:, : rows.shape[1]] = rows
            self._offsets[key] = self._size
            self._parts.append(part.ravel())
            self._size += part.size
        return self._offsets[key]

    def add_block(self, value: float | np.ndarray, size: int, block: int) -> int:
        """The offset of `block` equal rows of `size` values, a number standing for all of them."""
        return self.add(np.broadcast_to(np.asarray(value, np.float64), (block, size)))

    def array(self) -> np.ndarray:
        """All parts in one aligned array."""
        flat = aligned_zeros(self._size, self.dtype)
        np.concatenate(self._parts, out=flat)
        return flat


class Arena:
    """Hands out regions of a workspace and takes them back; the first gap that fits is used."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._taken: list[tuple[int, int]] = []
        self.end = start

    def take(self, size: int) -> int:
        """The offset of `size` free elements."""
        offset = self._start
        for start, stop in sorted(self._taken):
            if start - offset >= size:
                break
            offset = stop
        self._taken.append((offset, offset + size))
        self.end = max(self.end, offset + size)
        return offset

    def free(self, offset: int) -> None:
        """Take back the region that starts at `offset`."""
        self._taken = [region for region in self._taken if region[0] != offset]
