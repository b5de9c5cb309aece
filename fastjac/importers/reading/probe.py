"""What kind of file stands at a path, recognized by its first bytes and never by its name."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...arguments import file_path
from ...errors import FileError, FormatError, MissingFileError
from ..located import located
from . import archive

HEAD_SIZE = 16
START_SIZE = 1 << 16
SAVED_MODEL = "saved_model.pb"
ZIP_SIGNATURE = b"PK\x03\x04"


@dataclass(frozen=True)
class Probe:
    """A file as seen before any reader opens it.

    path : where it stands.
    origin : the file that the user named: this one, or the one that it was packed in.
    size : its length in bytes.
    start : its first 64 KB, or fewer if it is shorter.
    zip_names : the names of its members if it is a zip archive, empty otherwise.
    """

    path: Path
    origin: Path
    size: int
    start: bytes
    zip_names: tuple[str, ...]

    @property
    def head(self) -> bytes:
        """Its first 16 bytes, or fewer if it is shorter."""
        return self.start[:HEAD_SIZE]

    def read(self, most: int | None = None) -> bytes:
        """Its first bytes, all by default; FileError where it cannot be read."""
        with opened(self.path) as file:
            return file.read(self.size if most is None else most)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file at a path, open for reading; FileError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise FileError(f"it cannot be read: {error.strerror}") from error


def probe(path: Any, origin: Path | None = None) -> Probe:
    """Look at the file at `path`, or at the graph in a SavedModel's folder. If `origin` is given, the file was unpacked from it.

    Raises MissingFileError where there is none, FileError where it cannot be opened or is no regular file, FormatError where
    it is empty or a damaged archive.
    """
    path = file_path(path)
    try:
        path = _of_folder(path)
        status = path.stat()
        _check_regular(path, status.st_mode)  # opening a pipe would wait for its writer
        with open(path, "rb") as file:
            start = file.read(START_SIZE)
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file at {path}; check the path, relative to {Path.cwd()}") from error
    except FileError:
        raise
    except ValueError as error:
        raise FileError(f"{str(path)!r} cannot be the path of a file: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    origin = origin or path
    with located(str(origin)):
        if not start:
            raise FormatError("it is empty (0 bytes); was it copied or downloaded to the end?")
        return Probe(path, origin, status.st_size, start, _zip_names(path) if start.startswith(ZIP_SIGNATURE) else ())


def _of_folder(path: Path) -> Path:
    """The path itself, or the path of the graph where it is the folder of a SavedModel."""
    return path / SAVED_MODEL if path.is_dir() and (path / SAVED_MODEL).exists() else path


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise FileError(f"{path} is a directory; fastjac loads single files, and folders with a {SAVED_MODEL} of TensorFlow")
    if not stat.S_ISREG(mode):
        raise FileError(f"{path} is a pipe, socket or device; fastjac loads regular files, so save its content to one")


def _zip_names(path: Path) -> tuple[str, ...]:
    with archive.opened(path) as found:
        return found.names
