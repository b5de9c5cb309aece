"""Files that are compressed as a whole, as joblib writes them, unpacked into memory within bounds."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from ...errors import FormatError
from .limits import EXPANSION, EXPANSION_FLOOR
from .probe import START_SIZE, Probe

MOST_DICTIONARY = 1 << 27
"""Bytes that LZMA may take for its dictionary of earlier content; its presets take up to 65 MiB."""
PIECE = 1 << 20
"""Bytes of a file that are read, or unpacked, in one piece."""
ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


BZIP2 = b"BZh"
SLOWNESS = 4
"""How many times as long as the other methods bzip2 takes for a byte. So its files may unpack to that many times less."""


def _inflate() -> Any:
    return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # reads zlib's own format and gzip's


METHODS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": _inflate,
    b"\x78\x01": _inflate,
    b"\x78\x5e": _inflate,
    b"\x78\x9c": _inflate,
    b"\x78\xda": _inflate,
    BZIP2: bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(memlimit=MOST_DICTIONARY),
    b"]\0\0": lambda: lzma.LZMADecompressor(memlimit=MOST_DICTIONARY),
}
"""What unpacks a file, by how it starts: gzip, zlib at each of its levels, bzip2, xz and LZMA."""


def start_of(probe: Probe) -> bytes:
    """The first 64 KB of a file, unpacked if it is compressed; empty where it cannot be unpacked."""
    make = _method(probe)
    if make is None:
        return probe.start
    try:
        with open(probe.path, "rb") as file:
            # bzip2 gives nothing before the end of its first block, which may have 900,000 bytes.
            found: bytes = make().decompress(file.read(PIECE), START_SIZE)
            return found
    except (*ERRORS, MemoryError):
        return b""


def unpacked(probe: Probe) -> bytes:
    """All bytes of a file, unpacked if it is compressed.

    Raises FormatError where it is damaged or unpacks to far more than it has.
    """
    content = probe.read()
    make = _method(probe)
    if make is None:
        return content
    floor = EXPANSION_FLOOR // SLOWNESS if content.startswith(BZIP2) else EXPANSION_FLOOR
    most = max(floor, EXPANSION * len(content))
    try:
        method = make()
        found: bytes = method.decompress(content, most + 1)
    except ERRORS as error:
        raise FormatError(f"it cannot be unpacked ({error!s:.200}); it is truncated or damaged") from error
    if len(found) > most:
        raise FormatError(f"it unpacks to more than {most} bytes from {len(content)}; fastjac does not open such a file")
    if not method.eof:
        raise FormatError("it ends before what it packs does; it is truncated")
    return found


def _method(probe: Probe) -> Callable[[], Any] | None:
    return next((make for start, make in METHODS.items() if probe.start.startswith(start)), None)
