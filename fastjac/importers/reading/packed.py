"""Files packed by gzip: the content is unpacked within bounds into an empty folder, and read as if it were the file itself."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...errors import FileError, FormatError
from ..located import located
from .limits import EXPANSION, MOST_ARRAYS, check_count
from .probe import Probe, probe

SIGNATURE = b"\x1f\x8b"
GZIP = 16 + zlib.MAX_WBITS
"""zlib's number for the format of gzip; with it, zlib verifies gzip's checksums."""
CHUNK = 1 << 16
LEAST_BOUND = 1 << 20
"""Bytes that any packed file may unpack to. The content is read afterwards, under a bound of its own, so this bound is lower."""
REMEDY = "unpack it by gunzip, and load that"


@contextmanager
def unpacked_probe(path: object) -> Iterator[Probe]:
    """The file at `path`, or, where gzip packed it, its content in a file that is deleted when the context ends.

    Raises what `probe` raises; FormatError where the packed file is damaged, holds another packed file, or is far smaller than
    its content; FileError where there is no room for its content.
    """
    found = probe(path)
    if not found.start.startswith(SIGNATURE):
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="fastjac-", ignore_cleanup_errors=True) as folder:
        content = Path(folder) / "content"
        with located(str(found.path)):
            _unpack(found, content)
        yield probe(content, found.path)


def _unpack(found: Probe, content: Path) -> None:
    """Write the content of a packed file to `content`."""
    most = max(LEAST_BOUND, EXPANSION * found.size)
    try:
        with open(found.path, "rb") as source, open(content, "wb") as target:
            for piece in _pieces(source):
                target.write(piece)
                if target.tell() > most:
                    raise FormatError(f"gzip packed it to less than a part in {EXPANSION} of its size; {REMEDY}")
        with open(content, "rb") as file:
            start = file.read(len(SIGNATURE))
    except OSError as error:
        raise FileError(f"gzip packed it, and there is no room to unpack it ({error.strerror}); {REMEDY}") from error
    if start == SIGNATURE:
        raise FormatError(f"gzip packed it twice, and fastjac unpacks once; {REMEDY}")


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    """The content of all members of a packed file, in pieces; most files have one member."""
    unpacking, packed, members = zlib.decompressobj(wbits=GZIP), source.read(CHUNK), 1
    while packed:
        try:
            yield unpacking.decompress(packed, CHUNK)
        except zlib.error as error:
            raise FormatError(f"gzip packed it, and it is damaged ({error})") from error
        packed = unpacking.unconsumed_tail or unpacking.unused_data or source.read(CHUNK)
        if packed and unpacking.eof:
            unpacking, members = zlib.decompressobj(wbits=GZIP), members + 1
            check_count(members, MOST_ARRAYS, "members of gzip")
    if not unpacking.eof:
        raise FormatError("gzip packed it, and it ends in the middle; it is truncated")
