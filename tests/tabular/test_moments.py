"""Moments against NumPy's, of blocks of any size."""

import numpy as np
import pytest

from fastjac.tabular.moments import Moments


def moments_of(values, weights, cuts):
    found = Moments(values.shape[1:])
    for part, weight in zip(np.split(values, cuts), np.split(weights, cuts), strict=True):
        found.add(part, weight)
    return found


@pytest.mark.parametrize("cuts", [[], [1], [3, 50, 51], range(1, 100)])
def test_blocks_give_what_numpy_gives_of_all(cuts):
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal((100, 2, 3)), rng.uniform(0.1, 5.0, 100)
    found = moments_of(values, weights, cuts)
    mean = np.average(values, axis=0, weights=weights)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(found.mean_abs, np.average(np.abs(values), axis=0, weights=weights), rtol=1e-12)
    np.testing.assert_allclose(found.std, np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights)), rtol=1e-12)
    np.testing.assert_array_equal(found.count, np.full((2, 3), 100))


def test_a_spread_far_below_the_mean_keeps_its_digits():
    """The mean of the squares less the square of the mean would have none left."""
    steps = np.arange(1000.0)[:, None] * 2.0**-20
    found = moments_of(steps + 2.0**25, np.ones(1000), range(10, 1000, 10))
    np.testing.assert_allclose(found.std, steps.std(axis=0), rtol=1e-9)


def test_what_is_not_finite_is_left_out():
    values = np.array([[1.0, np.nan, np.inf], [3.0, 2.0, np.nan], [5.0, 4.0, -np.inf]])
    found = moments_of(values, np.ones(3), [1])
    np.testing.assert_array_equal(found.count, [3, 2, 0])
    np.testing.assert_allclose(found.mean, [3.0, 3.0, 0.0])
    np.testing.assert_allclose(found.std, [np.sqrt(8.0 / 3.0), 1.0, 0.0])
