"""The time for some columns of J beside that for all: a call with `wrt=` should compute no other columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .common import CELLS
from .timing import Effort, interleaved

NAMES = ("mnist-64", "autoencoder-32")
"""Two cells of networks with 784 inputs: one with few outputs, and one with as many outputs as inputs."""
COLUMNS = np.arange(0, 784, 98)
"""Eight of the inputs, far from each other."""


@dataclass(frozen=True)
class Shares:
    """Times as shares of the time for all columns: for some columns, and for the values, which every call computes."""

    columns: float
    values: float


def shares_of_time(name: str, dtype: str, effort: Effort) -> Shares:
    """Measure the cell of this name; the three calls take turns."""
    cell = CELLS[name]
    network, x = cell.recipe.network(dtype), cell.inputs(dtype)
    calls: dict[str, Callable[[], object]] = {
        "all": partial(network.jacobian, x),
        "columns": partial(network.jacobian, x, wrt=COLUMNS),
        "values": partial(network, x),
    }
    seconds = interleaved(calls, effort)
    return Shares(seconds["columns"] / seconds["all"], seconds["values"] / seconds["all"])


class Columns:
    """Time for eight of 784 columns, in percent of the time for all columns."""

    timeout = 300.0
    param_names = ("cell", "dtype")
    params = (NAMES, ("float32",))
    unit = "percent"

    def track_share_of_time(self, cell: str, dtype: str) -> float:
        return 100.0 * shares_of_time(cell, dtype, Effort(rounds=9, seconds=1.0)).columns
