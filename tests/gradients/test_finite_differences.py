"""Whole losses of values and Jacobians against their central differences, with values and Jacobians of the naive twin."""

from collections.abc import Callable

import numpy as np
import pytest

import fastjac as fj
from tests import naive
from tests.gradients import seeded

Pair = tuple[np.ndarray, np.ndarray]
STEP = 1e-5
TOLERANCE = 1e-8
"""Relative to the gradient's largest entry; the differences' own error, of order STEP^2, is some 1e-10."""


def log_volume(y: np.ndarray, jacobian: np.ndarray) -> float:
    """`sum log det J^T J + sum y^2`."""
    return float(np.linalg.slogdet(jacobian.swapaxes(-1, -2) @ jacobian)[1].sum() + (y**2).sum())


def log_volume_by(y: np.ndarray, jacobian: np.ndarray) -> Pair:
    """The derivatives by y and by J, which is `2 J (J^T J)^-1`."""
    return 2 * y, 2 * jacobian @ np.linalg.inv(jacobian.swapaxes(-1, -2) @ jacobian)


def mean_determinant(y: np.ndarray, jacobian: np.ndarray) -> float:
    """The published penalty, the mean of `det J^T J`."""
    return float(np.linalg.det(jacobian.swapaxes(-1, -2) @ jacobian).mean())


def mean_determinant_by(y: np.ndarray, jacobian: np.ndarray) -> Pair:
    determinants = np.linalg.det(jacobian.swapaxes(-1, -2) @ jacobian)
    return np.zeros_like(y), log_volume_by(y, jacobian)[1] * determinants[:, None, None] / len(y)


def norm(y: np.ndarray, jacobian: np.ndarray) -> float:
    """`sum J^2 + sum tanh y`."""
    return float((jacobian**2).sum() + np.tanh(y).sum())


def norm_by(y: np.ndarray, jacobian: np.ndarray) -> Pair:
    return 1 / np.cosh(y) ** 2, 2 * jacobian


LOSSES = {
    "log volume": (log_volume, log_volume_by),
    "determinant": (mean_determinant, mean_determinant_by),
    "norm": (norm, norm_by),
}


def differences(loss: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """The central differences of a function of one array along each of its entries."""
    result = np.empty(at.size)
    for number, step in enumerate(np.eye(at.size).reshape(-1, *at.shape) * STEP):
        result[number] = (loss(at + step) - loss(at - step)) / (2 * STEP)
    return result.reshape(at.shape)


def networks() -> dict[str, fj.Network]:
    """Chains whose cheapest seeds lie at the input, at a waist and at the output."""
    rng = np.random.default_rng(3)
    between = {
        "narrow input": ((2, 5, 6, 4), fj.Tanh(), fj.LayerNorm(rng.uniform(0.5, 1.5, 6), rng.standard_normal(6))),
        "waist": ((4, 7, 3, 7, 4), fj.SiLU(), fj.Tanh(), fj.GELU()),
        "normalizers": ((2, 5, 4, 4), fj.LogSoftmax(), fj.Softmax()),
        "wide": ((6, 8, 8, 3), fj.ELU(0.7), fj.PReLU(rng.uniform(0.1, 0.5, 8))),
    }
    return {name: fj.Network(seeded.alternating(rng, *chain)) for name, chain in between.items()}


NETWORKS = networks()


@pytest.mark.parametrize(("network", "loss"), [("narrow input", "log volume"), ("narrow input", "determinant"),
                                               ("normalizers", "log volume"), ("waist", "norm"), ("wide", "norm")])  # fmt: skip
def test_gradient_of_a_loss_is_that_of_its_differences(network: str, loss: str) -> None:
    net, (function, derivatives) = NETWORKS[network], LOSSES[loss]
    x = np.random.default_rng(1).standard_normal((3, net.n_in))
    y, jacobian, pullback = net.jacobian_vjp(x)
    found = pullback(*derivatives(y, jacobian))

    def of_parameters(theta: np.ndarray) -> float:
        layers = net.with_parameters(theta).layers
        return function(naive.value(layers, x), naive.jacobian(layers, x))

    def of_inputs(point: np.ndarray) -> float:
        return function(naive.value(net.layers, point), naive.jacobian(net.layers, point))

    for actual, expected in (
        (found.x, differences(of_inputs, x)),
        (found.parameters, differences(of_parameters, net.parameters())),
    ):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
