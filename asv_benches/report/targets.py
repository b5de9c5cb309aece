"""The targets that fastjac is to reach: each is a promise that the report checks."""

from __future__ import annotations

from ..common import Cell

OVER_BEST_PEER = {
    "seed": (4.0, 3.3, 2.0),
    "acasxu": (10.0, 6.0, 3.0),
    "acasxu-real": (12.0, 8.0, 6.0),
    "dynamics": (8.0, 3.0, 2.2),
    "mnist": (4.0, 2.6, 2.0),
    "emulator": (2.5, 2.6),
    "autoencoder": (4.0, 5.0),
    "square": (2.0, 4.0),
}
"""The best peer's time over fastjac's, at each of the network's batch sizes."""

GEOMETRIC_MEAN = 3.5
"""The geometric mean of the best peer's time over fastjac's, over all rows."""
LEAST_OVER_BEST_PEER = 1.8
"""The least ratio of the best peer's time to fastjac's that any row may have."""
OVER_FLOOR = 1.4
"""The most floors that a row of a large batch may take."""
DENSE_SHARE = 0.5
"""The share of the time of a perfect dense reverse sweep that `DENSE_CELL` may take."""
DENSE_CELL = ("square-64", "float32")

GRAPHS_MEAN = {64: 3.5, 32: 3.0}
"""The geometric mean of the best peer's time over fastjac's, over all rows of graphs, on vectors of so many bytes."""
LEAST_GRAPH = 1.5
"""The least ratio of the best peer's time to fastjac's that any row of a graph may have."""
COLUMNS_SHARE = 0.1
"""The share of the time for all columns that 8 of 784 columns may take."""

PYTHON_CALL = 4e-6
"""Seconds for one input of the dynamics network in float32, from Python."""
JITTED_CALL = 2e-6
"""Seconds for one such input from inside a user's jitted function."""
WARM_START = 0.6
"""Seconds from the start of the process to the first Jacobian, with the kernels in the disk cache."""
COLD_START = 15.0
"""Seconds from the start of the process to the first Jacobian, with an empty disk cache."""
TWO_THREADS = 1.8
"""Speed of two threads over one, where the result fits in cache."""
STRAIGHT_LINE = 1.1
"""Longest over shortest time per input, from a thousand inputs to a million."""
EXTRA_MEMORY_SHARE = 0.05
"""The share of the result's size that extra peak memory may take; `EXTRA_MEMORY` bytes where that is more."""
EXTRA_MEMORY = 64e6
TRAINING_STEP = 2.0
"""Speed of a training step with J in its loss over the better of two ways in torch."""
PARAMETER_JACOBIAN = 3.0
"""Speed of the Jacobian by the parameters over torch.func."""
AUTO_SLOWER = 0.1
"""How much slower than the fastest mode "auto" may be."""


def over_best_peer(cell: Cell) -> float:
    """The target for a cell of one of the eight networks."""
    return OVER_BEST_PEER[cell.network][cell.recipe.batches.index(cell.batch)]


def is_large_batch(cell: Cell) -> bool:
    """Whether a cell has the large batch of a network that is timed at three."""
    return cell.recipe.batches[2:] == (cell.batch,)


def graphs_mean(vector_bytes: int) -> float:
    """The target for the mean over graphs; vectors of any size not listed have the target of AVX2."""
    return GRAPHS_MEAN.get(vector_bytes, GRAPHS_MEAN[32])
