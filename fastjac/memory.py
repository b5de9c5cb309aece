"""Where numbers lie: the flat parameter array, and the regions of a workspace."""

from __future__ import annotations

import numpy as np

from .kernels.tables import INDEX_BYTES
from .kernels.target import ALIGNMENT, padded, round_up, vector_unit
from .kernels.tile import PREFETCH_DISTANCE

LINE = ALIGNMENT // np.dtype(np.float32).itemsize
"""Elements that fill a cache line, or several."""
LIST_ROOM = max(PREFETCH_DISTANCE, vector_unit()[0] // INDEX_BYTES)
"""Entries behind an index list's last that may be read ahead, or written by a whole vector."""
PANEL_VECTORS = 4
"""Width of a panel in registers: that of the tile for six rows, which is as wide as most are."""
LARGE_WEIGHT = 512 * 1024
"""Bytes from which on a weight is stored in panels: more than stays in a second-level cache beside all else."""


def panel_of(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """How many columns of a weight of this shape are stored together, for a kernel that reads it in vectors.

    A large weight lies in panels, each of which stays in the cache while one sample after another is multiplied by it.
    """
    width = padded(shape[1], dtype)
    is_large = shape[0] * width * dtype.itemsize > LARGE_WEIGHT
    return min(width, PANEL_VECTORS * padded(1, dtype)) if is_large else width


def aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """A zeroed one-dimensional array that starts on a cache line."""
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


def scratch(layout: np.void, dtype: np.dtype, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Memory for `threads` threads by a LAYOUT record: numbers (threads, work_size) and index lists (threads, list_size)."""
    work = aligned_zeros(threads * int(layout["work_size"]), dtype)
    lists = np.zeros((threads, layout["list_size"]), np.int32)
    lists[:, : layout["n_identity"]] = np.arange(layout["n_identity"])
    return work.reshape(threads, layout["work_size"]), lists


class Parameters:
    """Packs vectors and matrices into one flat array, rows padded to whole vectors; equal ones are stored once."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self._parts: list[np.ndarray] = []
        self._offsets: dict[tuple[tuple[int, ...], int, bytes], int] = {}
        self._size = 0
        self.in_panels = False
        """Whether any matrix was cut into panels."""

    def add(self, values: np.ndarray, panel: int | None = None) -> int:
        """The offset at which `values`, a vector or a matrix, is stored, its rows padded to whole vectors.

        panel : the matrix is cut into panels of so many columns, which are stored one after another; by default it is one panel.
        """
        with np.errstate(all="ignore"):
            rows = np.atleast_2d(values).astype(self.dtype)
        width = padded(rows.shape[1], self.dtype)
        panel = width if panel is None else panel
        self.in_panels |= panel < width
        key = (rows.shape, panel, rows.tobytes())
        if key not in self._offsets:
            part = np.zeros((rows.shape[0], round_up(width, panel)), self.dtype)
            part[:, : rows.shape[1]] = rows
            self._offsets[key] = self._size
            self._parts += [part[:, first : first + panel].ravel() for first in range(0, width, panel)]
            self._size += part.size
        return self._offsets[key]

    def add_block(self, value: float | np.ndarray, size: int, block: int) -> int:
        """The offset of `block` equal rows of `size` values, a number standing for all of them."""
        return self.add(np.broadcast_to(np.asarray(value, np.float64), (block, size)))

    def array(self) -> np.ndarray:
        """All parts in one aligned, read-only array."""
        flat = aligned_zeros(self._size, self.dtype)
        np.concatenate(self._parts, out=flat)
        return np.frombuffer(flat.data.toreadonly(), self.dtype)


class Arena:
    """Hands out regions of a workspace and takes them back; the first gap that fits is used."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int]] = []
        self.end = 0

    def take(self, size: int) -> int:
        """The offset of `size` free elements, on a cache line of their own."""
        size = round_up(size, LINE)
        offset = 0
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
