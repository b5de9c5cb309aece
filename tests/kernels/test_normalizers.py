"""Value and factored Jacobian of each normalizer, against torch and against the dense Jacobian."""

import numpy as np
import pytest
import torch

from fastjac.kernels.normalizers import NORMALIZERS
from tests.kernels.from_python import call

EPSILON = 1e-5
TORCH = {
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "layer_norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:], eps=EPSILON),
}


def factored(rule, x):
    """The rule's value at x, and the factors of its Jacobian: a diagonal, then two vectors for each rank."""
    rank = 2 if rule == "layer_norm" else 1
    z, factors = x.copy(), np.empty((1 + 2 * rank, x.size), x.dtype)
    call(NORMALIZERS[rule], x.dtype.type(0), z, z.size, np.array([EPSILON], x.dtype), factors)
    return z, factors


def normalized(rule, x):
    """The rule's value at x, and its Jacobian as a dense matrix."""
    z, factors = factored(rule, x)
    low_rank = sum(np.outer(left, right) for left, right in zip(factors[1::2], factors[2::2], strict=True))
    return z, np.diag(factors[0]) @ (np.eye(x.size) - low_rank)


def sparsemax_by_sorting(x):
    """The definition of Martins & Astudillo (2016), algorithm 1, and the Jacobian of their equation 10."""
    ordered = np.sort(x)[::-1]
    sums = np.cumsum(ordered)
    size = np.max(np.arange(1, x.size + 1)[1 + np.arange(1, x.size + 1) * ordered > sums])
    value = np.maximum(x - (sums[size - 1] - 1) / size, 0)
    support = (value > 0).astype(float)
    return value, np.diag(support) - np.outer(support, support) / support.sum()


@pytest.mark.parametrize("rule", sorted(TORCH))
@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0, 1e3])
@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_value_and_jacobian_agree_with_torch(rule, scale, n):
    x = np.random.default_rng(n).standard_normal(n) * scale
    value, jacobian = normalized(rule, x)
    t = torch.tensor(x)
    np.testing.assert_allclose(value, TORCH[rule](t).numpy(), rtol=1e-12, atol=1e-13)
    expected = torch.autograd.functional.jacobian(TORCH[rule], t).numpy()
    np.testing.assert_allclose(jacobian, expected, rtol=1e-10, atol=1e-12 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_sparsemax_agrees_with_its_definition(scale, n):
    x = np.random.default_rng(n).standard_normal(n) * scale
    value, jacobian = normalized("sparsemax", x)
    expected, expected_jacobian = sparsemax_by_sorting(x)
    np.testing.assert_allclose(value, expected, atol=1e-14)
    np.testing.assert_allclose(jacobian, expected_jacobian, atol=1e-14)


@pytest.mark.parametrize("rule", ["softmax", "log_softmax"])
@pytest.mark.parametrize("x", [[np.nan, 1.0], [1.0, np.nan], [np.inf, 1.0], [-np.inf, 1.0], [-np.inf, -np.inf], [1e308, -1e308]])
def test_nan_and_infinities_propagate_as_in_torch(rule, x):
    value, _ = normalized(rule, np.array(x))
    np.testing.assert_array_equal(value, TORCH[rule](torch.tensor(x, dtype=torch.float64)).numpy())


@pytest.mark.parametrize("low", [-3e38, -1e308, np.finfo(np.float64).min])
def test_sparsemax_of_units_masked_out_by_very_low_values(low):
    value, _ = normalized("sparsemax", np.array([0.0, low, low]))
    np.testing.assert_array_equal(value, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("mean", [0.0, 100.0, 1000.0])
def test_layer_norm_of_units_far_from_zero_keeps_its_digits_in_float32(mean):
    x = (mean + np.random.default_rng(0).standard_normal(4096)).astype(np.float32)
    exact = x.astype(np.float64)
    expected = (exact - exact.mean()) / np.sqrt(exact.var() + EPSILON)
    np.testing.assert_allclose(factored("layer_norm", x)[0], expected, atol=2e-6)
