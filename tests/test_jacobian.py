"""Acceptance: 120 random networks against torch.func.jacrev, in every mode and both dtypes, and the laws of the products.

An error is relative to the largest entry of the sample's own Jacobian. A sample whose Jacobian is 0 must be met exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastjac as fj
from fastjac.layers import Layer
from fastjac.planning.steps import Mode
from tests import naive, torch_reference
from tests.random_networks import BATCHES, DRAWN, fair_inputs, random_network

# In network 79 a small unit meets a TanhShrink, whose derivative torch takes as 1 - (1 - tanh^2), which loses its digits.
SEEDS = [seed for seed in range(120) if seed != 79]
MODES: tuple[Mode, ...] = ("auto", "forward", "reverse", "mixed")
FLOAT64_TOLERANCE = 1e-12
FLOAT32_TOLERANCE = 2e-5


@dataclass
class Case:
    """A random network, inputs for it, and what torch says of them."""

    layers: tuple[Layer, ...]
    x: np.ndarray
    rng: np.random.Generator

    @cached_property
    def net(self) -> fj.Network:
        return fj.Network(self.layers)

    @cached_property
    def y(self) -> np.ndarray:
        return torch_reference.value(self.layers, self.x)

    @cached_property
    def jacobian(self) -> np.ndarray:
        return torch_reference.jacobian(self.layers, self.x)

    @cached_property
    def rounded(self) -> "Case":
        """The same with parameters that are numbers of float32, as the inputs are already."""
        layers = [replace(layer, **{name: a.astype(np.float32) for name, a in layer.arrays.items()}) for layer in self.layers]
        return Case(tuple(layers), self.x, self.rng)


@pytest.fixture(scope="module", params=SEEDS)
def case(request: pytest.FixtureRequest) -> Case:
    network = random_network(request.param)
    rng = np.random.default_rng(request.param)
    return Case(network.layers, fair_inputs(network.layers, network.n_in, network.batch, rng), rng)


def assert_jacobian(actual: np.ndarray, expected: np.ndarray, tolerance: float, mode: Mode) -> None:
    """Every entry within `tolerance` of the largest entry of its sample's expected Jacobian."""
    assert actual.shape == expected.shape, mode
    error = np.abs(actual - expected).max(axis=(-2, -1))
    scale = np.abs(expected).max(axis=(-2, -1))
    bad = np.flatnonzero(~(error <= tolerance * scale))
    assert bad.size == 0, (
        f"{mode}: sample {bad[0]} and {bad.size - 1} more: error {error[bad[0]]:.3g}, largest entry {scale[bad[0]]:.3g}"
    )


def test_jacobian_equals_torch(case: Case) -> None:
    assert case.net.dtype == np.float64
    for mode in MODES:
        assert_jacobian(case.net.jacobian(case.x, mode=mode), case.jacobian, FLOAT64_TOLERANCE, mode)


def test_float32_jacobian_equals_the_float64_one(case: Case) -> None:
    net, x = case.rounded.net, case.x.astype(np.float32)
    assert net.dtype == np.float32
    for mode in MODES:
        jacobian = net.jacobian(x, mode=mode)
        assert jacobian.dtype == np.float32
        assert_jacobian(jacobian, case.rounded.jacobian, FLOAT32_TOLERANCE, mode)


def test_value_equals_torch(case: Case) -> None:
    np.testing.assert_allclose(case.net(case.x), case.y, rtol=1e-12, atol=1e-13)
    y32 = case.rounded.net(case.x)
    assert y32.dtype == np.float32
    np.testing.assert_allclose(y32, case.rounded.y, rtol=2e-5, atol=2e-5)


def test_value_and_jacobian_has_the_bits_of_its_parts(case: Case) -> None:
    for mode in MODES:
        y, jacobian = case.net.value_and_jacobian(case.x, mode=mode)
        np.testing.assert_array_equal(y, case.net(case.x))
        np.testing.assert_array_equal(jacobian, case.net.jacobian(case.x, mode=mode))


def test_products_equal_products_with_torchs_jacobian(case: Case) -> None:
    net, x, expected = case.net, case.x, case.jacobian
    v = case.rng.standard_normal((len(x), net.n_in, 5))
    u = case.rng.standard_normal((len(x), 3, net.n_out))
    assert_product(net.pushforward(x, v), case.y, expected @ v, np.abs(expected) @ np.abs(v))
    assert_product(net.pullback(x, u), case.y, u @ expected, np.abs(u) @ np.abs(expected))
    assert_product(net.jvp(x, v[..., 0]), case.y, (expected @ v)[..., 0], (np.abs(expected) @ np.abs(v))[..., 0])
    assert_product(net.vjp(x, u[:, 0]), case.y, (u @ expected)[:, 0], (np.abs(u) @ np.abs(expected))[:, 0])


