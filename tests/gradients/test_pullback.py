"""The pullback as its caller sees it: what it takes and gives, and where nan, inf and kinks leave it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, OptionError, ShapeError
from tests.bits import assert_same_bits
from tests.gradients import seeded
from tests.test_arguments import SHAPES, views

RNG = np.random.default_rng(0)
NET = fj.Network(seeded.alternating(RNG, (4, 6, 5, 3), fj.Tanh(), fj.LayerNorm(RNG.uniform(0.5, 1.5, 5), RNG.standard_normal(5))))
N_PARAMETERS = (24 + 6) + (30 + 5) + (5 + 5) + (15 + 3)


def losses(*lead: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, and derivatives of a loss by values and Jacobians, of this leading shape."""
    rng = np.random.default_rng(1)
    x, by_y, by_jacobian = (rng.standard_normal((*lead, *core)) for core in ((4,), (3,), (3, 4)))
    return x, by_y, by_jacobian


def gradient(x: Any, by_y: Any = None, by_jacobian: Any = None, net: fj.Network = NET) -> fj.Gradient:
    return net.jacobian_vjp(x)[2](by_y, by_jacobian)


class TestResults:
    def test_values_and_jacobians_are_those_of_the_network(self) -> None:
        x, _, _ = losses(7)
        y, jacobian, _ = NET.jacobian_vjp(x)
        assert_same_bits((y, jacobian), NET.value_and_jacobian(x))

    @pytest.mark.parametrize("lead", SHAPES, ids=str)
    def test_leading_dimensions(self, lead: tuple[int, ...]) -> None:
        x, by_y, by_jacobian = losses(*lead)
        found = gradient(x, by_y, by_jacobian)
        assert found.x.shape == x.shape
        assert found.parameters.shape == (N_PARAMETERS,)
        flat = gradient(x.reshape(-1, 4), by_y.reshape(-1, 3), by_jacobian.reshape(-1, 3, 4))
        assert_same_bits((found.x.reshape(-1, 4), found.parameters), (flat.x, flat.parameters))

    @pytest.mark.parametrize("lead", [(0,), (3, 0)])
    def test_no_inputs_leave_the_parameters_a_gradient_of_zero(self, lead: tuple[int, ...]) -> None:
        np.testing.assert_array_equal(gradient(*losses(*lead)).parameters, np.zeros(N_PARAMETERS))

    def test_gradients_of_samples_add_up_for_the_parameters_alone(self) -> None:
        x, by_y, by_jacobian = losses(5)
        whole, parts = gradient(x, by_y, by_jacobian), [gradient(*sample) for sample in zip(x, by_y, by_jacobian, strict=True)]
        np.testing.assert_allclose(whole.parameters, sum(part.parameters for part in parts), rtol=1e-12, atol=1e-13)
        assert_same_bits(whole.x, [part.x for part in parts])

    def test_layers_are_views_of_the_flat_gradient_in_the_order_of_the_parameters(self) -> None:
        found = gradient(*losses(5))
        assert [{name: part.shape for name, part in layer.items()} for layer in found.layers] == [
            {name: array.shape for name, array in layer.arrays.items()} for layer in NET
        ]
        parts = [part for layer in found.layers for part in layer.values()]
        assert all(np.shares_memory(part, found.parameters) for part in parts)
        np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), found.parameters)

    def test_a_network_without_parameters(self) -> None:
        x, by_y, by_jacobian = losses(5)
        found = gradient(x, by_y @ np.ones((3, 4)), by_jacobian[:, [0, 1, 2, 0]], fj.Network([fj.SiLU(), fj.Softmax()], n_in=4))
        assert found.parameters.shape == (0,)
        assert found.layers == ({}, {})
        assert np.abs(found.x).min() > 0


