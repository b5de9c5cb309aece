"""The floor under a cell: the least time for the work that must be done, at rates that the machine has shown in the same run.

It is the largest of three times: for the multiply-adds that live units need, at the rate of a matrix multiply; for the bytes
that must move, at the rate of a copy; and for the result's bytes, at the rate at which a new array can be written. All rates
are those of all cores (see `machine`), for a single input too, since one call may use every core.

The count of multiply-adds is exact for the given inputs, as long as each input's chain is multiplied by itself. The floor errs
on the low side: activations, the softmax's Jacobian, and unused places in vector registers and tiles count as free. The rates
are no law: a kernel that is better than NumPy's BLAS goes below the floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .machine import Ceilings
from .recipe import Recipe


@dataclass(frozen=True)
class Work:
    """The least work of one call.

    multiply_adds : of the primal sweep and the cheapest accumulation, for the whole batch.
    traffic : bytes of the result, the inputs and the weights, each moved once.
    result : bytes of the result alone.
    """

    multiply_adds: float
    traffic: int
    result: int


@dataclass(frozen=True)
class Floor:
    """The least time of a call in seconds, and which of the three bounds it is: "arithmetic", "traffic" or "new memory"."""

    seconds: float
    bound: str


def least_work(recipe: Recipe, batch: int, dtype: str) -> Work:
    """The least work for the Jacobians at a recipe's own inputs."""
    counts = live_counts(recipe, recipe.inputs(batch, "float64"))
    multiply_adds = primal_cost(recipe.widths, counts, output=recipe.softmax) + accumulation_cost(counts)
    n_weights = sum(weight.size + bias.size for weight, bias in recipe.parameters(dtype))
    n_result = batch * recipe.widths[0] * recipe.widths[-1]
    itemsize = np.dtype(dtype).itemsize
    traffic = n_result + batch * recipe.widths[0] + n_weights
    return Work(float(multiply_adds.sum()), traffic * itemsize, n_result * itemsize)


def floor(work: Work, dtype: str, ceilings: Ceilings) -> Floor:
    """The floor on a machine with these rates."""
    bounds = {
        "arithmetic": work.multiply_adds / ceilings.multiply_adds(dtype)[0],
        "traffic": work.traffic / _rate(ceilings.copied, work.traffic),
        "new memory": work.result / _rate(ceilings.written, work.result),
    }
    bound = max(bounds, key=bounds.__getitem__)
    return Floor(bounds[bound], bound)


def _rate(rates: Mapping[int, float], size: int) -> float:
    """The best rate measured at any amount from the largest one within `size` on; smaller amounts may lie in a faster cache."""
    nearest = max((measured for measured in rates if measured <= size), default=min(rates))
    return max(rate for measured, rate in rates.items() if measured >= nearest)


def live_counts(recipe: Recipe, x: np.ndarray) -> np.ndarray:
    """For each float64 input, how many units at each boundary have a slope that is not 0: `(batch, layers + 1)`.

    At the network's two ends, and behind activations other than ReLU, all units count.
    """
    counts = np.tile(recipe.widths, (len(x), 1))
    for boundary, received in enumerate(recipe.relu_inputs(x), start=1):
        counts[:, boundary] = np.count_nonzero(received > 0, axis=1)
    return counts


def primal_cost(widths: Sequence[int], counts: np.ndarray, output: bool) -> np.ndarray:
    """Multiply-adds `(batch,)` until it is known which units are live; each layer reads the live units of the layer before.

    output : whether the last layer's values are needed too, as a softmax needs them.
    """
    n = len(widths) - (1 if output else 2)
    return counts[:, :n] @ np.array(widths[1 : n + 1], np.int64)


def accumulation_cost(counts: np.ndarray) -> np.ndarray:
    """Multiply-adds `(batch,)` of the cheapest bracketing for each input, by dynamic programming over its own live counts.

    A product `J[k:j] D_k J[i:k]` takes `counts[j] * counts[k] * counts[i]`: rows and columns of dead units are not needed.
    """
    n = counts.shape[1] - 1
    best = {(i, i + 1): np.zeros(len(counts), np.int64) for i in range(n)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            ends = counts[:, i] * counts[:, j]
            best[i, j] = np.minimum.reduce([best[i, k] + best[k, j] + ends * counts[:, k] for k in range(i + 1, j)])
    return best[0, n]


def dense_reverse_cost(widths: Sequence[int]) -> int:
    """Multiply-adds of a reverse sweep for one input that multiplies every unit, dead or live, without the primal sweep."""
    return widths[-1] * sum(n_out * n_in for n_in, n_out in pairwise(widths[:-1]))
