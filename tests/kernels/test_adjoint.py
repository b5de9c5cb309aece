"""What a loss of the Jacobian says of one layer, of every kind: by its inputs and by its own parameters, against torch.func."""

import mpmath as mp
import numpy as np
import pytest

import fastjac as fj
from tests.activations import defined
from tests.gradients import seeded, torch_gradients
from tests.layers.test_layers_against_torch import ELEMENTWISE_LAYERS, NORMALIZERS

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def weights(n, seed=0):
    """A random scale of n units, and a shift."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.5, 1.5, n), rng.standard_normal(n)


def by_jacobian_alone(net, x, by_jacobian, boundary):
    """The gradients by inputs and by each layer's arrays of the loss `sum by_jacobian J`."""
    found = seeded.pullback(net, x, boundary)(None, by_jacobian)
    return found.x, found.layers


def assert_torch_agrees(layers, x, tolerance, seed=0):
    """From seeds at every boundary: each sample's row, and each array, to `tolerance` of its largest entry and of 1."""
    net = fj.Network(layers, n_in=x.shape[1])
    by_jacobian = np.random.default_rng(seed).standard_normal((len(x), net.n_out, net.n_in))
    by_x, by_arrays = torch_gradients.pullback(layers, x, np.zeros((len(x), net.n_out)), by_jacobian)
    for boundary in seeded.boundaries(net):
        found_x, found_arrays = by_jacobian_alone(net, x, by_jacobian, boundary)
        scale = np.maximum(1, np.abs(by_x).max(axis=1, keepdims=True))
        assert (np.abs(found_x - by_x) <= tolerance * scale).all(), np.abs((found_x - by_x) / scale).max()
        for actual, expected in zip(found_arrays, by_arrays, strict=True):
            assert actual.keys() == expected.keys()
            for name, array in expected.items():
                np.testing.assert_allclose(actual[name], array, rtol=0, atol=tolerance * max(1, np.abs(array).max()))


@pytest.mark.parametrize("layer", ELEMENTWISE_LAYERS, ids=repr)
def test_elementwise_layers(layer):
    """Of one unit, so that the gradient by x is the second derivative times a number."""
    # None of these lies where a derivative jumps: torch takes one side there, and not always that of its first derivative.
    x = np.concatenate([np.linspace(-50, 50, 500), np.linspace(-4, 4, 200)])
    # An absolute error, because torch's tails are small differences of terms of order 1.
    assert_torch_agrees([layer], defined(layer, x)[:, None], 2e-14)


@pytest.mark.parametrize("scale", [0.01, 1.0, 5.0, 50.0])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 17, 40])
@pytest.mark.parametrize("layer", NORMALIZERS, ids=repr)
def test_normalizers(layer, n, scale):
    x = np.random.default_rng(n).standard_normal((4, n)) * scale
    assert_torch_agrees([layer], x, 1e-10)


@pytest.mark.parametrize("n", [1, 5, 8, 33])
@pytest.mark.parametrize(
    "kind", ["PReLU", "Scale", "scale without shift", "shift without scale", "GatedSwish", "floors", "betas"]
)
def test_activations_with_parameters(kind, n):
    weight, bias = weights(n)
    layer = {
        "PReLU": fj.PReLU(weight),
        "Scale": fj.Scale(weight, bias),
        "scale without shift": fj.Scale(weight, 0.5),
        "shift without scale": fj.Scale(2.0, bias),
        "GatedSwish": fj.GatedSwish(bias, weight),
        "floors": fj.GatedSwish(bias, 2.0),
        "betas": fj.GatedSwish(0.25, weight),
    }[kind]
    assert_torch_agrees([layer], np.random.default_rng(n).standard_normal((6, n)), 1e-13)


def gated_swish(x, floor, beta):
    return x * (floor + (1 - floor) / (1 + mp.exp(-beta * x)))


