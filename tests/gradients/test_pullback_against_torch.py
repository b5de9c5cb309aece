"""Acceptance: gradients of 100 random networks of every layer against torch.func, from seeds at either end and between.

An error is relative to the largest entry of its own array, or of the sample's row of the gradient by x.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.seeds import cheapest_seeds
from fastjac.layers import Layer
from tests.gradients import seeded, torch_gradients
from tests.random_networks import DRAWN, fair_inputs, random_network

SEEDS = range(100)
BATCH = 3
# A tenth of what is promised; 5e-13 is found. Nothing of torch's own needs more on inputs that are fair to the Jacobian.
FLOAT64_TOLERANCE = 1e-11
# Inputs are fair to the Jacobian, whose own derivatives may be conditioned worse: rounding moves some by 4e-4.
FLOAT32_TOLERANCE = 1e-3

Arrays = list[dict[str, np.ndarray]]


@dataclass
class Case:
    """A random network, inputs for it, the derivatives of a loss by its values and Jacobians, and what torch makes of them."""

    layers: tuple[Layer, ...]
    x: np.ndarray
    rng: np.random.Generator

    @cached_property
    def net(self) -> fj.Network:
        return fj.Network(self.layers)

    @cached_property
    def by_values(self) -> tuple[np.ndarray, np.ndarray]:
        shapes = (BATCH, self.net.n_out), (BATCH, self.net.n_out, self.net.n_in)
        by_y, by_jacobian = (self.rng.standard_normal(shape) for shape in shapes)
        return by_y, by_jacobian

    @cached_property
    def expected(self) -> tuple[np.ndarray, Arrays]:
        return torch_gradients.pullback(self.layers, self.x, *self.by_values)


@pytest.fixture(scope="module", params=SEEDS)
def case(request: pytest.FixtureRequest) -> Case:
    network = random_network(request.param)
    rng = np.random.default_rng(request.param)
    return Case(network.layers, fair_inputs(network.layers, network.n_in, BATCH, rng), rng)


def assert_gradient(found: fj.Gradient, by_x: np.ndarray, by_parameters: Arrays, tolerance: float) -> None:
    """Each sample's row and each array within `tolerance` of its largest entry; what is all 0 is met exactly."""
    for actual, expected in zip(found.x, by_x, strict=True):
        assert_close(actual, expected, tolerance, "x")
    for position, (arrays, wanted) in enumerate(zip(found.layers, by_parameters, strict=True)):
        assert arrays.keys() == wanted.keys()
        for name, expected in wanted.items():
            assert_close(arrays[name], expected, tolerance, f"{name} of layer {position}")


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    assert actual.shape == expected.shape
    error, scale = np.abs(actual - expected).max(), np.abs(expected).max()
    assert error <= tolerance * scale, f"gradient by {what}: error {error:.3g}, largest entry {scale:.3g}"


def test_gradients_equal_torch(case: Case) -> None:
    found = case.net.jacobian_vjp(case.x)[2](*case.by_values)
    assert found.x.dtype == found.parameters.dtype == np.float64
    assert_gradient(found, *case.expected, FLOAT64_TOLERANCE)


def test_gradients_do_not_depend_on_where_the_seeds_lie(case: Case) -> None:
    last = seeded.boundaries(case.net)[-1]
    for boundary in {0, last // 2, last}:
        found = seeded.pullback(case.net, case.x, boundary)(*case.by_values)
        assert_gradient(found, *case.expected, FLOAT64_TOLERANCE)


def test_float32_gradients_equal_float64_ones(case: Case) -> None:
    """Of the same network: one whose parameters are numbers of float32, as the inputs are already."""
    single = case.net.astype(np.float32)
    found = single.jacobian_vjp(case.x)[2](*case.by_values)
    assert found.x.dtype == found.parameters.dtype == np.float32
    expected = single.astype(np.float64).jacobian_vjp(case.x)[2](*case.by_values)
    assert_gradient(found, expected.x, list(expected.layers), FLOAT32_TOLERANCE)


UNITS = np.random.default_rng(0).uniform(0.5, 1.5, (2, 9))
TRAINED = [
    fj.Scale(*UNITS), fj.Scale(UNITS[0], 0.5), fj.Scale(2.0, UNITS[1]), fj.PReLU(UNITS[0] / 3), fj.Affine(UNITS[:, :7].T @ UNITS),
    fj.LayerNorm(*UNITS), fj.LayerNorm(UNITS[0]), fj.LayerNorm(None, UNITS[1]),
    fj.GatedSwish(*UNITS), fj.GatedSwish(UNITS[0], 0.5), fj.GatedSwish(0.3, UNITS[1]),
]  # fmt: skip


@pytest.mark.parametrize("layer", TRAINED, ids=repr)
def test_trained_arrays_with_and_without_their_companions(layer: Layer) -> None:
    rng = np.random.default_rng(1)
    layers = [seeded.affine(rng, 5, 9), fj.Tanh(), layer, fj.SiLU(), seeded.affine(rng, layer.n_out or 9, 4)]
    case = Case(tuple(layers), rng.standard_normal((BATCH, 5)), rng)
    for boundary in seeded.boundaries(case.net):
        assert_gradient(seeded.pullback(case.net, case.x, boundary)(*case.by_values), *case.expected, FLOAT64_TOLERANCE)


WIDTHS_FAR_APART = [
    ((1, 8200, 1), fj.Tanh()), ((3, 8200, 2), fj.Softmax()), ((500, 20, 400), fj.ReLU()), ((300, 1, 300), fj.SiLU()),
    ((1, 1, 1), fj.Exp()),
]  # fmt: skip


@pytest.mark.parametrize(("widths", "layer"), WIDTHS_FAR_APART, ids=str)
def test_widths_far_apart(widths: tuple[int, ...], layer: Layer) -> None:
    rng = np.random.default_rng(2)
    case = Case(tuple(seeded.alternating(rng, widths, layer)), rng.standard_normal((BATCH, widths[0])), rng)
    found = case.net.jacobian_vjp(case.x)[2](*case.by_values)
    assert_gradient(found, *case.expected, FLOAT64_TOLERANCE)


def test_the_networks_are_as_varied_as_they_claim() -> None:
    nets = [fj.Network(random_network(seed).layers) for seed in SEEDS]
    assert {type(layer) for net in nets for layer in net} == DRAWN
    seeds, lasts = [cheapest_seeds(seeded.unfolded(net)) for net in nets], [seeded.boundaries(net)[-1] for net in nets]
    assert sum(at == 0 for at in seeds) > 10
    assert sum(at == last for at, last in zip(seeds, lasts, strict=True)) > 10
    assert sum(0 < at < last for at, last in zip(seeds, lasts, strict=True)) > 10
    for kind in (fj.Softmax, fj.LogSoftmax, fj.Sparsemax, fj.LayerNorm):
        places = [number / len(net) for net in nets for number, layer in enumerate(net) if isinstance(layer, kind)]
        assert min(places) < 0.3
        assert max(places) > 0.5
