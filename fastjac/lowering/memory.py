"""Where numbers lie: the flat parameter array, and the regions of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from ..caches import caches
from ..kernels.tables import INDEX, INDEX_BYTES
from ..kernels.target import ALIGNMENT, PANEL_ROWS, lanes, padded, round_up, tile_vectors, vector_unit
from ..kernels.tile import PREFETCH_DISTANCE
from ..layers import Activation, Affine, Normalizer
from ..planning.operators import is_finite
from .matrix import Record

LINE = ALIGNMENT // np.dtype(np.float32).itemsize
"""Elements of either dtype that fill whole cache lines."""
LIST_ROOM = max(PREFETCH_DISTANCE, vector_unit()[0] // INDEX_BYTES)
"""Entries behind an index list's last that may be read ahead, or written by a whole vector."""
MOST_SAMPLES = 48
"""Samples in a block: a multiple of the rows of every tile, 6, 8 or 12, so that no tile is left half empty."""
LARGE_WEIGHT = caches().second // 4
"""Bytes of a weight from which on samples take it strip by strip: more than the second-level cache keeps beside all else."""
STRIP_BYTES = caches().second // 8
"""Bytes of a strip of such a weight, which stays in the cache while one sample after another is multiplied by it."""


def panel_of(rows: int, columns: int, dtype: np.dtype) -> int:
    """The columns of a panel of a right operand, for a result of this shape: as many as its tiles have."""
    return tile_vectors(rows, columns, dtype) * lanes(dtype)


def strip_of(depth: int, columns: int, panel: int, dtype: np.dtype) -> int:
    """How many columns of a weight all samples of a group are multiplied by, before they go on to the next: whole panels."""
    width = round_up(columns, panel)
    if depth * width * dtype.itemsize <= LARGE_WEIGHT:
        return width
    return min(width, panel * max(1, STRIP_BYTES // (depth * panel * dtype.itemsize)))


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
        self._parts: list[tuple[np.ndarray, int]] = []
        self._offsets: dict[tuple[tuple[int, ...], int, bytes], int] = {}
        self._size = 0

    def add(self, values: np.ndarray, panel: int | None = None) -> int:
        """The offset at which `values`, a vector or a matrix, is stored.

        panel : the matrix is cut into panels of so many columns, which are stored one after another, so that a tile of this width
            reads them as they lie; by default it is row-major.
        """
        with np.errstate(all="ignore"):
            rows = np.atleast_2d(values).astype(self.dtype, copy=False)
        width = padded(rows.shape[1], self.dtype)
        panel = width if panel is None else panel
        # By its digest, because a copy of a large matrix would take more memory until all are put together.
        key = (rows.shape, panel, sha256(np.ascontiguousarray(rows).data).digest())
        if key not in self._offsets:
            self._offsets[key] = self._size
            self._parts.append((rows, panel))
            self._size += len(rows) * round_up(width, panel)
        return self._offsets[key]

    def add_affine(self, layer: Affine, zeros: bool) -> Record:
        """The fields of a primal record that name a weight and its bias.

        zeros : whether inputs can be exactly 0 on whole intervals.
        """
        panel = panel_of(PANEL_ROWS, layer.n_out, self.dtype)
        bias = np.zeros(layer.n_out) if layer.bias is None else layer.bias
        # A zero times inf is nan, so zeros are skipped only where every weight is finite.
        skip = zeros and is_finite(layer, self.dtype)
        return {"weight": self.add(layer.weight.T, panel), "panel": panel, "bias": self.add(bias), "skip": int(skip)}

    def add_rule(self, layer: Activation | Normalizer, size: int, block: int) -> Record:
        """The fields of a primal record that name the parameters of a layer's rule."""
        if isinstance(layer, Normalizer):
            return {"p": self.add(np.array([getattr(layer, "eps", 0.0)]))}
        return dict(zip("pq", self.add_blocks(layer.rule_parameters, size, block), strict=True))

    def add_units(self, units: Sequence[int]) -> int:
        """The offset at which the numbers of units are stored, as the integers that kernels read there.

        As numbers of the network's dtype they would not be exact: in float32, 2^24 + 1 is none.
        """
        listed = np.zeros(round_up(len(units), self.dtype.itemsize // INDEX_BYTES), INDEX.dtype)
        listed[: len(units)] = units
        return self.add(listed.view(self.dtype))

    def add_blocks(self, values: Sequence[float | np.ndarray], size: int, block: int) -> tuple[int, int]:
        """The offsets of the first two of an activation's parameters, `block` equal rows of each; see `add_apart`.

        The padding of a row repeats its last number, since an activation's function runs over the padding too and must find
        parameters there that it is made for.
        """
        padding = (0, padded(size, self.dtype) - size)
        rows = [np.pad(np.broadcast_to(np.asarray(value, np.float64), size), padding, "edge") for value in values]
        return self.add_apart([np.broadcast_to(row, (block, row.size)) for row in rows])

    def add_apart(self, parts: Sequence[np.ndarray]) -> tuple[int, int]:
        """The offsets of the first two of some matrices of one shape; all of them lie equally far apart."""
        if len(parts) == 2:
            return self.add(parts[0]), self.add(parts[1])
        first = self.add(np.concatenate(parts))
        return first, first + len(parts[0]) * padded(parts[0].shape[1], self.dtype)

    def array(self) -> np.ndarray:
        """All that was added, in one aligned, read-only array."""
        flat = aligned_zeros(self._size, self.dtype)
        for (rows, panel), offset in zip(self._parts, self._offsets.values(), strict=True):
            for first in range(0, rows.shape[1], panel):
                columns = rows[:, first : first + panel]
                start = offset + first * len(rows)
                flat[start : start + len(rows) * panel].reshape(len(rows), panel)[:, : columns.shape[1]] = columns
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
