"""The numbers that a torch file keeps outside its pickle, in either of torch's two containers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...errors import FormatError
from ..reading.archive import Archive
from ..reading.records import Name, Storage

STORAGES = {
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.ComplexDoubleStorage": "complex128",
    "torch.ComplexFloatStorage": "complex64",
    "torch.QInt8Storage": "quantized int8",
    "torch.QUInt8Storage": "quantized uint8",
    "torch.QInt32Storage": "quantized int32",
    "torch.storage.UntypedStorage": "bytes",
}
"""The dtype of the numbers in each of torch's storages, by the class that a pickle names."""
NUMBERS = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": "u2",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint8": "u1",
    "bool": "?",
}
"""The dtypes of tensors that are read, in NumPy's notation; bfloat16 as its bits."""
UNREAD = {"complex128": 16, "complex64": 8, "quantized int8": 1, "quantized uint8": 1, "quantized int32": 4, "bytes": 1}
"""Bytes of one number of the dtypes that are not read, which may stand in a file beside weights."""


def item_size(dtype: str) -> int:
    """Bytes of one number."""
    return np.dtype(NUMBERS[dtype]).itemsize if dtype in NUMBERS else UNREAD[dtype]


@dataclass(frozen=True)
class Described:
    """A storage as the pickle describes it: its key in the file, the dtype of its numbers, and how many there are."""

    key: str
    dtype: str
    count: int

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.count * item_size(self.dtype)


class Storages(Protocol):
    """Where the bytes of storages come from."""

    byte_order: str

    def read(self, storage: Described) -> bytes:
        """All bytes of a storage; FormatError where the file does not hold them."""


def described(storage: Storage) -> Described:
    """The storage that a reference in the pickle describes; FormatError where the reference is none that torch writes."""
    reference = storage.reference
    if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
        raise FormatError("the pickle refers to something outside itself that is no storage of a tensor; the file is damaged")
    kind, key, _, count = reference[1:5]
    if not isinstance(kind, Name) or str(kind) not in STORAGES:
        raise FormatError(f"the pickle refers to a storage of kind {_shown(kind)}; fastjac knows {', '.join(STORAGES)}")
    if not isinstance(key, str) or not (key.isascii() and key.isdecimal()):
        raise FormatError(f"the pickle refers to storage {_shown(key)}; torch names storages by numbers and nothing else")
    if not isinstance(count, int) or count < 0:
        raise FormatError(f"storage {key} has {_shown(count)} numbers; the file is damaged")
    if len(reference) == 6 and reference[5] is not None:
        raise FormatError(f"storage {key} is a view of another, as torch before 0.4 wrote it; save it with a newer torch")
    return Described(key, STORAGES[str(kind)], count)


def _shown(value: Any) -> str:
    return f"{str(value)[:80]!r}" if isinstance(value, (str, int, Name)) else f"a {type(value).__name__}"


class ZipStorages:
    """Storages as members of a zip archive, `data/0` and so on in its one folder; `place` is the name of that inner folder."""

    def __init__(self, archive: Archive, folder: str, place: str = "data") -> None:
        self._archive = archive
        self._folder = folder
        self._place = place
        self.byte_order = self._read_byte_order()

    def read(self, storage: Described) -> bytes:
        """All bytes of a storage; FormatError where its member is missing or shorter than the pickle claims."""
        member = f"{self._folder}{self._place}/{storage.key}"
        if self._archive.size(member) < storage.size:
            raise FormatError(
                f"{member} holds {self._archive.size(member)} bytes, the pickle claims {storage.count} numbers of "
                f"{storage.dtype}, {storage.size} bytes; the file is damaged"
            )
        return self._archive.read(member)

    def _read_byte_order(self) -> str:
        member = f"{self._folder}byteorder"  # torch before 2.1 does not write this member
        if member not in self._archive.names:
            return "little"
        order = self._archive.read(member)[:10].decode("latin-1") if self._archive.size(member) <= 10 else ""
        if order not in ("little", "big"):
            raise FormatError(f"{member} must say little or big, it says {order!r}")
        return order


COUNT_SIZE = 8
"""How many bytes before each storage of a legacy file state the count of its numbers."""


class LegacyStorages:
    """Storages one after the other at the end of a file: each a count of eight bytes, then its numbers."""

    byte_order = "little"

    def __init__(self, path: Path, start: int, in_order: list[Described]) -> None:
        self._path = path
        self._starts: dict[str, int] = {}
        for storage in in_order:
            self._starts[storage.key] = start + COUNT_SIZE
            start += COUNT_SIZE + storage.size

    def read(self, storage: Described) -> bytes:
        """All bytes of a storage; FormatError where the file ends before them, or states another count of numbers."""
        if storage.key not in self._starts:
            raise FormatError(f"the file does not list storage {storage.key}; it is damaged")
        start = self._starts[storage.key]
        size = self._path.stat().st_size
        if start + storage.size > size:
            raise FormatError(
                f"storage {storage.key} is to end at byte {start + storage.size} of a file of {size}; it is truncated or damaged"
            )
        with open(self._path, "rb") as file:
            file.seek(start - COUNT_SIZE)
            count = int.from_bytes(file.read(COUNT_SIZE), "little")
            if count != storage.count:
                raise FormatError(f"storage {storage.key} has {count} numbers, the pickle claims {storage.count}; it is damaged")
            return file.read(storage.size)
