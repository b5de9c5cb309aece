"""The texts of variable length in the attributes of an HDF5 file, checked before HDF5 itself reads them.

Such an attribute holds, for each text, its length (4 bytes), the address of its heap (8) and its number in that heap (4). HDF5
takes as much memory as the length says before it looks into the heap. An attribute is a message: version, flags, the sizes of its
name, type and shape (2 bytes each), in version 3 one more byte; then name, type, shape and entries. In version 1, name, type and
shape are each filled up to a multiple of eight bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from .hdf5_heaps import Content
from .limits import MOST_LAYERS, check_count

HEADS = {1: 8, 2: 8, 3: 9}
"""How many bytes stand before the name, by version of the message."""
VARIABLE = 9
"""The class of types whose entries have a variable length."""
ENTRY = struct.Struct("<IQI")
SHAPE_HEADS = {1: 8, 2: 4}
"""How many bytes stand before the sizes in a shape, by version of the shape."""


def longest_text(content: Content, name: str, longest: int) -> int:
    """The most bytes that a text of an attribute called `name` claims to have; `longest` is that of the file's longest text.

    All places where such an attribute could stand are looked at, since only HDF5 knows where it really does. Raises ValueError
    where one claims a longer text, or where none is found.
    """
    claimed = [max(_lengths(content, start, version), default=0) for start, version in _messages(content, name.encode() + b"\0")]
    if not claimed:
        raise ValueError(f"the attribute {name} stands nowhere in the file as h5py writes it")
    if max(claimed) > longest:
        raise ValueError(f"a text of the attribute {name} claims {max(claimed)} bytes, the longest in the file has {longest}")
    return max(claimed)


def _messages(content: Content, name: bytes) -> Iterator[tuple[int, int]]:
    """The start and the version of each message with this name."""
    seen = 0
    at = content.find(name)
    while at >= 0:
        seen += 1
        check_count(seen, 10 * MOST_LAYERS, "places with the name of an attribute")
        for version, head in HEADS.items():
            start = at - head
            if start >= 0 and content[start] == version and content[start + 2 : start + 4] == struct.pack("<H", len(name)):
                yield start, version
        at = content.find(name, at + 1)


def _lengths(content: Content, start: int, version: int) -> Iterator[int]:
    """The lengths of the texts that a message refers to; none if its entries are of another type."""
    flags, *sizes = struct.unpack_from("<xBHHH", content, start)
    _, type_at, shape_at, entries_at = _places(start + HEADS[version], sizes, 8 if version == 1 else 1)
    if flags & 1 and version > 1:
        raise ValueError("the type of an attribute stands elsewhere in the file")
    if content[type_at] & 15 != VARIABLE:
        return
    for i in range(_count(content, shape_at)):
        length, _, _ = ENTRY.unpack_from(content, entries_at + i * ENTRY.size)
        yield length


def _places(start: int, sizes: list[int], unit: int) -> list[int]:
    """Where pieces of these sizes start, each behind the last and filled up to a multiple of `unit`, and where they end."""
    places = [start]
    for size in sizes:
        places.append(places[-1] + -(-size // unit) * unit)
    return places


def _count(content: Content, start: int) -> int:
    """The number of entries that a shape describes."""
    version, rank = content[start], content[start + 1]
    if version not in SHAPE_HEADS:
        raise ValueError(f"the shape of an attribute has version {version}")
    count = math.prod(struct.unpack_from(f"<{rank}Q", content, start + SHAPE_HEADS[version]))
    if count > MOST_LAYERS:
        raise ValueError(f"an attribute has {count} entries")
    return count
