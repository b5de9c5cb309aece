"""Where compiled kernels lie on disk: a directory for each fingerprint, to which nobody but the user can write.

Kernels are kept as pickles, so whoever can change one runs code in the processes that read it. A directory or a file that
another user owns or can write to is passed over, wherever it lies; so is a symbolic link in place of either.

Versions of fastjac and of Numba share the user's cache directory, and each has a directory of its own in it, which every
process that uses it marks as used. Where a new one is made, old ones go; a process that still runs with one of those finds
its files gone, compiles what it lacks and keeps it in memory.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numba
from numba.misc.appdirs import AppDirs

MOST_KEPT = 8
"""How many directories stay, however long ago they were used: some 3 MB each."""
UNUSED_SECONDS = 24 * 3600
"""A directory goes only after so long without use: whoever edits kernels makes many in a day, and compares the latest."""
NAME = re.compile(r"fastjac-[0-9a-f]{16}")


def places() -> list[Path]:
    """Where to look, best first: NUMBA_CACHE_DIR alone if it is set, else the user's cache directory, then beside the sources.

    A directory beside the sources stays after fastjac is uninstalled, so it is only for users without a home.
    """
    if numba.config.CACHE_DIR:
        return [Path(numba.config.CACHE_DIR).absolute()]
    users = Path(AppDirs("fastjac").user_cache_dir)
    if not users.is_absolute():  # An empty or relative XDG_CACHE_HOME, which its specification says to ignore.
        users = Path(os.path.expanduser("~")) / ".cache" / "fastjac"
    # A user without an entry in the system's list has no "~" either.
    return [place for place in (users, Path(__file__).parent / "__pycache__") if place.is_absolute()]


def usable_directory(places: Sequence[Path], fingerprint: str) -> Path | None:
    """The directory of this fingerprint in the first place where it can be written to and is private, made if need be."""
    for place in places:
        directory = place / f"fastjac-{fingerprint}"
        with contextlib.suppress(OSError):
            is_new = make_directory(directory)
            if not is_private(directory.lstat(), stat.S_ISDIR):
                continue
            with tempfile.TemporaryFile(dir=directory):
                os.utime(directory)
            if is_new:
                _remove_unused(place, MOST_KEPT)
                # An earlier version may have kept its kernels in a place that is now only the second choice.
                for other in places:
                    if other != place:
                        _remove_unused(other, 0)
            return directory
    return None


def make_directory(directory: Path) -> bool:
    """Make a private directory, and missing ones above it as the umask has them; returns whether it is new. Raises OSError."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True


def is_private(status: os.stat_result, is_right_kind: Callable[[int], bool]) -> bool:
    """Whether a file or directory is of the right kind, the user's own, and not writable by others.

    Windows states neither owner nor group. What lies in a user's profile there is closed to others from the start.
    """
    if not is_right_kind(status.st_mode):
        return False
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def read_private(path: Path) -> bytes | None:
    """The file's content, or None if others could have written it. Raises OSError if there is none, or a symbolic link."""
    with open(path, "rb", opener=_open_no_link) as file:
        # The open file is asked, since nobody can exchange it for another between question and answer.
        return file.read() if is_private(os.fstat(file.fileno()), stat.S_ISREG) else None


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only the user can read and write, whatever the umask. Raises OSError."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)


def _open_no_link(name: str, flags: int) -> int:
    # Nonblocking, so that a pipe in the file's place cannot keep the process waiting.
    return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _remove_unused(place: Path, most_kept: int) -> None:
    """Remove fastjac's own directories in `place`, except the latest ones and those used of late.

    Other processes may use, make and remove some at the same time; a directory that cannot be removed stays.
    """
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        found = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries if NAME.fullmatch(entry.name)]
        own = [(status.st_mtime, path) for status, path in found if is_private(status, stat.S_ISDIR)]
        for used, path in sorted(own, reverse=True)[most_kept:]:
            if time.time() - used > UNUSED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
