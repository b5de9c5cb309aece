"""The flat vector of parameters, there and back, and Jacobians by it against torch.func; what a caller can get wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, OptionError, ShapeError
from tests import naive
from tests.bits import assert_same_bits
from tests.gradients import seeded, torch_gradients
from tests.random_networks import DRAWN, fair_inputs, random_network
from tests.test_arguments import SHAPES, views

LARGEST = 200_000
"""Numbers in the Jacobian at one input, above which a random network is left out: torch takes long for it."""
SEEDS = [seed for seed in range(100) if (net := fj.Network(random_network(seed).layers)).n_out * net.n_parameters <= LARGEST]

RNG = np.random.default_rng(0)
LAYERS_OF_EVERY_KIND = [
    fj.Scale(RNG.uniform(0.5, 1.5, 4), RNG.standard_normal(4)),
    seeded.affine(RNG, 4, 6),
    fj.PReLU(RNG.uniform(0.1, 0.5, 6)),
    fj.Affine(RNG.standard_normal((5, 6))),
    fj.LayerNorm(RNG.uniform(0.5, 1.5, 5)),
    fj.Tanh(),
    seeded.affine(RNG, 5, 3),
]
NET = fj.Network(LAYERS_OF_EVERY_KIND)
N_PARAMETERS = 8 + 30 + 6 + 30 + 5 + 18


def inputs(*lead: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((*lead, 4))


class TestParameters:
    def test_they_are_all_arrays_layer_by_layer_and_row_by_row(self) -> None:
        expected = [array.ravel() for layer in LAYERS_OF_EVERY_KIND for array in layer.arrays.values()]
        np.testing.assert_array_equal(NET.parameters(), np.concatenate(expected))
        assert NET.parameters().shape == (NET.n_parameters,) == (N_PARAMETERS,)
        np.testing.assert_array_equal(NET.parameters()[8:12], LAYERS_OF_EVERY_KIND[1].weight[0])

    def test_they_are_a_copy(self) -> None:
        NET.parameters()[...] = 0.0
        assert np.abs(NET.parameters()).min() > 0

    def test_there_may_be_none(self) -> None:
        net = fj.Network([fj.Tanh(), fj.PReLU(0.2), fj.LayerNorm()], n_in=3)
        assert net.parameters().shape == (0,)
        assert net.parameters().dtype == np.float64
        assert net.parameter_jacobian(np.ones((2, 3))).shape == (2, 3, 0)
        np.testing.assert_array_equal(net.parameter_jvp(np.ones((2, 3)), [])[1], np.zeros((2, 3)))
        assert net.with_parameters([]).layers == net.layers

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_round_trip(self, dtype: type) -> None:
        net = NET.astype(dtype)
        other = net.with_parameters(net.parameters())
        assert other.dtype == dtype
        assert other.widths == net.widths
        assert [layer.options for layer in other] == [layer.options for layer in net]
        assert_same_bits((other.parameters(), other.jacobian(inputs(5))), (net.parameters(), net.jacobian(inputs(5))))

    def test_other_parameters_make_another_network(self) -> None:
        theta = RNG.standard_normal(N_PARAMETERS)
        before = NET.parameters()
        other = NET.with_parameters(theta)
        np.testing.assert_array_equal(other.parameters(), theta)
        np.testing.assert_array_equal(NET.parameters(), before)
        np.testing.assert_allclose(other(inputs(5)), naive.value(other.layers, inputs(5)), rtol=1e-12)
        np.testing.assert_array_equal(other[3].weight, theta[44:74].reshape(5, 6))
        theta[...] = 0.0
        assert np.abs(other.parameters()).min() > 0
        for layer in other:
            assert not any(array.flags.writeable for array in layer.arrays.values())

    def test_parameters_of_another_kind_are_cast(self) -> None:
        whole = np.arange(N_PARAMETERS)
        assert NET.with_parameters(whole).dtype == np.float64
        assert NET.astype(np.float32).with_parameters(whole.astype(float)).dtype == np.float32
        np.testing.assert_array_equal(NET.with_parameters(whole.tolist()).parameters(), whole)
        np.testing.assert_array_equal(NET.with_parameters(np.repeat(whole, 2)[::2]).parameters(), whole)


class TestParameterJacobian:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_it_and_the_tangent_kernel_equal_torch(self, seed: int) -> None:
        """Every array's part, at each input, within 1e-12 of its largest entry; what is all 0 is met exactly."""
        network, rng = random_network(seed), np.random.default_rng(seed)
        net, x = fj.Network(network.layers), fair_inputs(network.layers, network.n_in, 2, rng)
        found, expected = net.parameter_jacobian(x), torch_gradients.parameter_jacobian(network.layers, x)
        assert found.shape == expected.shape
        ends = np.cumsum([array.size for layer in network.layers for array in layer.arrays.values()])[:-1]
        for part, wanted in zip(np.split(found, ends, axis=2), np.split(expected, ends, axis=2), strict=True):
            assert (np.abs(part - wanted).max(axis=(1, 2)) <= 1e-12 * np.abs(wanted).max(axis=(1, 2))).all()
        # Likewise, a product of two inputs' longest rows being what it would be if nothing cancelled.
        kernel, longest = np.einsum("aip,bjp->abij", expected, expected), np.linalg.norm(expected, axis=2).max(axis=1)
        error = np.abs(net.neural_tangent_kernel(x) - kernel).max(axis=(2, 3))
        assert (error <= 1e-12 * np.outer(longest, longest)).all()

    def test_those_networks_had_every_layer(self) -> None:
        assert {type(layer) for seed in SEEDS for layer in random_network(seed).layers} == DRAWN

    @pytest.mark.parametrize("lead", SHAPES, ids=str)
    def test_leading_dimensions_and_out(self, lead: tuple[int, ...]) -> None:
        found = NET.parameter_jacobian(inputs(*lead))
        assert found.shape == (*lead, 3, N_PARAMETERS)
        assert_same_bits((found.reshape(-1, 3, N_PARAMETERS),), (NET.parameter_jacobian(inputs(*lead).reshape(-1, 4)),))
        out = np.full_like(found, np.nan)
        assert NET.parameter_jacobian(inputs(*lead), out=out) is out
        assert_same_bits((out,), (found,))

    def test_out_of_any_layout(self) -> None:
        expected = NET.parameter_jacobian(inputs(2, 5))
        whole = np.full((4, 5, 3, 2 * N_PARAMETERS), np.nan)
        for out in (np.empty(expected.shape, order="F"), whole[::-2, :, :, ::2], whole[1:3, ..., :N_PARAMETERS]):
            assert NET.parameter_jacobian(inputs(2, 5), out=out) is out
            np.testing.assert_array_equal(out, expected)

    @pytest.mark.parametrize("layout", views(np.zeros((1, 1))))
    def test_any_layout_of_x(self, layout: str) -> None:
        assert_same_bits((NET.parameter_jacobian(views(inputs(6))[layout]),), (NET.parameter_jacobian(inputs(6)),))

    def test_float32(self) -> None:
        single = NET.astype(np.float32)
        found = single.parameter_jacobian(inputs(6))
        assert found.dtype == np.float32
        x = inputs(6).astype(np.float32)
        np.testing.assert_allclose(found, single.astype(np.float64).parameter_jacobian(x), rtol=0, atol=2e-5)

    def test_bits_do_not_depend_on_batch_or_threads(self) -> None:
        x = inputs(301)
        whole = NET.parameter_jacobian(x, threads=1)
        assert_same_bits((NET.parameter_jacobian(x, threads=2),), (whole,))
        for row in (0, 47, 300):
            assert_same_bits((NET.parameter_jacobian(x[row]),), (whole[row],))

    def test_samples_with_nan_do_not_reach_others(self) -> None:
        x = inputs(60)
        expected = np.delete(NET.parameter_jacobian(x), 7, axis=0)
        x[7] = np.nan
        found = NET.parameter_jacobian(x)
        assert np.isnan(found[7]).any()
        assert_same_bits((np.delete(found, 7, axis=0),), (expected,))