def assert_product(actual: tuple[np.ndarray, np.ndarray], y: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> None:
    """The value, and the product within 1e-12 of what it would be if nothing cancelled in it, sample by sample."""
    np.testing.assert_allclose(actual[0], y, rtol=1e-12, atol=1e-13)
    assert actual[1].shape == expected.shape
    axes = tuple(range(1, expected.ndim))
    assert np.all(np.abs(actual[1] - expected).max(axis=axes) <= FLOAT64_TOLERANCE * scale.max(axis=axes))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jvp_and_vjp_are_adjoint(case: Case, dtype: type) -> None:
    """`<u, jvp(v)> == <vjp(u), v>`, and the same for matrices: `U (J V) == (U J) V`."""
    net = (case if dtype is np.float64 else case.rounded).net
    v = case.rng.standard_normal((len(case.x), net.n_in, 4)).astype(dtype)
    u = case.rng.standard_normal((len(case.x), 2, net.n_out)).astype(dtype)
    tangents, cotangents = net.pushforward(case.x, v)[1], net.pullback(case.x, u)[1]
    scale = np.abs(u).sum(axis=-1)[..., None] * (np.abs(case.jacobian) @ np.abs(v)).max(axis=-2)[:, None, :]
    tolerance = FLOAT64_TOLERANCE if dtype is np.float64 else FLOAT32_TOLERANCE
    assert np.all(np.abs(u @ tangents - cotangents @ v) <= tolerance * scale)
    left = np.sum(u[:, 0] * net.jvp(case.x, v[..., 0])[1], axis=-1)
    right = np.sum(net.vjp(case.x, u[:, 0])[1] * v[..., 0], axis=-1)
    assert np.all(np.abs(left - right) <= tolerance * scale[:, 0, 0])


def test_the_random_networks_are_as_varied_as_they_claim() -> None:
    networks = [random_network(seed) for seed in SEEDS]
    assert {type(layer) for network in networks for layer in network.layers} == DRAWN
    assert {sum(isinstance(layer, fj.Affine) for layer in network.layers) for network in networks} == set(range(1, 9))
    assert {network.batch for network in networks} == set(BATCHES)
    widths = {layer.n_in for network in networks for layer in network.layers if isinstance(layer, fj.Affine)}
    assert min(widths) == 1
    assert 280 <= max(widths) <= 300
    ends = [(isinstance(n.layers[0], fj.Affine), isinstance(n.layers[-1], fj.Affine)) for n in networks]
    assert set(ends) == {(True, True), (True, False), (False, True), (False, False)}


ACTIVATIONS: Sequence[type[Layer]] = (fj.ReLU, fj.Tanh, fj.HardTanh, fj.GELU)


@given(
    widths=st.lists(st.integers(1, 70), min_size=2, max_size=5),
    activation=st.sampled_from(ACTIVATIONS),
    batch=st.integers(1, 9),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_width_around_the_vector_and_tile_sizes(
    widths: list[int], activation: type[Layer], batch: int, mode: Mode, dtype: type
) -> None:
    rng = np.random.default_rng(sum(widths))
    layers: list[Layer] = []
    for n_in, n_out in pairwise(widths):
        weight = rng.standard_normal((n_out, n_in)).astype(dtype) * dtype(1.4 / np.sqrt(n_in))
        layers += [fj.Affine(weight, rng.standard_normal(n_out).astype(dtype)), activation()]
    layers.pop()
    x = fair_inputs(layers, widths[0], batch, rng)
    tolerance = FLOAT64_TOLERANCE if dtype is np.float64 else FLOAT32_TOLERANCE
    assert_jacobian(fj.Network(layers).jacobian(x, mode=mode), naive.jacobian(layers, x), tolerance, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bias", [-100.0, 100.0], ids=["all units dead", "all units live"])
def test_relu_layers_without_or_with_every_unit_live(mode: Mode, bias: float) -> None:
    rng = np.random.default_rng(0)
    first, second, last = (rng.standard_normal(shape) / 5 for shape in [(33, 17), (29, 33), (5, 29)])
    layers = [fj.Affine(first, np.full(33, bias)), fj.ReLU(), fj.Affine(second), fj.Affine(np.abs(last)), fj.ReLU6()]
    x = rng.standard_normal((4, 17))
    assert_jacobian(fj.Network(layers).jacobian(x, mode=mode), naive.jacobian(layers, x), FLOAT64_TOLERANCE, mode)


@pytest.mark.parametrize("mode", MODES)
def test_an_autoencoder_in_every_mode(mode: Mode) -> None:
    rng = np.random.default_rng(0)
    widths = (784, 256, 32, 256, 784)
    layers: list[Layer] = []
    for n_in, n_out in pairwise(widths):
        layers += [fj.Affine(rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), rng.standard_normal(n_out)), fj.ReLU()]
    layers[-1] = fj.Sigmoid()
    x = rng.standard_normal((2, 784))
    assert_jacobian(fj.Network(layers).jacobian(x, mode=mode), naive.jacobian(layers, x), FLOAT64_TOLERANCE, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layer", [fj.Softmax(), fj.LogSoftmax(), fj.Sparsemax(), fj.LayerNorm()], ids=repr)
def test_normalizers_of_a_single_unit_have_no_derivative(layer: Layer, mode: Mode) -> None:
    rng = np.random.default_rng(0)
    layers = [fj.Affine(rng.standard_normal((1, 6))), layer, fj.Affine(rng.standard_normal((4, 1)))]
    np.testing.assert_allclose(fj.Network(layers).jacobian(rng.standard_normal((3, 6)), mode=mode), 0, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_in", [1, 5, 40])
def test_networks_without_affine_layers(mode: Mode, n_in: int) -> None:
    rng = np.random.default_rng(n_in)
    x = rng.standard_normal((3, n_in))
    for layers in ([fj.Tanh()], [fj.ReLU(), fj.SiLU()], [fj.Softmax()], [fj.Sigmoid(), fj.LogSoftmax(), fj.Tanh()]):
        net = fj.Network(layers, n_in=n_in)
        # Rows of a softmax's Jacobian sum to 0, so what is left of one unit is rounding alone.
        np.testing.assert_allclose(net.jacobian(x, mode=mode), naive.jacobian(layers, x), rtol=1e-12, atol=1e-15)
