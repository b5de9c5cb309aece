"""Linear layers made one ahead of time: only where every number still is one that the network's dtype holds."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

import fastjac as fj
from fastjac.layers import Layer
from fastjac.planning.folding import composed, product, scaled_inputs, scaled_outputs
from tests.torch_reference import torch_function

ONES = np.ones((2, 2))
DTYPES = {"float32": (30, np.float32), "float64": (200, np.float64)}
"""A power of ten of which the dtype holds no square."""


def affine(size: float) -> fj.Affine:
    """A layer of positive weights: a sum that overflows to both sides depends on its order."""
    return fj.Affine(np.array([[1.0, 0.5], [0.25, 1.0]]) * size)


CHAINS = {
    "x * h * h": lambda h: [fj.Scale(h), fj.Scale(h)],
    "W x * h * h": lambda h: [affine(1.0), fj.Scale(h), fj.Scale(np.full(2, h))],
    "W x / h / h * h * h": lambda h: [affine(1.0), fj.Scale(1 / h), fj.Scale(1 / h), fj.Scale(h), fj.Scale(h)],
    "W (x * h * h)": lambda h: [fj.Scale(h), fj.Scale(np.full(2, h)), affine(1.0)],
    "W (x / h / h)": lambda h: [fj.Scale(1 / h), fj.Scale(1 / h), affine(h)],
    "W (x * h), W as large": lambda h: [fj.Scale(h), affine(h)],
    "V W x, both large": lambda h: [affine(h), affine(h)],
    "V W x, both small, and large again": lambda h: [affine(1 / h), affine(1 / h), fj.Scale(h), fj.Scale(h)],
    "(W x + c) * h": lambda h: [fj.Affine(ONES, np.full(2, h)), fj.Scale(h, -1.0)],
    "V (W x + c)": lambda h: [fj.Affine(ONES, np.full(2, h)), affine(h)],
    "ReLU, then / h / h, then W": lambda h: [fj.ReLU(), fj.Scale(1 / h), fj.Scale(1 / h), affine(h)],
    "ReLU, then * h * h, then W": lambda h: [fj.ReLU(), fj.Scale(h), fj.Scale(h), affine(1 / h)],
}


def exact(layers: list[Layer], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and Jacobians by fractions, as float64 as far as it reaches."""
    y, slopes = np.vectorize(Fraction, otypes=[object])(x), np.array([[Fraction(i == j) for j in range(2)] for i in range(2)])
    slopes = np.array([slopes] * len(x))
    for layer in layers:
        if isinstance(layer, fj.ReLU):
            live = (y > 0) * Fraction(1)
            y, slopes = y * live, live[..., None] * slopes
        else:
            weight = layer.weight if isinstance(layer, fj.Affine) else np.diag(np.broadcast_to(layer.weight, 2))
            weight, bias = (
                np.vectorize(Fraction, otypes=[object])(v) for v in (weight, 0.0 if layer.bias is None else layer.bias)
            )
            y, slopes = y @ weight.T + bias, weight @ slopes
    return nearest(y), nearest(slopes)


@np.vectorize
def nearest(number: Fraction) -> float:
    return float(number) if abs(number) < Fraction(np.finfo(np.float64).max) else math.inf if number > 0 else -math.inf


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CHAINS)
def test_every_number_is_exact_or_what_torch_computes_step_by_step(name: str, dtype: str) -> None:
    exponent, kind = DTYPES[dtype]
    layers = CHAINS[name](10.0**exponent)
    x = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 1.0], [10.0**-exponent, 0.0], [10.0**exponent, 1.0]], kind)
    points = torch.tensor(x, requires_grad=True)
    y = torch_function(layers)(points)
    slopes = np.stack([torch.autograd.grad(y[:, i].sum(), points, retain_graph=True)[0].numpy() for i in range(2)], 1)
    net = fj.Network(layers, n_in=2, dtype=kind)
    assert_one_of(net(x), y.detach().numpy(), exact(layers, x)[0])
    assert_one_of(net.jacobian(x, "reverse"), slopes, exact(layers, x)[1])


def assert_one_of(found: np.ndarray, *answers: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        near = [np.isclose(found, answer.astype(found.dtype), rtol=1e-5, atol=0, equal_nan=True) for answer in answers]
    assert np.logical_or(*near).all(), (found, answers)


def test_scales_and_affine_layers_of_an_ordinary_size_are_one() -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((2, 3, 3))
    layers = [fj.Scale(rng.standard_normal(3)), fj.Affine(weights[0], weights[0, 0]), fj.Scale(0.5, 2.0), fj.Affine(weights[1])]
    assert len(fj.Network(layers).program().primal) == 1


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
def test_zeros_cancelling_terms_and_denormal_weights_are_no_underflow(dtype: np.dtype) -> None:
    pruned = fj.Affine(np.array([[0.0, 1.0], [np.finfo(dtype).smallest_subnormal, 2.0]]))
    assert scaled_inputs(pruned, fj.Scale(np.array([1e-3, 0.0])), dtype) is not None
    assert scaled_outputs(pruned, fj.Scale(0.25), dtype) is not None
    assert composed(fj.Affine(np.array([[1.0, -1.0]])), fj.Affine(ONES), dtype) is not None
    np.testing.assert_array_equal(product(np.matmul, ONES, ONES, dtype), 2 * ONES)
    for size in (np.finfo(dtype).tiny, np.finfo(dtype).max, np.inf, np.nan):
        assert product(np.multiply, np.array([1.0, size]), np.array([1.0, 0.25 if size < 1 else 4.0]), dtype) is None
