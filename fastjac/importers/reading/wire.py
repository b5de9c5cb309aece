"""The wire format of protobuf, walked without building anything, so that what a file holds is known before it is parsed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import FormatError
from .limits import MOST_FIELDS, MOST_NESTING, check_count

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
VARINT_BYTES = 10

Field = tuple[int, int, int, int]
"""The number of a field, its wire type, and where its payload starts and ends."""


def fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in `data[start:end]`; FormatError where it is no message."""
    position = start
    while position < end:
        tag, payload = varint(data, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise FormatError(f"byte {position} starts a field of number 0, which no message has; the file is damaged")
        if kind == LENGTH:
            size, payload = varint(data, payload)
            stop = payload + size
        elif kind == VARINT:
            stop = varint(data, payload)[1]
        elif kind in FIXED_SIZES:
            stop = payload + FIXED_SIZES[kind]
        else:
            raise FormatError(
                f"byte {position} starts a field of wire type {kind}, which none of fastjac's formats has; the file is damaged"
            )
        if stop > end:
            raise FormatError(
                f"field {number} at byte {position} reaches to byte {stop}, {stop - end} beyond what holds it; "
                "the file is truncated or damaged"
            )
        yield number, kind, payload, stop
        position = stop


def varint(data: bytes, position: int) -> tuple[int, int]:
    """The number whose bytes start at `position`, and where they end."""
    if position < len(data) and data[position] < 128:  # one byte, as most numbers have
        return data[position], position + 1
    value, start = 0, position
    while position < len(data) and position - start < VARINT_BYTES:
        byte = data[position]
        value |= (byte & 127) << (7 * (position - start))
        position += 1
        if byte < 128:
            return value, position
    raise FormatError(f"no number starts at byte {start}, where one should; the file is truncated or damaged")


def check_message(data: bytes, descriptor: Any) -> None:
    """Raise FormatError unless `data` is a message that has few enough fields and is not nested too deeply.

    descriptor : protobuf's description of the message, which states which fields are messages themselves.
    """
    inner_messages = _InnerMessages()
    waiting = [(descriptor, 0, len(data), 1)]
    count = 0
    while waiting:
        message, start, end, depth = waiting.pop()
        check_count(depth, MOST_NESTING, "levels of messages")
        inner = inner_messages[message]
        for number, kind, payload, stop in fields(data, start, end):
            count += 1
            if count > MOST_FIELDS:
                raise FormatError(f"it has more than {MOST_FIELDS} protobuf fields; fastjac reads files of up to that many")
            if kind == LENGTH and number in inner:
                waiting.append((inner[number], payload, stop, depth + 1))


class _InnerMessages(dict[Any, dict[int, Any]]):
    """The fields of a message that are messages themselves, by number, found once for each kind of message."""

    def __missing__(self, descriptor: Any) -> dict[int, Any]:
        self[descriptor] = {field.number: field.message_type for field in descriptor.fields if field.message_type is not None}
        return self[descriptor]
