"""The floor counts what must be done, no more and no less."""

from dataclasses import dataclass

import numpy as np
import pytest

from asv_benches import common, floor
from asv_benches.machine import Ceilings
from asv_benches.recipe import Recipe

WEIGHTS = (
    (np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), np.zeros(3)),
    (np.array([[1.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]), np.zeros(2)),
    (np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2)),
)


@dataclass(frozen=True)
class ByHand(Recipe):
    """2-3-2-2; for the input (1, 2) the ReLUs receive (1, 2, -1) and (3, -1)."""

    def weights(self):
        return WEIGHTS

    def draw(self, random, count):
        return np.tile([1.0, 2.0], (count, 1))


def by_hand(activation="relu", softmax=False):
    return ByHand((2, 3, 2, 2), activation, softmax, batches=(1,), seed=0)


def test_live_counts_by_hand():
    x = np.array([[1.0, 2.0], [-1.0, -2.0]])
    np.testing.assert_array_equal(floor.live_counts(by_hand(), x), [[2, 2, 1, 2], [2, 1, 0, 2]])
    np.testing.assert_array_equal(floor.live_counts(by_hand("tanh"), x), [[2, 3, 2, 2]] * 2)


def test_work_by_hand():
    # Primal 2 * 3, then 2 live by 2. W2 D1 W1 is 1 live by 2 live by 2, then 2 by 1 live by 2; the other order costs 12.
    assert floor.least_work(by_hand(), 1, "float32").multiply_adds == 6 + 4 + 4 + 4
    # A softmax needs the values too: 1 live by 2.
    assert floor.least_work(by_hand(softmax=True), 1, "float32").multiply_adds == 18 + 2
    # Jacobians of 4 numbers, inputs of 2, 23 parameters read once.
    assert floor.least_work(by_hand(), 3, "float32") == floor.Work(3 * 18.0, 4 * (3 * 4 + 3 * 2 + 23), 4 * 3 * 4)
    assert floor.least_work(by_hand(), 3, "float64").traffic == 8 * (3 * 4 + 3 * 2 + 23)


def cheapest_by_brute_force(counts):
    """Over every bracketing of the chain."""
    if len(counts) == 2:
        return 0
    return min(
        cheapest_by_brute_force(counts[: k + 1]) + cheapest_by_brute_force(counts[k:]) + counts[0] * counts[k] * counts[-1]
        for k in range(1, len(counts) - 1)
    )


@pytest.mark.parametrize("layers", range(1, 8))
def test_accumulation_is_the_cheapest_bracketing_for_each_input(layers):
    counts = np.random.default_rng(layers).integers(0, 30, size=(40, layers + 1))
    expected = [cheapest_by_brute_force(row) for row in counts.tolist()]
    np.testing.assert_array_equal(floor.accumulation_cost(counts), expected)


def test_primal_reads_live_units_only():
    counts = np.array([[5, 3, 2, 4], [5, 0, 1, 4]])
    np.testing.assert_array_equal(floor.primal_cost((5, 6, 7, 4), counts, output=False), [5 * 6 + 3 * 7, 5 * 6])
    np.testing.assert_array_equal(floor.primal_cost((5, 6, 7, 4), counts, output=True), [5 * 6 + 3 * 7 + 2 * 4, 5 * 6 + 1 * 4])


def test_dense_reverse_sweep_multiplies_everything():
    assert floor.dense_reverse_cost((256,) * 7) == 5 * 256**3
    assert floor.dense_reverse_cost((2, 3, 4)) == 4 * 3 * 2
    assert floor.dense_reverse_cost((2, 3, 4, 5)) == 5 * 4 * 3 + 5 * 3 * 2


def test_live_work_is_below_dense_work():
    recipe = common.NETWORKS["square"]
    live = floor.least_work(recipe, 64, "float32").multiply_adds
    assert 0.1 < live / (64 * floor.dense_reverse_cost(recipe.widths)) < 0.3


CEILINGS = Ceilings(
    gemm={("float32", 512): 1e9, ("float32", 1024): 2e9, ("float64", 512): 1e9},
    copied={1000: 8e9, 10_000: 4e9},
    written={1000: 8e9, 10_000: 1e9},
)


@pytest.mark.parametrize(
    ("work", "seconds", "bound"),
    [
        (floor.Work(2e9, 0, 0), 1.0, "arithmetic"),
        (floor.Work(0.0, 9_999, 0), 9_999 / 8e9, "traffic"),
        (floor.Work(0.0, 20_000, 0), 20_000 / 4e9, "traffic"),
        (floor.Work(1.0, 20_000, 20_000), 20_000 / 1e9, "new memory"),
        (floor.Work(0.0, 10, 0), 10 / 8e9, "traffic"),
    ],
)
def test_floor_is_the_largest_bound(work, seconds, bound):
    found = floor.floor(work, "float32", CEILINGS)
    assert found.seconds == pytest.approx(seconds)
    assert found.bound == bound


def test_a_smaller_amount_is_never_slower_than_a_larger_one():
    hiccup = Ceilings(CEILINGS.gemm, {1000: 1e9, 10_000: 4e9}, CEILINGS.written)
    assert floor.floor(floor.Work(0.0, 4000, 0), "float32", hiccup).seconds == pytest.approx(4000 / 4e9)
