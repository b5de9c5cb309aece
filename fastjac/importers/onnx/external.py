"""Tensors whose bytes stand in other files beside the model, read only with the user's leave."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from ...errors import FileError, FormatError


class ExternalData:
    """Files in the directory of a model, and in directories below it; nothing else is ever opened."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()

    def read(self, entries: Mapping[str, str], size: int) -> bytes:
        """The `size` bytes of a tensor; `entries` state the location, the offset and perhaps the length.

        Raises FormatError where they state another length, or a location that is not a regular file in the directory or that
        is too short; FileError where it cannot be read.
        """
        path = self._path(entries.get("location"))
        offset, length = (_count(entries, name, default) for name, default in (("offset", 0), ("length", size)))
        if length != size:
            raise FormatError(f"its shape takes {size} bytes, but its length in {path.name!r} is stated as {length}")
        try:
            with open(path, "rb") as file:
                end = file.seek(0, 2)
                if offset + size > end:
                    raise FormatError(f"it lies at bytes {offset} to {offset + size} of {path.name!r}, which has {end}")
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise FileError(f"{path.name!r}, which holds its entries, cannot be read: {error.strerror}") from error

    def _path(self, location: str | None) -> Path:
        """The file at a location relative to the directory, which it must not leave, neither by name nor by a link."""
        if not isinstance(location, str) or not location:
            raise FormatError("its entries stand outside the file, but it does not say where")
        for path in (PurePosixPath(location), PureWindowsPath(location)):
            if path.is_absolute() or path.drive or ".." in path.parts:
                raise FormatError(
                    f"its location {location!r:.80} leads out of the model's directory, which fastjac does not follow"
                )
        try:
            found = (self._directory / location).resolve()
            inside = found.is_relative_to(self._directory)
            is_regular = inside and stat.S_ISREG(found.stat().st_mode)  # opening a pipe would wait for its writer
        except (OSError, ValueError, RuntimeError) as error:  # no such file, a null byte, links in a circle
            raise FormatError(f"there is no file {location!r:.80} in the model's directory, which holds its entries") from error
        if not is_regular:
            what = "no regular file" if inside else "a link out of the model's directory, which fastjac does not follow"
            raise FormatError(f"its location {location!r:.80} is {what}")
        return found


def _count(entries: Mapping[str, str], name: str, default: int) -> int:
    text = entries.get(name, str(default))
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 20:
        raise FormatError(f"its {name} {text!r:.80} is no whole number")
    return int(text)
