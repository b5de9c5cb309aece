"""Every layer alone, by way of a network: value and derivative against torch, at kinks, extremes, nan and inf too."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

import fastjac as fj
from fastjac.layers import LAYERS, Activation, Layer, Normalizer
from tests import naive, torch_reference
from tests.activations import TWINS, defined

ELEMENTWISE_LAYERS = [layer for twin in TWINS.values() for layer in twin.layers]
NORMALIZERS = [fj.Softmax(), fj.LogSoftmax(), fj.Sparsemax(), fj.LayerNorm(), fj.LayerNorm(eps=1e-3)]


def pointwise(layer: Layer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and derivative of an elementwise layer at every entry of x (n,), through a network of one unit."""
    y, jacobian = fj.Network([layer], n_in=1).value_and_jacobian(x[:, None])
    return y[:, 0], jacobian[:, 0, 0]


def torch_pointwise(layer: Layer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same by torch."""
    return torch_reference.value([layer], x[:, None])[:, 0], torch_reference.jacobian([layer], x[:, None])[:, 0, 0]


def kinks(layer: Activation) -> np.ndarray:
    return np.concatenate([np.ravel(kink) for kink in layer.kinks] or [np.empty(0)])


def test_every_layer_is_tested_here() -> None:
    assert {type(layer) for layer in ELEMENTWISE_LAYERS + NORMALIZERS} | {fj.Affine} == set(LAYERS.values())
    assert all(isinstance(layer, kind) for kind, twin in TWINS.items() for layer in twin.layers)
    assert set(TWINS) | set(naive.NORMALIZERS) | {fj.Affine} == set(LAYERS.values())
    assert set(torch_reference.FUNCTIONS) == set(LAYERS.values())


@pytest.mark.parametrize("layer", ELEMENTWISE_LAYERS, ids=repr)
def test_elementwise_layers_equal_torch(layer: Activation) -> None:
    x = np.linspace(-50, 50, 4001)
    for found, expected in zip(pointwise(layer, x), torch_pointwise(layer, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("layer", ELEMENTWISE_LAYERS, ids=repr)
def test_elementwise_layers_equal_torch_at_kinks_and_extremes(layer: Activation) -> None:
    at = kinks(layer)
    x = np.concatenate([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), [0.0, -0.0, 1e3, -1e3, 1e30, -1e30]])
    x = defined(layer, x)
    for found, expected in zip(pointwise(layer, x), torch_pointwise(layer, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
        assert not np.isnan(found).any()


OWN = {fj.HardSigmoid: lambda layer, x: functional.hardsigmoid(x), fj.CELU: lambda layer, x: functional.celu(x, layer.alpha)}
"""Torch's own functions where the reference composes others: at nan they do not agree."""


def torch_at(layer: Activation, x: np.ndarray, repeats: int) -> tuple[np.ndarray, np.ndarray]:
    """Value and derivative by torch's backward, in the dtype of x, of every entry among so many of its equals.

    64 fill whole vectors. At nan and infinities torch computes a single one in another way, not always to the same result.
    """
    function = OWN.get(type(layer), torch_reference.FUNCTIONS[type(layer)])
    found = []
    for entry in x:
        point = torch.tensor(np.full(repeats, entry), requires_grad=True)
        y = function(layer, point)
        (slope,) = torch.autograd.grad(y, point, torch.ones_like(y))
        found.append((y[0].item(), slope[0].item()))
    values, slopes = np.array(found).T
    return values, slopes


def special_points(layer: Activation, dtype: type) -> np.ndarray:
    """Kinks with both neighbours, 0 and -0, denormal and huge numbers, infinities and nan."""
    at = kinks(layer).astype(dtype)
    limits = np.finfo(dtype)
    ends = [0.0, limits.smallest_subnormal, limits.tiny, 1.0, 700.0, 1e30, limits.max, np.inf, np.nan]
    up, down = np.nextafter(at, dtype(np.inf)), np.nextafter(at, dtype(-np.inf))
    return np.concatenate([at, up, down, ends, np.negative(ends)]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [layer for layer in ELEMENTWISE_LAYERS if not isinstance(layer, fj.SquarePlus)], ids=repr)
def test_special_points_on_every_way_to_value_and_derivative(layer: Activation, dtype: type) -> None:
    x = special_points(layer, dtype)
    net, column = fj.Network([layer], n_in=1, dtype=dtype), x[:, None]
    (y, _), (_, slope) = torch_at(layer, x, 1), torch_at(layer, x, 64)
    ones, matrix = np.ones(1, dtype), np.ones((1, 1), dtype)
    tiny = np.finfo(dtype).tiny
    for found in (net(column), *(net.value_and_jacobian(column, mode)[0] for mode in ("forward", "reverse"))):
        np.testing.assert_allclose(found[:, 0], y, rtol=2e-6, atol=tiny)
    y2, jacobians, pullback = net.jacobian_vjp(column)
    np.testing.assert_allclose(y2[:, 0], y, rtol=2e-6, atol=tiny)
    # Where torch's derivative at a huge number is inf - inf or 0 * inf, the limit will do.
    decided = ~np.isnan(slope) | np.isnan(x)
    ways = {
        "forward": net.jacobian(column, "forward"),
        "reverse": net.jacobian(column, "reverse"),
        "jvp": net.jvp(column, ones)[1],
        "vjp": net.vjp(column, ones)[1],
        "pushforward": net.pushforward(column, matrix)[1],
        "gradient kernel": jacobians,
        "pullback": pullback(gy=np.ones_like(y2)).x,
    }
    for way, found in ways.items():
        found = found.reshape(-1)
        np.testing.assert_allclose(found[decided], slope[decided], rtol=2e-4, atol=1e-7, err_msg=way)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exponent", [0.5, -0.5, 1.5, -1.5, 0.0, 1.0, 2.0, 4.0, -3.0])
def test_powers_and_their_second_derivatives_equal_torch(exponent: float, dtype: type) -> None:
    layer = fj.Power(exponent)
    x = np.concatenate([special_points(layer, dtype), np.linspace(-3, 3, 50, dtype=dtype)])
    y, jacobians, pullback = fj.Network([layer], n_in=1, dtype=dtype).jacobian_vjp(x[:, None])
    bends = pullback(gJ=np.ones_like(jacobians)).x[:, 0]
    point = torch.tensor(x, requires_grad=True)
    value = torch.pow(point, exponent)
    (slope,) = torch.autograd.grad(value.sum(), point, create_graph=True)
    bend = torch.autograd.grad(slope.sum() + 0 * point.sum(), point)[0]
    np.testing.assert_allclose(y[:, 0], value.detach(), rtol=2e-6)
    np.testing.assert_allclose(jacobians[:, 0, 0], slope.detach(), rtol=2e-6)
    # An infinite slope times the loss's derivative by y, which is 0, makes nan of the sum.
    decided = np.isfinite(bend.numpy()) & np.isfinite(slope.detach().numpy())
    np.testing.assert_allclose(bends[decided], bend[decided], rtol=2e-6)


@pytest.mark.parametrize("n", [2, 3, 17, 300])
@pytest.mark.parametrize("layer", NORMALIZERS, ids=repr)
def test_normalizers_equal_torch(layer: Normalizer, n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.standard_normal((6, n)) * np.array([[0.01], [1.0], [1.0], [5.0], [50.0], [1000.0]])
    x[2] = x[2, 0]
    y, jacobian = fj.Network([layer], n_in=n).value_and_jacobian(x)
    # The third input is constant: what rounding leaves of its deviations, LayerNorm divides by sqrt(eps).
    tolerance = 1e-13 / math.sqrt(getattr(layer, "eps", 1.0))
    np.testing.assert_allclose(y, torch_reference.value([layer], x), rtol=1e-12, atol=tolerance)
    np.testing.assert_allclose(jacobian, naive.jacobian([layer], x), rtol=0, atol=tolerance)
    np.testing.assert_allclose(jacobian, torch_reference.jacobian([layer], x), rtol=0, atol=tolerance)


@pytest.mark.parametrize("layer", [*NORMALIZERS[:2], *NORMALIZERS[3:]], ids=repr)
def test_normalizers_propagate_nan_and_inf_as_torch_does(layer: Normalizer) -> None:
    x = np.zeros((4, 5))
    x[0, 2], x[1, 0], x[2, 4], x[3] = np.nan, np.inf, -np.inf, -np.inf
    np.testing.assert_array_equal(fj.Network([layer], n_in=5)(x), torch_reference.value([layer], x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_square_plus_at_huge_numbers_infinities_and_nan(dtype: type) -> None:
    """It is not in torch, and the formula of Keras overflows, and gives nan at -inf, where the limit is 0."""
    largest = np.finfo(dtype).max
    y, jacobian = fj.Network([fj.SquarePlus()], n_in=1, dtype=dtype).value_and_jacobian(
        np.array([[np.nan], [np.inf], [-np.inf], [largest], [-largest]], dtype)
    )
    np.testing.assert_array_equal(y[:, 0], np.array([np.nan, np.inf, 0.0, largest, 0.0], dtype))
    np.testing.assert_array_equal(jacobian[1:, 0, 0], [np.nan, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 5, 40])
def test_layer_norm_of_huge_units_is_that_of_smaller_ones(n: int, dtype: type) -> None:
    """Torch squares them, which overflows: to nan or to 0, by the number of units."""
    largest = 2.0 ** (np.finfo(dtype).maxexp - 3)
    small = np.random.default_rng(n).uniform(-1, 1, (3, n)).astype(dtype)
    small[2] = 0.5
    y, jacobian = fj.Network([fj.LayerNorm(eps=0.25)], n_in=n, dtype=dtype).value_and_jacobian(small * dtype(largest))
    exact = fj.Network([fj.LayerNorm(eps=0.0)], n_in=n, dtype=dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(y[:2], exact(small[:2]), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(jacobian[:2] * largest, exact.jacobian(small[:2]), rtol=tolerance, atol=tolerance * 10)
    # Units that are all equal have no deviation, and what is divided by is the root of eps.
    np.testing.assert_array_equal(y[2], np.zeros(n))
    np.testing.assert_allclose(jacobian[2], 2 * (np.eye(n) - 1 / n), rtol=tolerance, atol=tolerance)


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_array_equal(fj.Network([fj.Softmax()], n_in=2)([1e308, -1e308]), [1.0, 0.0])
    np.testing.assert_array_equal(fj.Network([fj.LogSoftmax()], n_in=2)([1e4, -1e4]), [0.0, -2e4])
