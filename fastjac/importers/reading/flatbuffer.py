"""Tables of a flatbuffer, read by the numbers of their fields; every position that the file names must lie within it.

A reader asks only for tables as deep as its schema goes, so references in a circle do no harm.
"""

from __future__ import annotations

import struct

import numpy as np

from ...errors import FormatError
from .limits import check_count
from .names import name_text

DAMAGED = "the file is truncated or damaged"


class Table:
    """The table at a position of a flatbuffer. A field that is absent has its default, or is None."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position
        self._places = position - int(unpacked(data, "<i", position))
        self._size = int(unpacked(data, "<H", self._places))

    def _place(self, field: int) -> int | None:
        at = 4 + 2 * field
        offset = unpacked(self._data, "<H", self._places + at) if at + 2 <= self._size else 0
        return self._position + int(offset) if offset else None

    def _target(self, field: int) -> int | None:
        place = self._place(field)
        return None if place is None else _followed(self._data, place)

    def number(self, field: int, form: str, default: float = 0) -> int | float:
        """A number; `form` is its kind in the notation of module struct."""
        place = self._place(field)
        return default if place is None else unpacked(self._data, f"<{form}", place)

    def integer(self, field: int, form: str, default: int = 0) -> int:
        """A whole number."""
        return int(self.number(field, form, default))

    def table(self, field: int) -> Table | None:
        """A table."""
        target = self._target(field)
        return None if target is None else Table(self._data, target)

    def array(self, field: int, dtype: str) -> np.ndarray | None:
        """A vector of numbers, which is not copied."""
        target = self._target(field)
        if target is None:
            return None
        length = int(unpacked(self._data, "<I", target))
        check_reach(self._data, target + 4, length * np.dtype(dtype).itemsize)
        return np.frombuffer(self._data, dtype, length, target + 4)

    def text(self, field: int) -> str | None:
        """A text."""
        content = self.array(field, "u1")
        return None if content is None else name_text(content.tobytes())

    def tables(self, field: int, most: int, what: str) -> list[Table]:
        """A vector of tables; FormatError where it has more than `most` of `what`, which is a plural."""
        target = self._target(field)
        if target is None:
            return []
        length = int(unpacked(self._data, "<I", target))
        check_count(length, most, what)
        return [Table(self._data, _followed(self._data, target + 4 + 4 * i)) for i in range(length)]


def root(data: bytes) -> Table:
    """The table that a flatbuffer starts with."""
    return Table(data, _followed(data, 0))


def _followed(data: bytes, place: int) -> int:
    """The position that the offset at a place leads to, which lies behind it."""
    offset = int(unpacked(data, "<I", place))
    if offset == 0:
        raise FormatError(f"the reference at byte {place} leads nowhere; {DAMAGED}")
    return place + offset


def unpacked(data: bytes, form: str, position: int) -> int | float:
    """A number of the file; FormatError where it would lie outside."""
    check_reach(data, position, struct.calcsize(form))
    found: int | float = struct.unpack_from(form, data, position)[0]
    return found


def check_reach(data: bytes, position: int, size: int) -> None:
    """Raise FormatError unless `size` bytes stand at a position."""
    if position < 0 or position + size > len(data):
        raise FormatError(f"bytes {position} to {position + size} are asked for, the file has {len(data)}; {DAMAGED}")
