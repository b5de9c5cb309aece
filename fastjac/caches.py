"""How large the machine's caches are, by which work is cut into pieces.

The sizes are those of the first CPU, asked of the system once. The pieces change how fast a result comes, and no bit of it.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path
from typing import NamedTuple

LINUX = Path("/sys/devices/system/cpu/cpu0/cache")
"""Where Linux describes the caches of its first CPU."""
UNITS = {"K": 1024, "M": 1024 * 1024}


class Caches(NamedTuple):
    """Bytes of the first-level data cache and of the second-level cache that a core has for itself."""

    first: int
    second: int


DEFAULT = Caches(32 * 1024, 512 * 1024)
"""The sizes taken where the system states none: as little as CPUs of the last ten years have."""
LEAST, MOST = Caches(16 * 1024, 128 * 1024), Caches(256 * 1024, 8 * 1024 * 1024)
"""Bounds for the sizes that the system states: a virtual machine may report anything."""


@functools.cache
def caches() -> Caches:
    """The caches of this machine."""
    return believed(_apple() if sys.platform == "darwin" else on_linux(LINUX))


def believed(found: tuple[int, int]) -> Caches:
    """The sizes that were found, within bounds; the default where one is 0."""
    sizes = zip(LEAST, found, DEFAULT, MOST, strict=True)
    return Caches(*(min(max(least, size or default), most) for least, size, default, most in sizes))


def on_linux(folder: Path) -> tuple[int, int]:
    """The size of each level that sysfs states, 0 where it states none."""
    sizes = {1: 0, 2: 0}
    for cache in sorted(folder.glob("index*")):
        try:
            level, kind, size = ((cache / name).read_text().strip() for name in ("level", "type", "size"))
            if kind != "Instruction" and int(level) in sizes:
                sizes[int(level)] = int(size[:-1]) * UNITS[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return sizes[1], sizes[2]


def _apple() -> tuple[int, int]:
    """The caches of a Mac's fast cores; several of these cores share one second-level cache."""
    cores = _sysctl("hw.perflevel0.cpusperl2") or 1
    first = _sysctl("hw.perflevel0.l1dcachesize") or _sysctl("hw.l1dcachesize")
    return first, (_sysctl("hw.perflevel0.l2cachesize") or _sysctl("hw.l2cachesize")) // cores


def _sysctl(name: str) -> int:
    """The number that the system states under this name, or 0."""
    value, size = ctypes.c_int64(0), ctypes.c_size_t(8)
    failed = ctypes.CDLL(None).sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    return 0 if failed else value.value
