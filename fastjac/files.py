"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import FileError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` in one step when the `with` block ends; after an error it vanishes.

    Where `path` is a symbolic link, the file that it leads to is replaced and the link stays.
    Raises FileError where nothing can be written, or where a directory, a pipe or a device stands at `path`.
    """
    target = Path(os.path.realpath(path))
    # Beside the target, since a rename is atomic only within one file system; short, since names have a largest length.
    draft = target.with_name(f".fastjac-{secrets.token_hex(8)}")
    try:
        _refuse_all_but_files(path)
        with open(draft, "xb") as file:
            yield file
        os.replace(draft, target)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _refuse_all_but_files(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise FileError(f"cannot write {path}: it is a directory; give the name of a file in it")
    if not stat.S_ISREG(mode):
        raise FileError(f"cannot write {path}: it is a pipe or a device; give the name of a regular file")
