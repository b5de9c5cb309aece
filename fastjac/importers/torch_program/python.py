"""Python's own functions and keys in a program in TorchScript, besides functions of one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import FormatError
from .aten.values import kind_of, whole


def range_of(args: Sequence[Any]) -> range:
    """The numbers that a loop counts through."""
    numbers = [whole(one) for one in args]
    if not 1 <= len(numbers) <= 3 or numbers[2:] == [0]:
        raise FormatError(f"it counts by {numbers[:5]}; the file is damaged")
    return range(*numbers)


def key_of(value: Any) -> Any:
    """The value, which must be one that a dict of TorchScript may have as a key."""
    if not isinstance(value, (str, int, float)):
        raise FormatError(f"a dict has {kind_of(value)} as a key; the file is damaged")
    return value


def short_of(name: str) -> str:
    """The last two parts of a dotted name."""
    return ".".join(name.split(".")[-2:])[:100]
