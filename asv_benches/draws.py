"""Networks drawn at random, so that no choice of ours decides what is measured. One seed always gives the same networks.

Python's `random()` is the same on every machine and in every version. Everything here is made of it by sums and quotients,
which are the same everywhere too.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from random import Random

from .recipe import ACTIVATIONS, Recipe

LAYERS = 10
"""The most affine layers of a network."""
WIDTH = 1_500
BATCH = 4_096
RESULT_BYTES = 64_000_000
"""The most bytes of a result in float64; a larger batch is cut to this size."""


def random_networks(count: int, seed: int) -> dict[str, Recipe]:
    """`count` networks by name, each drawn on its own: the first networks do not depend on `count`."""
    return {f"random-{seed}-{number}": random_network(seed, number) for number in range(1, count + 1)}


def random_network(seed: int, number: int) -> Recipe:
    """One network. All depths, activations and ends are equally likely; widths and batch are uniform in their logarithm."""
    random = Random(f"{seed}-{number}")
    layers = _below(random, LAYERS) + 1
    widths = tuple(_log_uniform(random, WIDTH) for _ in range(layers + 1))
    activation = tuple(ACTIVATIONS)[_below(random, len(ACTIVATIONS))]
    # A softmax of one output is 1 whatever the input is.
    softmax = _below(random, 2) == 1 and widths[-1] > 1
    fitting = RESULT_BYTES // (8 * widths[0] * widths[-1])
    batch = min(_log_uniform(random, BATCH), max(1, fitting))
    return Recipe(widths, activation, softmax, batches=(batch,), seed=_below(random, 1 << 30))


def _below(random: Random, n: int) -> int:
    """A uniform integer from 0 to n - 1."""
    return int(random.random() * n)


def _log_uniform(random: Random, most: int) -> int:
    """An integer from 1 to `most`, with probabilities proportional to the reciprocals."""
    weights = list(accumulate(1 / number for number in range(1, most + 1)))
    return 1 + bisect(weights, random.random() * weights[-1], hi=most - 1)
