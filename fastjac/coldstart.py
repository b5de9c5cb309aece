"""A line to the user before kernels compile, which happens once for a machine and takes a while."""

from __future__ import annotations

import contextlib
import functools
import sys


@functools.cache
def announce_compilation(what: str, seconds: int, kept: bool) -> None:
    """Announce on stderr that the kernels for `what`, such as "float32", are about to compile; once in a process.

    seconds : how long it takes at most, roughly.
    kept : whether the next process will find them on disk.
    """
    how_often = "once for this machine" if kept else "anew in each process, as no cache directory is this user's own and writable"
    # A closed stderr is no reason not to compile.
    with contextlib.suppress(OSError, ValueError):
        print(f"fastjac: compiling kernels for {what}, {how_often}; up to {seconds} s", file=sys.stderr, flush=True)
