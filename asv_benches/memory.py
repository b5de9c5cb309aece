"""Peak memory of a large batch beyond its result, in a process of its own. Linux reports it, other systems do not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .common import DTYPES, NETWORKS
from .process import run_fresh

PEAK_RESET = "/proc/self/clear_refs"
RETURN_WHAT_IS_FREED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Makes the C library return freed memory. If it kept that memory, a later allocation from it would not be seen."""

LARGE_CELLS = ("mnist-1024", "mnist-4096", "dynamics-200000", "emulator-512")
"""Cells whose float32 results have 32, 128, 77 and 31 MB."""

EXTRA_PEAK = """
import sys
import numpy as np
import fastjac as fj

def memory(field):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field))

net, batch = fj.load(sys.argv[1]), int(sys.argv[2])
x = np.random.default_rng(0).normal(size=(batch, net.n_in)).astype(net.dtype)
net.jacobian(x[:2])
with open("/proc/self/clear_refs", "w") as references:
    references.write("5")  # The peak starts again from what is held now.
before = memory("VmRSS")
result = net.jacobian(x)
print(memory("VmHWM") - before - result.nbytes, result.nbytes)
"""


def require_peak() -> None:
    """Raise a NotImplementedError where the system does not let a process reset its peak."""
    if not os.access(PEAK_RESET, os.W_OK):
        raise NotImplementedError(f"needs {PEAK_RESET}, which this system does not have")


def extra_peak(cell: str, dtype: str) -> tuple[float, float]:
    """The bytes that one call takes at its peak beyond its result and what was held before, and the result's bytes.

    cell : a network and any batch size, such as "mnist-4096".
    """
    require_peak()
    name, _, batch = cell.rpartition("-")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "net.safetensors"
        NETWORKS[name].network(dtype).save(file)
        extra, result = run_fresh(EXTRA_PEAK, file, batch, environment=RETURN_WHAT_IS_FREED)
    return extra, result


class Memory:
    """Megabytes at the peak beyond the result; `jacobian.PeakMemory` measures the whole process."""

    timeout = 300.0
    param_names = ("cell", "dtype")
    params = (LARGE_CELLS, DTYPES)
    unit = "MB"

    def setup(self, cell: str, dtype: str) -> None:
        require_peak()

    def track_extra_peak(self, cell: str, dtype: str) -> float:
        return extra_peak(cell, dtype)[0] / 1e6
