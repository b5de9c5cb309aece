"""Members of a zip archive that may come from anywhere. They are read into memory; no path in it is ever written."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import FormatError
from .limits import refuse_expansion


class Archive:
    """An open zip archive; see `opened`."""

    def __init__(self, file: zipfile.ZipFile, size: int) -> None:
        self._file = file
        self._size = size
        self.names = tuple(file.namelist())

    def size(self, name: str) -> int:
        """The bytes that a member claims to have, unpacked; FormatError if there is no such member."""
        return self._info(name).file_size

    def read(self, name: str) -> bytes:
        """A member's bytes; FormatError if it is missing, damaged, encrypted, or claims to be far larger than what is stored."""
        info = self._info(name)
        if info.compress_size > self._size:
            raise FormatError(f"{name} claims {info.compress_size} bytes of an archive of {self._size}; the archive is damaged")
        refuse_expansion(info.file_size, info.compress_size, name)
        try:
            with self._file.open(info) as member:
                return member.read(info.file_size)  # without this, all would be unpacked, however much more it is than claimed
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise FormatError(
                f"{name} cannot be unpacked ({error!s:.200}); the archive is truncated, damaged or encrypted"
            ) from error

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._file.getinfo(name)
        except KeyError as error:
            raise FormatError(f"the archive holds no {name}, only {', '.join(self.names[:10])}") from error


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The zip archive at `path`; FormatError where it is damaged."""
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(
            f"{path} starts as a zip archive but cannot be read to its end ({error}); it is truncated or damaged"
        ) from error
    with file:
        yield Archive(file, path.stat().st_size)
