"""Whether time grows in proportion to the number of inputs, and how much a second thread speeds up a call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numba
import numpy as np

import fastjac as fj

from .common import NETWORKS
from .timing import Effort, interleaved

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BLOCK = 1_000
"""How many Jacobians are computed at a time, into the same array, as by a user who has no room for a million."""
NAMES = ("acasxu", "dynamics")
CACHED_CELLS = ("acasxu-4096", "dynamics-1024", "seed-64", "mnist-16", "mnist-1", "emulator-1", "square-1")
"""Networks and batches whose Jacobians fit in a second-level cache, in float32: 0.4 to 1.3 MB, or less where two threads compute
few samples together."""


def in_blocks(network: fj.Network, x: np.ndarray) -> Callable[[], None]:
    """A function that computes the Jacobians of all rows of x, a block at a time."""
    out = np.empty((BLOCK, network.n_out, network.n_in), network.dtype)

    def compute() -> None:
        for start in range(0, len(x), BLOCK):
            block = x[start : start + BLOCK]
            network.jacobian(block, out=out[: len(block)])

    return compute


def seconds_per_input(name: str, sizes: tuple[int, ...], effort: Effort) -> dict[int, float]:
    """For each number of inputs, the float32 network's median time for one input."""
    recipe = NETWORKS[name]
    network = recipe.network("float32")
    x = np.random.default_rng(0).standard_normal((max(sizes), network.n_in), np.float32)
    seconds = interleaved({size: in_blocks(network, x[:size]) for size in sizes}, effort)
    return {size: seconds[size] / size for size in sizes}


def require_two_threads() -> None:
    """Raise a NotImplementedError where Numba has one thread only."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        raise NotImplementedError("needs two cores; Numba has one thread here")


def speed_of_two_threads(cell: str, effort: Effort) -> float:
    """Time on one thread over time on two, in float32, the result written to an array that stays in cache."""
    require_two_threads()
    name, batch = cell.split("-")
    recipe = NETWORKS[name]
    network, x = recipe.network("float32"), recipe.inputs(int(batch), "float32")
    out = np.empty((len(x), network.n_out, network.n_in), np.float32)
    calls = {threads: partial(network.jacobian, x, out=out, threads=threads) for threads in (1, 2)}
    seconds = interleaved(calls, effort)
    return seconds[1] / seconds[2]


class Scaling:
    """Time for one of many inputs, whose Jacobians are computed in blocks."""

    timeout = 300.0
    param_names = ("network", "inputs")
    params = (NAMES, SIZES)
    unit = "us"

    def track_time_per_input(self, network: str, inputs: int) -> float:
        return 1e6 * seconds_per_input(network, (inputs,), Effort(rounds=9, seconds=1.0, least_rounds=1))[inputs]


class Threads:
    """Time on one thread over time on two."""

    timeout = 300.0
    param_names = ("cell",)
    params = CACHED_CELLS
    unit = "times as fast"

    def setup(self, cell: str) -> None:
        require_two_threads()

    def track_speed_of_two_threads(self, cell: str) -> float:
        return speed_of_two_threads(cell, Effort(rounds=15, seconds=2.0))
