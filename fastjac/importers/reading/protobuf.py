"""Messages of protobuf, read by the numbers of their fields; no class is generated, and only what is asked for is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import FormatError
from .limits import MOST_FIELDS, MOST_NAME
from .names import name_text
from .wire import LENGTH, VARINT, fields, varint

HALF, WHOLE = 1 << 63, 1 << 64


class Message:
    """The message in `data[start:end]`. Its fields are found here, and those of a message inside it when that is asked for.

    As in protobuf, a field that is absent is 0, or empty; where one field is meant and there are several, the last counts. All
    messages of one file count their fields together, and raise FormatError where these are too many.
    """

    def __init__(self, data: bytes, start: int = 0, end: int | None = None, count: list[int] | None = None) -> None:
        self._data = data
        self._count = [0] if count is None else count
        self._fields: dict[int, list[tuple[int, int, int]]] = {}
        for number, kind, payload, stop in fields(data, start, len(data) if end is None else end):
            self._take(1)
            self._fields.setdefault(number, []).append((kind, payload, stop))

    def _take(self, count: int) -> None:
        self._count[0] += count
        if self._count[0] > MOST_FIELDS:
            raise FormatError(f"it has more than {MOST_FIELDS} protobuf fields; fastjac reads files of up to that many")

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the fields that are there."""
        return list(self._fields)

    def integer(self, number: int) -> int:
        """A whole number of up to 64 bits, with its sign."""
        found = self.integers(number)
        return found[-1] if found else 0

    def integers(self, number: int) -> list[int]:
        """A list of whole numbers of up to 64 bits, packed or not."""
        return list(self._varints(number))

    def _varints(self, number: int) -> Iterator[int]:
        for kind, payload, stop in self._fields.get(number, ()):
            if kind not in (VARINT, LENGTH):
                raise self._unfit(number, "a whole number")
            while payload < stop:
                self._take(1)
                value, payload = varint(self._data, payload)
                value %= WHOLE
                yield value - WHOLE if value >= HALF else value

    def reals(self, number: int, dtype: str) -> np.ndarray:
        """A list of numbers of fixed size, packed or not; `dtype` is their type."""
        size = np.dtype(dtype).itemsize
        pieces = []
        for kind, payload, stop in self._fields.get(number, ()):
            if kind == VARINT or (stop - payload) % size:
                raise self._unfit(number, f"numbers of {size} bytes")
            pieces.append(self._data[payload:stop])
        return np.frombuffer(b"".join(pieces), dtype)

    def real(self, number: int) -> float:
        """A float32 number."""
        found = self.reals(number, "<f4")
        return float(found[-1]) if found.size else 0.0

    def contents(self, number: int) -> list[bytes]:
        """The bytes of each field of that number."""
        return [self._data[start:end] for start, end in self._pieces(number)]

    def content(self, number: int) -> memoryview:
        """The bytes of a field, not copied."""
        pieces = self._pieces(number)
        start, end = pieces[-1] if pieces else (0, 0)
        return memoryview(self._data)[start:end]

    def texts(self, number: int) -> list[str]:
        """The text of each field of that number."""
        return [name_text(content) for content in self.contents(number)]

    def text(self, number: int) -> str:
        """A text."""
        return name_text(bytes(self.content(number)[: MOST_NAME + 1]))

    def messages(self, number: int) -> list[Message]:
        """The message in each field of that number."""
        return [Message(self._data, start, end, self._count) for start, end in self._pieces(number)]

    def message(self, number: int) -> Message:
        """A message; an empty one if there is none."""
        start, end = (self._pieces(number) or [(0, 0)])[-1]
        return Message(self._data, start, end, self._count)

    def entries(self, number: int) -> dict[str, Message]:
        """A map from texts to messages."""
        return {entry.text(1): entry.message(2) for entry in self.messages(number)}

    def _pieces(self, number: int) -> list[tuple[int, int]]:
        found = self._fields.get(number, ())
        if any(kind != LENGTH for kind, _, _ in found):
            raise self._unfit(number, "bytes")
        return [(payload, stop) for _, payload, stop in found]

    def _unfit(self, number: int, wanted: str) -> FormatError:
        return FormatError(f"field {number} of a message does not hold {wanted}; the file is damaged")