class TestLoss:
    def test_the_pullback_is_linear_in_what_it_takes(self) -> None:
        x, by_y, by_jacobian = losses(5)
        both = gradient(x, by_y, by_jacobian)
        values, jacobians = gradient(x, by_y), gradient(x, None, -2 * by_jacobian)
        np.testing.assert_allclose(both.x, values.x - jacobians.x / 2, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(both.parameters, values.parameters - jacobians.parameters / 2, rtol=1e-12, atol=1e-13)

    def test_a_loss_of_values_alone_is_what_vjp_gives(self) -> None:
        x, by_y, _ = losses(5)
        np.testing.assert_allclose(gradient(x, by_y).x, NET.vjp(x, by_y)[1], rtol=1e-12, atol=1e-14)
        zeros = gradient(x, by_y, np.zeros((5, 3, 4)))
        np.testing.assert_allclose(zeros.x, gradient(x, by_y).x, rtol=1e-14)
        np.testing.assert_allclose(zeros.parameters, gradient(x, by_y).parameters, rtol=1e-14)

    def test_a_loss_of_jacobians_alone_is_one_that_has_no_derivative_by_values(self) -> None:
        x, _, by_jacobian = losses(5)
        alone, zeros = gradient(x, None, by_jacobian), gradient(x, np.zeros((5, 3)), by_jacobian)
        np.testing.assert_array_equal(alone.x, zeros.x)
        np.testing.assert_array_equal(alone.parameters, zeros.parameters)
        np.testing.assert_array_equal(alone.layers[-1]["bias"], 0)

    def test_a_loss_of_neither_has_a_gradient_of_zero(self) -> None:
        found = gradient(losses(5)[0])
        np.testing.assert_array_equal(found.x, np.zeros((5, 4)))
        np.testing.assert_array_equal(found.parameters, np.zeros(N_PARAMETERS))

    def test_one_pullback_serves_many_losses(self) -> None:
        x, by_y, by_jacobian = losses(5)
        pullback = NET.jacobian_vjp(x)[2]
        first = pullback(by_y, by_jacobian)
        kept = first.x.copy(), first.parameters.copy()
        pullback(2 * by_y, None)
        assert_same_bits((first.x, first.parameters), kept)
        again = pullback(by_y, by_jacobian)
        assert_same_bits((again.x, again.parameters), kept)


class TestInputs:
    @pytest.mark.parametrize("layout", views(np.zeros((1, 1))))
    def test_any_layout_of_every_argument(self, layout: str) -> None:
        x, by_y, by_jacobian = losses(6)
        moved = views(by_jacobian.reshape(6, 12))[layout].reshape(6, 3, 4)
        found, expected = gradient(views(x)[layout], views(by_y)[layout], moved), gradient(x, by_y, by_jacobian)
        assert_same_bits((found.x, found.parameters), (expected.x, expected.parameters))

    def test_a_transposed_derivative_by_the_jacobian(self) -> None:
        x, by_y, by_jacobian = losses(6)
        turned = by_jacobian.swapaxes(1, 2).copy().swapaxes(1, 2)
        assert_same_bits((gradient(x, by_y, turned).x,), (gradient(x, by_y, by_jacobian).x,))

    def test_leading_dimensions_of_any_layout(self) -> None:
        given = losses(3, 4)
        found = gradient(*(np.asfortranarray(array) for array in given))
        assert_same_bits((found.x, found.parameters), (gradient(*given).x, gradient(*given).parameters))

    @pytest.mark.parametrize("kind", [int, np.int8, bool, np.float32, np.float16, ">f8"])
    def test_numbers_of_other_kinds_are_cast(self, kind: Any) -> None:
        x, by_y, by_jacobian = (np.round(array).astype(kind) for array in losses(6))
        found, expected = gradient(x, by_y, by_jacobian), gradient(*(array.astype(float) for array in (x, by_y, by_jacobian)))
        assert found.x.dtype == np.float64
        assert_same_bits((found.x, found.parameters), (expected.x, expected.parameters))

    def test_lists_are_read_as_arrays(self) -> None:
        given = losses(2)
        assert_same_bits((gradient(*(array.tolist() for array in given)).x,), (gradient(*given).x,))

    def test_a_float32_network_takes_float64_and_gives_float32(self) -> None:
        found = gradient(*losses(6), net=NET.astype(np.float32))
        assert found.x.dtype == found.parameters.dtype == np.float32
        assert_same_bits((found.x,), (gradient(*(a.astype(np.float32) for a in losses(6)), net=NET.astype(np.float32)).x,))

    def test_what_becomes_of_x_after_the_forward_call_does_not_matter(self) -> None:
        x, by_y, by_jacobian = losses(6)
        expected = gradient(x, by_y, by_jacobian).x
        pullback = NET.jacobian_vjp(x)[2]
        x[...] = 7.0
        assert_same_bits((pullback(by_y, by_jacobian).x,), (expected,))

    def test_arguments_are_left_as_they_are(self) -> None:
        given = losses(6)
        gradient(*given)
        assert_same_bits(given, losses(6))


def refused(call: Callable[[], Any], error: type[FastjacError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


WRONG_LOSSES = {
    "gy of another batch": ({"gy": np.ones((6, 3))}, ShapeError, r"gy must have shape \(5, 3\), that of y, got \(6, 3\)"),
    "one gy for all": ({"gy": np.ones(3)}, ShapeError, r"gy must have shape \(5, 3\), that of y, got \(3,\)"),
    "a number": ({"gy": 1.0}, ShapeError, r"gy must have shape \(5, 3\), that of y, got \(\)"),
    "gJ transposed": ({"gJ": np.ones((5, 4, 3))}, ShapeError, r"gJ must have shape \(5, 3, 4\), that of J, got \(5, 4, 3\)"),
    "gJ flat": ({"gJ": np.ones((5, 12))}, ShapeError, r"gJ must have shape \(5, 3, 4\), that of J, got \(5, 12\)"),
    "gJ for gy": ({"gy": np.ones((5, 3, 4))}, ShapeError, r"gy must have shape \(5, 3\), that of y, got \(5, 3, 4\)"),
    "complex": ({"gy": np.ones((5, 3), complex)}, DtypeError, "gy must hold real numbers, got dtype complex128; .*real part"),
    "object": ({"gJ": np.ones((5, 3, 4), object)}, DtypeError, "gJ must hold real numbers, got dtype object"),
    "strings": ({"gy": np.full((5, 3), "a")}, DtypeError, "gy must hold real numbers, got dtype <U1"),
    "ragged": ({"gJ": [[1.0], [1.0, 2.0]]}, ShapeError, "gJ must be a rectangular array, but its rows differ in length"),
    "masked": ({"gJ": np.ma.ones((5, 3, 4))}, DtypeError, r"gJ must not be a masked array, .*pass gJ.filled\(...\)"),
    "no threads": ({"threads": 0}, OptionError, "threads must be a positive integer, got 0"),
    "half a thread": ({"threads": 0.5}, DtypeError, "threads must be a positive integer, got 0.5"),
}


@pytest.mark.parametrize("wrong", WRONG_LOSSES)
def test_wrong_losses(wrong: str) -> None:
    arguments, error, message = WRONG_LOSSES[wrong]
    pullback = NET.jacobian_vjp(losses(5)[0])[2]
    refused(lambda: pullback(**arguments), error, message)


def test_wrong_inputs() -> None:
    refused(lambda: NET.jacobian_vjp(np.ones((5, 3))), ShapeError, r"x must have shape \(\.\.\., 4\), .*got \(5, 3\)")
    refused(lambda: NET.jacobian_vjp(np.ma.ones((5, 4))), DtypeError, "x must not be a masked array")
    refused(lambda: NET.jacobian_vjp(np.ones(4, complex)), DtypeError, "x must hold real numbers, got dtype complex128")
    refused(lambda: NET.jacobian_vjp(np.ones(4), threads=0), OptionError, "threads must be a positive integer, got 0")


class TestNonfinite:
    """A sample with nan or inf keeps it to itself, whichever array it is in."""

    NET = fj.Network(seeded.alternating(np.random.default_rng(5), (6, 9, 7, 8), fj.ReLU(), fj.GELU(), fj.Softmax()))

    def clean(self, n: int) -> list[np.ndarray]:
        rng = np.random.default_rng(6)
        return [rng.standard_normal((n, *core)) for core in ((6,), (8,), (8, 6))]

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("where", [0, 1, 2], ids=["x", "gy", "gJ"])
    def test_other_samples_do_not_see_it(self, where: int, bad: float, dtype: type) -> None:
        net, n = self.NET.astype(dtype), 70
        expected = gradient(*self.clean(n), net=net).x
        given = self.clean(n)
        given[where][3, 0] = bad
        given[where][69] = bad
        found = gradient(*given, net=net)
        others = np.delete(np.arange(n), [3, 69])
        assert_same_bits((found.x[others],), (expected[others],))
        assert np.isnan(found.parameters).any()

    def test_scratch_that_was_full_of_it_does_no_harm(self) -> None:
        net, given = fj.Network(self.NET.layers), self.clean(70)
        expected = gradient(*given, net=net)
        gradient(*(np.full_like(array, np.nan) for array in given), net=net)
        found = gradient(*given, net=net)
        assert_same_bits((found.x, found.parameters), (expected.x, expected.parameters))

    def test_nan_in_the_loss_reaches_the_gradient(self) -> None:
        for where in (1, 2):
            given = self.clean(2)
            given[where][1] = np.nan
            found = gradient(*given, net=self.NET)
            assert np.isnan(found.x[1]).all()
            assert np.isfinite(found.x[0]).all()


class TestKinks:
    STRAIGHT = (fj.ReLU(), fj.LeakyReLU(), fj.ReLU6(), fj.HardTanh(), fj.HardSigmoid(), fj.SoftShrink(), fj.PReLU())

    @pytest.mark.parametrize("layer", STRAIGHT, ids=repr)
    def test_second_derivatives_of_piecewise_linear_activations_are_zero(self, layer: fj.layers.Activation) -> None:
        """At kinks too: J is constant around every input but those, and there no jump is taken for a derivative."""
        x = np.concatenate([np.array(layer.kinks), np.linspace(-7, 7, 40)])[:, None]
        found = gradient(x, None, np.ones((len(x), 1, 1)), fj.Network([layer], n_in=1))
        np.testing.assert_array_equal(found.x, np.zeros_like(x))

    def test_a_relu_network_has_no_gradient_by_x_of_a_loss_of_its_jacobian(self) -> None:
        rng = np.random.default_rng(7)
        net = fj.Network(seeded.alternating(rng, (5, 12, 9, 4), fj.ReLU()))
        found = gradient(rng.standard_normal((20, 5)), None, rng.standard_normal((20, 4, 5)), net)
        np.testing.assert_array_equal(found.x, np.zeros((20, 5)))
        assert np.abs(found.layers[0]["weight"]).max() > 0.1
        np.testing.assert_array_equal(found.layers[0]["bias"], np.zeros(12))
