"""An array of an HDF5 file that may come from anywhere: what it declares is compared with what is stored before it is read."""

from __future__ import annotations

import itertools
import math
import zlib
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import FormatError
from ...optional import optional
from .bfloat16 import widen_bfloat16
from .hdf5_account import Account, damage_as_error
from .limits import MOST_LAYERS, check_count, refuse_expansion

NUMBERS = "fiu"
"""The kinds of NumPy dtypes that arrays of weights have, besides opaque entries of two bytes, which are bfloat16."""
DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
FILTERS = {DEFLATE: "deflate", SHUFFLE: "shuffle", FLETCHER32: "fletcher32"}
"""The filters that are read. For any other filter HDF5 would look for a library to load, except for lzf, and nothing bounds what
lzf unpacks to."""
CHECKSUM = 4
"""Bytes that fletcher32 adds."""


class Array:
    """A dataset of an open file, which is read only when asked; see `hdf5.opened`.

    name : its path in the file, or another name for errors: HDF5 itself must search the file for a path.
    """

    def __init__(self, dataset: Any, account: Account, name: str) -> None:
        self._dataset, self._account = dataset, account
        self.name = name

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The declared shape; FormatError if it has none."""
        with damage_as_error("an array of the weights"):
            declared: tuple[int, ...] | None = self._dataset.shape
        if declared is None:
            raise no_array(self.name)
        return declared

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers, as opposed to counts or seeds."""
        with damage_as_error("an array of the weights"):
            return self._dtype.kind == "f" or self._is_bfloat16

    def read(self) -> np.ndarray:
        """All entries; FormatError if they are no numbers or far larger than what is stored."""
        with damage_as_error("an array of the weights"):
            self._check_kind()
            self._check_storage()
            array: np.ndarray = self._dataset[()]
            return widen_bfloat16(array) if self._is_bfloat16 else array

    @property
    def dtype(self) -> np.dtype:
        """The dtype of its entries."""
        with damage_as_error("an array of the weights"):
            return self._dtype

    def references(self) -> list[Any] | None:
        """Its entries, if they are references to members of the file, which `Group.referred` finds; else None."""
        h5py = optional("h5py", "to read files of MATLAB 7.3", "keras")
        with damage_as_error("an array of references"):
            if h5py.check_ref_dtype(self._dtype) is not h5py.Reference:
                return None
            check_count(math.prod(self.shape), MOST_LAYERS, f"references in {self.name}")
            self._check_storage()
            return list(self._dataset[()].ravel())

    @cached_property
    def _dtype(self) -> np.dtype:
        dtype: np.dtype = self._dataset.dtype
        return dtype

    @cached_property
    def _filters(self) -> list[int]:
        plan = self._dataset.id.get_create_plist()
        return [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]

    @property
    def _is_bfloat16(self) -> bool:
        """Whether it holds opaque entries of two bytes; Keras stores bfloat16 in this form, and nothing else."""
        dtype = self._dtype
        return dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None and dtype.subdtype is None

    def _check_kind(self) -> None:
        if self._dtype.kind not in NUMBERS and not self._is_bfloat16:
            raise FormatError(f"{self.name} holds entries of type {self._dtype}, though weights are numbers")
        for number in self._filters:
            if number not in FILTERS:
                raise FormatError(
                    f"{self.name} is compressed by filter {number}; fastjac reads {', '.join(FILTERS.values())} only, "
                    "so write the file again without compression"
                )
        after_deflate = self._filters[self._filters.index(DEFLATE) + 1 :] if DEFLATE in self._filters else []
        if len(set(self._filters)) < len(self._filters) or after_deflate not in ([], [FLETCHER32]):
            raise FormatError(
                f"{self.name} is compressed by the filters {self._filters} one after the other; h5py writes no such"
            )

    def _check_storage(self) -> None:
        """Raise FormatError if it declares more bytes than are stored for it, or far more if it is compressed."""
        itemsize, chunks = self._dtype.itemsize, self._dataset.chunks
        declared = itemsize * math.prod(self.shape)
        stored = min(self._dataset.id.get_storage_size(), self._account.stored)
        if not self._filters and declared > stored:
            raise FormatError(f"{self.name} claims to hold {declared} bytes, {stored} are stored; the file is cut off or made up")
        what = f"what is read of the file up to {self.name}"
        if chunks is None:
            self._account.claim(declared, what)
            return
        chunk = math.prod(chunks) * itemsize
        refuse_expansion(max(declared, chunk), stored, self.name)
        count = math.prod(-(-size // step) for size, step in zip(self.shape, chunks, strict=True))
        self._account.claim(max(declared, count * chunk), what, count)
        self._check_chunks(chunks, chunk)

    def _check_chunks(self, steps: tuple[int, ...], size: int) -> None:
        """Raise FormatError if a stored chunk is longer than the file, or unpacks to more than the `size` bytes of a chunk."""
        dataset = self._dataset.id
        for place in itertools.product(*(range(0, length, step) for length, step in zip(self.shape, steps, strict=True))):
            found = dataset.get_chunk_info_by_coord(place)
            if found.byte_offset is None:
                continue
            if found.byte_offset + found.size > self._account.stored:
                raise FormatError(f"{self.name} has a chunk of {found.size} bytes, which end behind the file; it is damaged")
            if DEFLATE in self._filters and not found.filter_mask >> self._filters.index(DEFLATE) & 1:
                _, packed = dataset.read_direct_chunk(place)
                # HDF5 itself would unpack it to the end, however long the result is.
                if len(zlib.decompressobj().decompress(packed, size + CHECKSUM + 1)) > size + CHECKSUM:
                    raise FormatError(f"{self.name} has a chunk that unpacks to more than its {size} bytes; it is damaged")


def no_array(name: str) -> FormatError:
    """The error for a member called `name` that is no array."""
    return FormatError(f"{name} is no array, though one is expected there")
