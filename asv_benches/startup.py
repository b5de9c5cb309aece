"""The time that a fresh process takes before its first Jacobian, with its kernels in the disk cache or not yet there."""

from __future__ import annotations

import tempfile
import time
from typing import NamedTuple

from .common import NETWORKS
from .process import run_fresh

WEIGHTS = """
import numpy as np
random = np.random.default_rng(0)
w1, w2, x = random.normal(size=(100, 500)), random.normal(size=(10, 100)), random.normal(size=500)
"""

FIRST_JACOBIAN = """
import fastjac as fj
net = fj.Network([fj.Affine(w1), fj.ReLU(), fj.Affine(w2), fj.Softmax()])
net.jacobian(x)
"""

AFTER_START = """
import sys, time
first = time.time() - float(sys.argv[1])

def seconds(batch):
    many = np.tile(x, (batch, 1))
    start = time.perf_counter()
    net.jacobian(many)
    return time.perf_counter() - start

seconds(64)  # Starts the threads.
print(first, seconds(100), seconds(100))
"""


class Start(NamedTuple):
    """Seconds from the start of a process to its first Jacobian, of the first call with a new batch size, and of the second."""

    first: float
    new_batch: float
    same_batch: float


def start(cache: str | None = None) -> Start:
    """A start of the seed network in float64, with the kernels that lie in `cache` or, by default, where fastjac keeps them."""
    environment = {"NUMBA_CACHE_DIR": cache} if cache else None
    return Start(*run_fresh(WEIGHTS + FIRST_JACOBIAN + AFTER_START, time.time(), environment=environment))


def cold_start() -> Start:
    """A start of the seed network where no kernel has been compiled yet."""
    with tempfile.TemporaryDirectory() as empty:
        return start(empty)


class Startup:
    """Each sample is a process of its own; `timeraw_` leaves out the start of the interpreter and of NumPy."""

    timeout = 300.0

    def setup(self) -> None:
        # Compiles the kernels into the disk cache if it lacks them.
        NETWORKS["seed"].network("float64").jacobian(NETWORKS["seed"].inputs(1, "float64"))

    def timeraw_import(self) -> tuple[str, str]:
        return "import fastjac", "import numpy"

    def timeraw_first_jacobian(self) -> tuple[str, str]:
        return FIRST_JACOBIAN, WEIGHTS


class ColdStart:
    """Seconds from the start of a process to its first Jacobian, all kernels of one dtype compiled on the way."""

    timeout = 300.0
    unit = "s"

    def track_cold_start(self) -> float:
        return cold_start().first
