"""A word to the user before kernels compile, which happens once and takes a while."""

from __future__ import annotations

import sys

from .kernels.cache import cache_directory


def announce_compilation() -> None:
    """Tell on stderr that kernels will compile at first use, if this machine has none in its cache."""
    directory = cache_directory()
    if directory is None or not any(directory.glob("run.run-*.nbi")):
        print("fastjac: compiling kernels, once for this machine and dtype; about 15 s", file=sys.stderr, flush=True)
