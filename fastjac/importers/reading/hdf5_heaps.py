"""The global heaps of an HDF5 file, in which texts of variable length stand, checked before HDF5 itself reads them.

HDF5 loops for ever in a damaged heap, and copies a text out as often as it is named, so this module guards against both. A heap
is "GCOL", version 1, three unused bytes, and its size in eight; then objects, each a number (2 bytes), a count of references (2),
four unused bytes, its length (8), and that many bytes, filled up to a multiple of eight. The object with number 0 is the free
rest of the heap; its length also counts its own head of sixteen bytes.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from itertools import chain

from .limits import MOST_LAYERS

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LENGTH_SIZES = {0: (13, 14), 1: (13, 14), 2: (9, 10), 3: (9, 10)}
"""By version of the file's head, the positions that state how many bytes an address and a length have."""
HEAP = b"GCOL\x01"
HEADER = 16
"""How many bytes the head of a heap has, and that of an object in it."""
MOST_OBJECTS = 10 * MOST_LAYERS
"""The most heaps and objects in them together; an object is a text, and a layer has a few names."""

Content = bytes | mmap.mmap


def longest_object(content: Content) -> int:
    """The length in bytes of the longest object in any heap of the file, 0 where there is none.

    Raises ValueError where a heap is damaged, or the file has another form than h5py writes.
    """
    _check_head(content)
    left = min(len(content) // HEADER, MOST_OBJECTS)
    longest = 0
    start = content.find(HEAP)
    while start >= 0:
        for length in chain((0,), _lengths(content, start)):
            longest = max(longest, length)
            left -= 1
            if left < 0:
                raise ValueError("its heaps overlap, or hold more texts than any model's")
        start = content.find(HEAP, start + 1)
    return longest


def _check_head(content: Content) -> None:
    """Raise ValueError unless addresses and lengths have eight bytes, as in all files that h5py writes."""
    is_known = len(content) > HEADER and content[: len(SIGNATURE)] == SIGNATURE
    places = LENGTH_SIZES.get(content[len(SIGNATURE)], ()) if is_known else ()
    if [content[at] for at in places] != [8, 8]:
        raise ValueError("it does not start as a file that h5py wrote")


def _lengths(content: Content, start: int) -> Iterator[int]:
    """The lengths of the objects in the heap at `start`."""
    (size,) = struct.unpack("<Q", content[start + 8 : start + HEADER].ljust(8, b"\xff"))
    end, at = start + size, start + HEADER
    if end > len(content):
        raise ValueError(f"the heap at byte {start} ends behind the file")
    while at + HEADER <= end:
        number, _, _, length = struct.unpack("<HHIQ", content[at : at + HEADER])
        taken = length if number == 0 else HEADER + (length + 7) // 8 * 8
        if taken < HEADER or at + taken > end:
            raise ValueError(f"the heap at byte {start} holds an object of {length} bytes, which does not fit")
        yield 0 if number == 0 else length
        at += taken
