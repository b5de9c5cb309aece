"""Compare what is asked of an HDF5 file with what it holds, and turn h5py's errors into fastjac's own."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import FastjacError, FormatError
from .hdf5_attributes import longest_text
from .hdf5_heaps import Content, longest_object
from .limits import MOST_LAYERS, check_count, refuse_expansion

MOST_VISITS = 5_000
"""The most groups, arrays and attributes that are looked up; each takes HDF5 a tenth of a millisecond."""
MOST_CHUNKS = 10_000
"""The most chunks of all arrays that are read; h5py makes chunks so large that a gigabyte has a thousand."""


@contextmanager
def damage_as_error(what: str) -> Iterator[None]:
    """Turn whatever h5py raises on damaged bytes into a FormatError."""
    try:
        yield
    except FastjacError:
        raise
    except Exception as error:  # h5py passes on errors of many classes, from OverflowError to SystemError
        raise FormatError(f"{what} cannot be read as HDF5 ({error!r}); it is truncated or damaged") from error


@dataclass
class Account:
    """What a file holds, and how much was asked of it; FormatError where it declares far more than it holds.

    source : the file's path, or its bytes.
    stored : the size of the file in bytes.
    longest : the length in bytes of its longest text of variable length.
    texts : the length in bytes of the longest text in the attributes of one name, for each name that was asked for.
    claimed, chunks, texts_read : the bytes, the chunks, and the names and texts that were read so far.
    visits : how often something was looked up.
    """

    source: Path | bytes
    stored: int
    longest: int
    texts: dict[str, int] = field(default_factory=dict)
    claimed: int = 0
    chunks: int = 0
    texts_read: int = 0
    visits: int = 0

    @staticmethod
    def of(source: Path | bytes) -> Account:
        """The account of a file, whose heaps are checked."""
        with _content(source) as content:
            return Account(source, len(content), longest_object(content))

    def claim(self, size: int, what: str, chunks: int = 0) -> None:
        """Count `size` more bytes in `chunks` more chunks; FormatError if all claimed bytes are far more than the file holds."""
        self.claimed += size
        self.chunks += chunks
        refuse_expansion(self.claimed, self.stored, what)
        check_count(self.chunks, MOST_CHUNKS, "chunks in the arrays that are read")

    def claim_texts(self, count: int) -> None:
        """Count `count` more names or texts; FormatError if those read so far are more than any model's arrays have."""
        self.texts_read += count
        check_count(self.texts_read, 3 * MOST_LAYERS, "names and texts, counted as often as they are read")

    def visit(self) -> None:
        """Count one more look-up of a group, array or attribute; FormatError if there were more than any model needs."""
        self.visits += 1
        check_count(self.visits, MOST_VISITS, "groups, arrays and attributes, counted as often as they are looked up")

    def longest_text(self, name: str) -> int:
        """The length of the longest text in any attribute called `name`; ValueError if one claims more than the heaps hold."""
        if name not in self.texts:
            with _content(self.source) as content:
                self.texts[name] = longest_text(content, name, self.longest)
        return self.texts[name]


@contextmanager
def _content(source: Path | bytes) -> Iterator[Content]:
    """The bytes of a file; one at a path is not read into memory as a whole."""
    if isinstance(source, bytes):
        yield source
        return
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
