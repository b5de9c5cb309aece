"""Members of a zip archive that may come from anywhere. They are read into memory; nothing is written to a path in it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import FormatError
from .limits import MOST_ARRAYS, check_count, refuse_expansion

MOST_DIRECTORY = 1 << 20
"""The most bytes of an archive's directory: a hundred for each member that an archive may have."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The methods that writers of weights use. The others unpack slowly, or take as much memory as the archive says."""
MOST_REPACKED, START_OF_REPACKED = 2, 1 << 20
"""How many times its stored size an archive within an archive may unpack to, and how many bytes in any case."""
OTHER_METHODS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}


class Archive:
    """An open zip archive; see `opened`."""

    def __init__(self, file: zipfile.ZipFile, size: int) -> None:
        self._file = file
        self._size = size
        self._unpacked = 0
        self.names = tuple(file.namelist())

    def size(self, name: str) -> int:
        """The bytes that a member claims to have, unpacked; FormatError if there is no such member."""
        return self._info(name).file_size

    def read(self, name: str) -> bytes:
        """A member's bytes; FormatError if it is missing, damaged, encrypted, or claims to be far larger than what is stored."""
        info = self._info(name)
        if info.compress_type not in METHODS:
            method = OTHER_METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise FormatError(f"{name} is packed by {method}; fastjac unpacks deflate, so write the archive again with that")
        if info.compress_size > self._size:
            raise FormatError(f"{name} claims {info.compress_size} bytes of an archive of {self._size}; the archive is damaged")
        refuse_expansion(info.file_size, info.compress_size, name)
        self._unpacked += info.file_size  # members may share their bytes, as they do in decompression bombs
        refuse_expansion(self._unpacked, self._size, f"what is read of the archive up to {name}")
        try:
            with self._file.open(info) as member:
                return member.read(info.file_size)  # without this bound, even far more bytes than claimed would be unpacked
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise FormatError(
                f"{name} cannot be unpacked ({error!s:.200}); the archive is truncated, damaged or encrypted"
            ) from error

    def read_stored(self, name: str) -> bytes:
        """A member that is an archive itself; since it is packed already, writers store its bytes as they are."""
        info = self._info(name)
        if info.file_size > MOST_REPACKED * info.compress_size + START_OF_REPACKED:
            raise FormatError(
                f"{name} claims to unpack to {info.file_size} bytes from {info.compress_size}; no archive of weights does"
            )
        return self.read(name)

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._file.getinfo(name)
        except KeyError as error:
            raise FormatError(f"the archive holds no {name}, only {', '.join(self.names[:10])}") from error


class _Bounded(io.BufferedReader):
    """A file that gives no piece larger than `most`, unless that is None; zipfile reads an archive's directory in one piece."""

    most: int | None = MOST_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as asked for; FormatError if that is more than `most`."""
        if self.most is not None and size is not None and size > self.most:
            raise FormatError(f"its directory has {size} bytes; fastjac reads archives of up to {MOST_ARRAYS} members")
        return super().read(size)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The zip archive at `path`; FormatError where it is damaged, or has more members than any archive of weights."""
    with _Bounded(io.FileIO(path)) as content:
        file = _listed(content)
        with file:
            yield Archive(file, path.stat().st_size)


@contextmanager
def within(content: bytes) -> Iterator[Archive]:
    """The zip archive that these bytes are, as a member of another one; errors as for `opened`."""
    with _listed(_Bounded(io.BytesIO(content))) as file:
        yield Archive(file, len(content))


def _listed(content: _Bounded) -> zipfile.ZipFile:
    """The archive, with its directory read."""
    try:
        file = zipfile.ZipFile(content)
    except FormatError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(
            f"it starts as a zip archive but cannot be read to its end ({error}); it is truncated or damaged"
        ) from error
    check_count(len(file.filelist), MOST_ARRAYS, "members")
    content.most = None
    return file
