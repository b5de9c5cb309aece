"""A large batch by `jacobian_blocks`, beside its kernels alone: these take the same samples by the same calls, into one array."""

from __future__ import annotations

import numpy as np

import fastjac as fj

from .common import DTYPES, NETWORKS
from .timing import Effort, interleaved

BATCHES = {"dynamics": 300_000, "acasxu": 500_000, "mnist": 4_000}
"""The networks, with batches whose float32 Jacobians take 50 to 130 MB."""


def by_blocks(network: fj.Network, x: np.ndarray) -> None:
    """Go through all blocks, as a user's loop does."""
    for _part, _jacobians in network.jacobian_blocks(x):
        pass


def seconds(name: str, dtype: str, effort: Effort) -> dict[str, float]:
    """The median times of a loop over all blocks ("blocks") and of the kernels alone ("kernels")."""
    network = NETWORKS[name].network(dtype)
    x = np.random.default_rng(0).standard_normal((BATCHES[name], network.n_in)).astype(dtype)
    parts = [part for part, _ in network.jacobian_blocks(x)]
    out = np.zeros((parts[0].stop, network.n_out, network.n_in), dtype)

    def kernels() -> None:
        for part in parts:
            network.jacobian(x[part], out=out[: part.stop - part.start])

    return interleaved({"blocks": lambda: by_blocks(network, x), "kernels": kernels}, effort)


class Blocks:
    """The time of `jacobian_blocks` over the time of its kernels."""

    timeout = 300.0
    param_names = ("network", "dtype")
    params = (tuple(BATCHES), DTYPES)

    def track_overhead(self, name: str, dtype: str) -> float:
        times = seconds(name, dtype, Effort(rounds=9, seconds=5.0))
        return times["blocks"] / times["kernels"]
