"""Central differences: within their own error of the naive twin's derivatives, and aware of kinks."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.differences import CentralDifferences, coordinate_scales

from . import naive
from .random_networks import random_network


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_differences_are_within_their_error_of_the_derivative(seed, dtype):
    network = random_network(seed)
    net = fj.Network(network.layers, n_in=network.n_in, dtype=dtype)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(net.n_in).astype(dtype)
    tangents = rng.standard_normal((5, net.n_in))
    found = CentralDifferences(net)(x, tangents)
    expected = tangents @ naive.jacobian(net.layers, x).T
    off = np.abs(found.value - expected) > found.error
    assert not off[~found.crosses_kink].any()


def test_the_error_is_small_where_the_function_is_smooth():
    net = fj.Network([fj.Affine(np.eye(3)), fj.Tanh()])
    assert CentralDifferences(net)(np.array([0.1, -0.5, 2.0]), np.eye(3)).error.max() < 1e-9


def test_a_float32_network_that_rounds_to_the_other_side_of_a_kink_is_reported():
    # 1 + 2^-30 is above 1 in float64 and 1 itself in float32.
    net = fj.Network([fj.Affine(np.array([[1.0, 2.0**-30]], np.float32), -np.ones(1, np.float32)), fj.ReLU()])
    x = np.ones(2, np.float32)
    still = np.array([[1e-9, 1e-9]])
    assert CentralDifferences(net)(x, still).crosses_kink[0]


@pytest.mark.parametrize("step", [1e-9, -1e-9])
def test_a_unit_that_enters_or_leaves_the_support_of_sparsemax_is_reported(step):
    net = fj.Network([fj.Sparsemax()], n_in=3)
    tangents = np.array([[0.0, step, 0.0], [0.0, 0.0, step]])
    # Unit 1 is at the edge of the support, unit 2 far outside.
    np.testing.assert_array_equal(CentralDifferences(net)(np.array([1.5, 0.5, -3.0]), tangents).crosses_kink, [True, False])


def test_steps_are_powers_of_two_that_grow_with_the_coordinate():
    scales = coordinate_scales(np.array([0.0, 0.9, -1.5, 1000.0, np.nan, np.inf]))
    np.testing.assert_array_equal(scales, [2.0, 2.0, 2.0, 1024.0, 2.0, 2.0])
