"""The machine, as the report names it: its CPU, cores, vectors and caches; and the versions of the libraries compared."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import llvmlite.binding as llvm

from fastjac.kernels.target import vector_unit

from .. import isa
from ..peers import PACKAGES

UNKNOWN = "unknown"
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
"""Where Linux describes the caches of the first core."""
CPU_INFORMATION = Path("/proc/cpuinfo")
SYSCTL_CACHES = {"L1d": "hw.l1dcachesize", "L2": "hw.l2cachesize", "L3": "hw.l3cachesize"}
"""The names of the caches' sizes on macOS."""


def describe(contenders: Sequence[str]) -> list[str]:
    """Sentences on the machine and on the versions of these contenders."""
    width, registers = vector_unit()
    caches = ", ".join(f"{name} {size}" for name, size in cache_sizes().items())
    packages = dict.fromkeys(["numba", *(PACKAGES[name] for name in contenders)])
    versions = ", ".join(f"{name} {import_module(name).__version__}" for name in packages)
    return [
        f"{cpu_model()} ({llvm.get_host_cpu_name()}), {n_cores()} cores, {platform.system()}; caches {caches}.",
        f"Vectors of {8 * width} bits, {registers} registers: {isa.in_words()}.",
        f"Python {platform.python_version()}, {versions}.",
    ]


def machine() -> str:
    """The machine in a few words that distinguish it from others: "AMD Ryzen 9, 2 cores, 512-bit vectors"."""
    held = "" if isa.held() == isa.NATIVE else f", held to {isa.held().upper()}"
    return f"{cpu_model()}, {n_cores()} cores, {8 * vector_unit()[0]}-bit vectors{held}"


def n_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The CPU's own name for its model."""
    if CPU_INFORMATION.exists():
        for line in CPU_INFORMATION.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or UNKNOWN


def cache_sizes() -> dict[str, str]:
    """The sizes of the L1 data cache, L2 and L3 that the first core uses."""
    sizes = {name: _bytes(_sysctl(key)) for name, key in SYSCTL_CACHES.items()} if not CACHES.exists() else {}
    for index in CACHES.glob("index*"):
        level, kind, size = ((index / file).read_text().strip() for file in ("level", "type", "size"))
        if kind != "Instruction":
            sizes["L1d" if level == "1" else f"L{level}"] = f"{size.rstrip('K')} KiB" if size.endswith("K") else size
    return {name: sizes.get(name, UNKNOWN) for name in SYSCTL_CACHES}


def _bytes(size: str) -> str:
    return f"{int(size) >> 10} KiB" if size.isdigit() else UNKNOWN


def _sysctl(key: str) -> str:
    """The value that macOS reports for a key; empty on other systems."""
    if platform.system() != "Darwin":
        return ""
    return subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, check=False).stdout.strip()