def test_the_gate_of_two_parameters_keeps_its_accuracy_in_the_tails():
    """Where torch's differences of terms of order 1 do not: its own derivatives by floor and beta, in exact arithmetic."""
    layer = fj.GatedSwish(np.array([0.25]), np.array([2.0]))
    net = fj.Network([layer])
    for x in (-300.0, -40.0, -3.0, 0.0, 0.5, 30.0, 300.0):
        (found,) = seeded.pullback(net, np.array([[x]]), seeded.boundaries(net)[0])(None, np.ones((1, 1, 1))).layers
        with mp.workdps(700):
            for name, order in (("floor", (1, 1, 0)), ("beta", (1, 0, 1))):
                expected = mp.diff(gated_swish, (mp.mpf(x), mp.mpf(0.25), mp.mpf(2)), order)
                assert abs(mp.mpf(found[name][0]) - expected) <= 1e-14 * abs(expected) + 1e-307, (x, name)


def test_the_slope_of_prelu_at_its_kink_is_its_weight():
    """So its derivative by the weight is 1 there; torch's first derivative agrees, its second gives 0."""
    net, by_jacobian = fj.Network([fj.PReLU(np.array([0.2]))]), np.array([[[3.0]], [[5.0]], [[7.0]]])
    x = np.array([[0.0], [-0.0], [1.0]])
    np.testing.assert_array_equal(net.jacobian(x), [[[0.2]], [[0.2]], [[1.0]]])
    for boundary in seeded.boundaries(net):
        _, (arrays,) = by_jacobian_alone(net, x, by_jacobian, boundary)
        np.testing.assert_array_equal(arrays["weight"], [8.0])


@pytest.mark.parametrize("n", [8, 33])
@pytest.mark.parametrize("parts", [(True, True), (True, False), (False, True)], ids=str)
def test_scales_and_shifts_of_layer_normalization(parts, n):
    weight, bias = (array if there else None for array, there in zip(weights(n), parts, strict=True))
    assert_torch_agrees([fj.LayerNorm(weight, bias)], np.random.default_rng(n).standard_normal((6, n)), 1e-12)


@pytest.mark.parametrize("layer", NORMALIZERS, ids=repr)
@pytest.mark.parametrize("place", [0, 2, 4, 6])
def test_a_normalizer_anywhere_in_a_chain(layer, place):
    rng = np.random.default_rng(place)
    layers = seeded.alternating(rng, (9, 12, 10, 11), fj.Tanh(), fj.Sigmoid())
    assert_torch_agrees([*layers[:place], layer, *layers[place:]], rng.standard_normal((5, 9)), 1e-11)


@both_dtypes
def test_affine_maps_alone_leave_inputs_without_a_gradient(dtype):
    rng = np.random.default_rng(0)
    net = fj.Network([seeded.affine(rng, 4, 6), seeded.affine(rng, 6, 3)], dtype=dtype)
    by_jacobian = rng.standard_normal((50, 3, 4)).astype(dtype)
    for boundary in seeded.boundaries(net):
        by_x, by_arrays = by_jacobian_alone(net, rng.standard_normal((50, 4)).astype(dtype), by_jacobian, boundary)
        np.testing.assert_array_equal(by_x, np.zeros((50, 4)))
        total = by_jacobian.sum(axis=0)
        tolerance = {np.float32: 1e-4, np.float64: 1e-12}[dtype]
        np.testing.assert_allclose(by_arrays[0]["weight"], net[1].weight.T @ total, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(by_arrays[1]["weight"], total @ net[0].weight.T, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(by_arrays[0]["bias"], np.zeros(6))


@pytest.mark.parametrize("layer", [*ELEMENTWISE_LAYERS, *NORMALIZERS], ids=repr)
def test_float32_follows_float64(layer):
    n = layer.n_in or 12
    x = np.random.default_rng(1).standard_normal((20, n)).astype(np.float32)
    by_jacobian = np.random.default_rng(2).standard_normal((20, n, n)).astype(np.float32)
    single = fj.Network([layer], n_in=n, dtype=np.float32)
    for boundary in seeded.boundaries(single):
        found = by_jacobian_alone(single, x, by_jacobian, boundary)[0]
        expected = by_jacobian_alone(single.astype(np.float64), x.astype(float), by_jacobian.astype(float), boundary)[0]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1, np.nanmax(np.abs(expected))))
