"""The time saved where inputs share Jacobians: on a fine grid most inputs lie in the linear region of the input before."""

from __future__ import annotations

from functools import partial

import numpy as np

from .common import NETWORKS, available_cell
from .timing import Effort, interleaved

LINE = 1_000
"""How many inputs lie on a line, which runs along one coordinate through the region from which inputs are drawn."""
LINES = {"acasxu-real": 4, "acasxu": 4, "square": 1}
"""Piecewise linear networks, and how many lines are computed at a time."""


def lines(name: str, dtype: str) -> np.ndarray:
    """Inputs on lines, one line after the other. Each line runs from the least to the greatest of the drawn first coordinates."""
    count = LINES[name]
    drawn = NETWORKS[name].inputs(count * LINE, dtype)
    grid = np.repeat(drawn[:count], LINE, axis=0)
    grid[:, 0] = np.tile(np.linspace(drawn[:, 0].min(), drawn[:, 0].max(), LINE), count)
    return grid


def speed_on_lines(name: str, dtype: str, effort: Effort) -> float:
    """Time for drawn inputs over time for as many inputs on lines."""
    network, grid = NETWORKS[name].network(dtype), lines(name, dtype)
    out = np.empty((len(grid), network.n_out, network.n_in), dtype)
    inputs = {"drawn": NETWORKS[name].inputs(len(grid), dtype), "grid": grid}
    seconds = interleaved({kind: partial(network.jacobian, x, out=out) for kind, x in inputs.items()}, effort)
    return seconds["drawn"] / seconds["grid"]


class Grid:
    """Time for drawn inputs over time for as many inputs on lines of a grid."""

    timeout = 300.0
    param_names = ("network",)
    params = tuple(LINES)
    unit = "times as fast"

    def setup(self, network: str) -> None:
        available_cell(f"{network}-1")

    def track_speed_on_lines(self, network: str) -> float:
        return speed_on_lines(network, "float32", Effort(rounds=9, seconds=2.0))
