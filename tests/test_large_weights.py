"""Networks with weights that samples take in strips: right in every order, and with the same bits in every batch."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.target import lanes
from fastjac.lowering.memory import strip_of
from tests import naive
from tests.bits import assert_same_bits

NARROWING = (280, 500, 300, 12)
"""Widths that are no multiples of a strip's; two of the three weights are large in both dtypes."""
BATCHES = (1, 7, 50)
DTYPES = (np.float32, np.float64)
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


def network(widths, dtype):
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in pairwise(widths):
        weight, bias = rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), rng.standard_normal(n_out)
        layers += [fj.Affine(weight.astype(dtype), bias.astype(dtype)), fj.ReLU(), fj.Tanh()]
    layers[-2:] = [fj.Softmax()]
    return fj.Network(layers)


def assert_close(actual, expected, dtype):
    assert np.abs(actual - expected).max() <= TOLERANCE[dtype] * np.abs(expected).max()


@pytest.mark.parametrize("dtype", DTYPES)
def test_these_weights_are_taken_in_strips(dtype):
    panel = 2 * lanes(np.dtype(dtype))
    for n_in, n_out in pairwise(NARROWING[:3]):
        assert strip_of(n_out, n_in, panel, np.dtype(dtype)) < n_in
        assert strip_of(n_in, n_out, panel, np.dtype(dtype)) < n_out
    assert strip_of(300, 12, panel, np.dtype(dtype)) >= 12


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["forward", "reverse", "mixed"])
@pytest.mark.parametrize("widths", [NARROWING, NARROWING[::-1]], ids=["narrowing", "widening"])
def test_jacobians_of_every_batch(widths, mode, dtype):
    net = network(widths, dtype)
    x = np.random.default_rng(1).standard_normal((max(BATCHES), net.n_in)).astype(dtype)
    y, jacobian = net.value_and_jacobian(x, mode)
    assert_close(y, naive.value(net.layers, x), dtype)
    assert_close(jacobian[:3], naive.jacobian(net.layers, x[:3]), dtype)
    for size in BATCHES:
        for rows in (slice(0, size), slice(len(x) - size, None)):
            assert_same_bits(net.value_and_jacobian(x[rows], mode), (y[rows], jacobian[rows]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 2, 17, 100])
def test_products_of_every_batch(width, dtype):
    net = network(NARROWING, dtype)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((max(BATCHES), net.n_in)).astype(dtype)
    tangents = rng.standard_normal((len(x), net.n_in, width)).astype(dtype)
    cotangents = rng.standard_normal((len(x), width, net.n_out)).astype(dtype)
    expected = naive.jacobian(net.layers, x[:3])
    for product, seed, exact in [
        (net.pushforward, tangents, expected @ tangents[:3]),
        (net.pullback, cotangents, cotangents[:3] @ expected),
    ]:
        whole = product(x, seed)
        assert_close(whole[1][:3], exact, dtype)
        for size in BATCHES:
            assert_same_bits(product(x[:size], seed[:size]), (part[:size] for part in whole))
