"""Zeros, infinities and nan: skipping a zero must not hide a nan, nor show in the sign of another zero."""

import numpy as np
import pytest

import fastjac as fj
from tests import torch_reference
from tests.bits import assert_same_bits

DTYPES = (np.float32, np.float64)
SIZES = (1, 2, 5, 50)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def assert_any_batch_has_the_bits_of_one(net, x):
    """Alone, where zeros are skipped, each input gets the value that it gets beside others, where they are not."""
    alone = np.stack([net(row) for row in x])
    for size in SIZES:
        for start in range(0, len(x), size):
            assert_same_bits([net(x[start : start + size])], [alone[start : start + size]])


def sparse_network(weight, bias, activation, dtype):
    """An activation that is 0 at many units, and an affine layer over them."""
    return fj.Network([fj.Affine(np.eye(weight.shape[1])), activation, fj.Affine(weight, bias)], dtype=dtype)


def inputs_with_zeros(rows, columns):
    """Random inputs of which about half are 0, of either sign."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, columns)) * rng.integers(0, 2, (rows, columns))


@both_dtypes
@pytest.mark.parametrize("activation", [fj.ReLU(), fj.ReLU6(), fj.HardShrink(), fj.SoftShrink(), fj.HardTanh(), fj.HardSwish()])
def test_signs_of_zeros_do_not_depend_on_the_batch(activation, dtype):
    rng = np.random.default_rng(0)
    # Few inputs, so that sums of zeros alone are common; biases and weights of both signs, both zeros among them.
    weight = rng.choice([-1.0, -0.0, 0.0, 0.5], (40, 3))
    bias = rng.choice([-0.0, 0.0], 40)
    net, x = sparse_network(weight, bias, activation, dtype), inputs_with_zeros(50, 3)
    zeros = net(x) == 0
    assert zeros.any()
    assert not zeros.all()
    assert_any_batch_has_the_bits_of_one(net, x)


@both_dtypes
def test_an_input_of_zeros_meets_negative_zeros(dtype):
    for activation in (fj.ReLU(), fj.Tanh(), fj.LeakyReLU()):
        layers = [activation, fj.Affine(np.full((20, 4), -1.0), np.full(20, -0.0)), activation, fj.Affine(-np.ones((3, 20)))]
        net = fj.Network(layers, dtype=dtype)
        x = np.tile([0.0, -0.0, 0.0, -0.0], (50, 1)) * np.where(np.arange(50) % 2, 1, -1)[:, None]
        assert not net(x).any()
        assert_any_batch_has_the_bits_of_one(net, x)


@both_dtypes
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [(0, 0), (4, 2), (18, 6)])
def test_a_weight_that_is_infinite_or_nan_meets_dead_units(special, place, dtype):
    rng = np.random.default_rng(0)
    weight, x = rng.standard_normal((19, 7)), rng.standard_normal((50, 7))
    weight[place] = special
    x[:, place[1]] = np.where(np.arange(50) % 2, 1, -1) * np.abs(x[:, place[1]])
    net = sparse_network(weight, rng.standard_normal(19), fj.ReLU(), dtype)
    expected = torch_reference.value(net.layers, x)
    # 0 times inf is nan: a dead unit in front of such a weight must not be skipped.
    assert np.isnan(expected[::2, place[0]]).all()
    for found in (net(x), np.stack([net(row) for row in x])):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, rtol=2e-5 if dtype == np.float32 else 1e-12, atol=1e-5)


@both_dtypes
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_a_bias_or_an_input_that_is_infinite_or_nan(special, dtype):
    rng = np.random.default_rng(0)
    weight, bias, x = rng.standard_normal((19, 7)), rng.standard_normal(19), rng.standard_normal((50, 7))
    bias[3] = special
    x[::3, 2] = special
    net = sparse_network(weight, bias, fj.ReLU(), dtype)
    expected = torch_reference.value(net.layers, x)
    for found in (net(x), np.stack([net(row) for row in x])):
        np.testing.assert_allclose(found, expected, rtol=2e-5 if dtype == np.float32 else 1e-12, atol=1e-5)


def test_a_weight_that_overflows_in_float32_is_infinite_in_every_batch():
    """Folded with a Scale a weight can be finite in float64 alone, in which layers are folded."""
    layers = [fj.ReLU(), fj.Affine(np.full((3, 2), 1e20)), fj.Scale(np.full(3, 1e30))]
    net, x = fj.Network(layers, dtype=np.float32), np.full((50, 2), -1.0)
    np.testing.assert_array_equal(np.stack([net(row) for row in x]), net(x))
