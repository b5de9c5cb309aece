"""Every layer alone, by way of a network: value and derivative against torch, at kinks, extremes, nan and inf too."""

import math

import numpy as np
import pytest

import fastjac as fj
from fastjac.layers import LAYERS, Elementwise, Layer, Normalizer
from tests import naive, torch_reference

ELEMENTWISE_LAYERS = [
    fj.ReLU(),
    fj.LeakyReLU(),
    fj.LeakyReLU(0.3),
    fj.PReLU(),
    fj.PReLU(np.array([0.1])),
    fj.ReLU6(),
    fj.ELU(),
    fj.ELU(0.5),
    fj.SELU(),
    fj.CELU(),
    fj.CELU(2.0),
    fj.GELU(),
    fj.GELU("tanh"),
    fj.SiLU(),
    fj.Mish(),
    fj.Tanh(),
    fj.Sigmoid(),
    fj.HardTanh(),
    fj.HardTanh(-0.5, 2.5),
    fj.HardSigmoid(),
    fj.HardSwish(),
    fj.Softplus(),
    fj.Softplus(2.0, 10.0),
    fj.Softplus(0.5),
    fj.Softsign(),
    fj.LogSigmoid(),
    fj.Exp(),
    fj.HardShrink(),
    fj.SoftShrink(0.25),
    fj.TanhShrink(),
    fj.Threshold(0.5, -2.0),
    fj.SquarePlus(),
    fj.SparsePlus(),
    fj.SparseSigmoid(),
    fj.Scale(2.0, -1.0),
    fj.Scale(np.array([0.5]), np.array([3.0])),
]
NORMALIZERS = [fj.Softmax(), fj.LogSoftmax(), fj.Sparsemax(), fj.LayerNorm(), fj.LayerNorm(eps=1e-3)]


def pointwise(layer: Layer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and derivative of an elementwise layer at every entry of x (n,), through a network of one unit."""
    y, jacobian = fj.Network([layer], n_in=1).value_and_jacobian(x[:, None])
    return y[:, 0], jacobian[:, 0, 0]


def torch_pointwise(layer: Layer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same by torch."""
    return torch_reference.value([layer], x[:, None])[:, 0], torch_reference.jacobian([layer], x[:, None])[:, 0, 0]


def kinks(layer: Elementwise) -> np.ndarray:
    return np.concatenate([np.ravel(kink) for kink in layer.kinks] or [np.empty(0)])


def test_every_layer_is_tested_here() -> None:
    assert {type(layer) for layer in ELEMENTWISE_LAYERS + NORMALIZERS} | {fj.Affine} == set(LAYERS.values())
    assert set(naive.ELEMENTWISE) | set(naive.NORMALIZERS) | {fj.Affine} == set(LAYERS.values())
    assert set(torch_reference.FUNCTIONS) == set(LAYERS.values())


@pytest.mark.parametrize("layer", ELEMENTWISE_LAYERS, ids=repr)
def test_elementwise_layers_equal_torch(layer: Elementwise) -> None:
    x = np.linspace(-50, 50, 4001)
    for found, expected in zip(pointwise(layer, x), torch_pointwise(layer, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("layer", ELEMENTWISE_LAYERS, ids=repr)
def test_elementwise_layers_equal_torch_at_kinks_and_extremes(layer: Elementwise) -> None:
    at = kinks(layer)
    x = np.concatenate([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), [0.0, -0.0, 1e3, -1e3, 1e30, -1e30]])
    for found, expected in zip(pointwise(layer, x), torch_pointwise(layer, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
        assert not np.isnan(found).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [layer for layer in ELEMENTWISE_LAYERS if not isinstance(layer, fj.SquarePlus)], ids=repr)
def test_elementwise_layers_propagate_nan_and_inf_as_torch_does(layer: Elementwise, dtype: type) -> None:
    x = np.array([np.nan, np.inf, -np.inf])
    found = fj.Network([layer], n_in=1, dtype=dtype)(x[:, None])[:, 0]
    np.testing.assert_allclose(found, torch_pointwise(layer, x)[0], rtol=1e-6)


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


def test_square_plus_at_nan_and_inf() -> None:
    """It is not in torch, and the formula of Keras gives nan at -inf, where the limit is 0."""
    found = fj.Network([fj.SquarePlus()], n_in=3)([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(found, [np.nan, np.inf, 0.0])


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_array_equal(fj.Network([fj.Softmax()], n_in=2)([1e308, -1e308]), [1.0, 0.0])
    np.testing.assert_array_equal(fj.Network([fj.LogSoftmax()], n_in=2)([1e4, -1e4]), [0.0, -2e4])
