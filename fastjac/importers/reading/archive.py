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

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.names = tuple(file.namelist())

    def size(self, name: str) -> int:
        """The bytes that a member claims to have, unpacked; FormatError if there is no such member."""
        return self._info(name).file_size

    def read(self, name: str) -> bytes:
        """A member's bytes; FormatError if it is missing, damaged, encrypted, or claims to be far larger than what is stored."""
        info = self._info(name)
        refuse_expansion(info.file_size, info.compress_size, name)
        try:
            return self._file.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise FormatError(f"{name} cannot be unpacked ({error}); the archive is truncated, damaged or encrypted") from error

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
        yield Archive(file)