def refused(call: Callable[[], Any], error: type[FastjacError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


X, THETA = inputs(5), np.ones(N_PARAMETERS)
VECTORS: dict[str, Callable[[Any], Any]] = {
    "theta": NET.with_parameters,
    "v": lambda v: NET.parameter_jvp(X, v),
    "v of Gauss-Newton": lambda v: NET.gauss_newton_product(X, v),
}
WRONG_VECTORS = {
    "short": (
        THETA[1:],
        ShapeError,
        rf"must have shape \({N_PARAMETERS},\), one entry for each parameter, got \({N_PARAMETERS - 1},",
    ),
    "a row": (THETA[None], ShapeError, rf"must have shape \({N_PARAMETERS},\), .*got \(1, {N_PARAMETERS}\)"),
    "a number": (1.0, ShapeError, rf"must have shape \({N_PARAMETERS},\), .*got \(\)"),
    "complex": (THETA.astype(complex), DtypeError, "must hold real numbers, got dtype complex128"),
    "object": (THETA.astype(object), DtypeError, "must hold real numbers, got dtype object"),
    "ragged": ([[1.0], [1.0, 2.0]], ShapeError, "must be a rectangular array, but its rows differ in length"),
    "masked": (np.ma.array(THETA), DtypeError, "must not be a masked array, whose mask would be lost"),
}


@pytest.mark.parametrize("call", VECTORS)
@pytest.mark.parametrize("wrong", WRONG_VECTORS)
def test_wrong_vectors_of_parameters(call: str, wrong: str) -> None:
    vector, error, message = WRONG_VECTORS[wrong]
    refused(lambda: VECTORS[call](vector), error, f"{call.split()[0]} {message}")


WRONG_OUT = {
    "batch": (np.zeros((6, 3, N_PARAMETERS)), ShapeError, rf"out must have shape \(5, 3, {N_PARAMETERS}\), got \(6, 3, "),
    "transposed": (np.zeros((5, N_PARAMETERS, 3)), ShapeError, rf"out must have shape \(5, 3, .*got \(5, {N_PARAMETERS}, 3\)"),
    "float32": (np.zeros((5, 3, N_PARAMETERS), np.float32), DtypeError, "out must have the network's dtype float64, got float32"),
    "list": ([[1.0]], DtypeError, "out must be a plain NumPy array, got list"),
    "masked": (np.ma.zeros((5, 3, N_PARAMETERS)), DtypeError, "out must be a plain NumPy array, got MaskedArray"),
    "read-only": (np.broadcast_to(0.0, (5, 3, N_PARAMETERS)), OptionError, "out must be writeable, got a read-only array"),
}


@pytest.mark.parametrize("wrong", WRONG_OUT)
def test_wrong_out(wrong: str) -> None:
    out, error, message = WRONG_OUT[wrong]
    refused(lambda: NET.parameter_jacobian(X, out=out), error, message)
    assert not np.any(out) or isinstance(out, list)


def test_out_that_overlaps_x() -> None:
    memory = np.ones(20 + 15 * N_PARAMETERS)
    x, out = memory[:20].reshape(5, 4), memory[10 : 10 + 15 * N_PARAMETERS].reshape(5, 3, N_PARAMETERS)
    refused(lambda: NET.parameter_jacobian(x, out=out), OptionError, "out must not overlap x")
    assert (memory == 1).all()


def test_wrong_cotangents_and_curvature() -> None:
    message = r"u must have shape \(\.\.\., 3\) with leading dimensions that broadcast to x's \(5,\), got \(6, 3\)"
    refused(lambda: NET.parameter_vjp(X, np.ones((6, 3))), ShapeError, message)
    refused(lambda: NET.parameter_vjp(X, np.ones((5, 4))), ShapeError, r"u must have shape \(\.\.\., 3\), got \(5, 4\)")
    refused(lambda: NET.parameter_vjp(X, np.ones((5, 3), complex)), DtypeError, "u must hold real numbers, got dtype complex128")
    refused(
        lambda: NET.gauss_newton_product(X, THETA, np.ones((5, 4, 4))), ShapeError, r"H must have shape .*3, 3.*got \(5, 4, 4\)"
    )
    refused(lambda: NET.gauss_newton_product(X, THETA, np.ones((6, 3, 3))), ShapeError, r"H must have shape .*got \(6, 3, 3\)")
    refused(lambda: NET.gauss_newton_product(X, THETA, np.ones((5, 3, 3), complex)), DtypeError, "H must hold real numbers")


CALLS: dict[str, Callable[..., Any]] = {
    "parameter_jacobian": NET.parameter_jacobian,
    "parameter_jvp": lambda x, **options: NET.parameter_jvp(x, THETA, **options),
    "parameter_vjp": lambda x, **options: NET.parameter_vjp(x, np.ones(3), **options),
    "gauss_newton_product": lambda x, **options: NET.gauss_newton_product(x, THETA, **options),
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_inputs_and_threads(call: str) -> None:
    refused(lambda: CALLS[call](np.ones((4, 5))), ShapeError, r"x must have shape \(\.\.\., 4\), .*got \(4, 5\); .*transposed")
    refused(lambda: CALLS[call](np.ones((5, 4), complex)), DtypeError, "x must hold real numbers, got dtype complex128")
    refused(lambda: CALLS[call](np.ma.ones((5, 4))), DtypeError, "x must not be a masked array")
    refused(lambda: CALLS[call](X, threads=0), OptionError, "threads must be a positive integer, got 0")
    refused(lambda: CALLS[call](X, threads="2"), DtypeError, "threads must be a positive integer, got '2'")


def test_parameters_that_are_not_finite_are_taken_as_they_are() -> None:
    theta = NET.parameters()
    theta[8] = np.nan
    assert np.isnan(NET.with_parameters(theta)(X)).all()


def test_a_network_with_other_parameters_is_the_one_built_from_them() -> None:
    shifted = [replace(layer, **{name: array + 1 for name, array in layer.arrays.items()}) for layer in NET]
    expected = fj.Network(shifted)
    assert_same_bits((NET.with_parameters(NET.parameters() + 1).jacobian(X),), (expected.jacobian(X),))
