"""Tuples in and out, shared layers, and layers that nothing comes of: parameters and pullbacks of networks that branch."""

import pickle

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, ShapeError

RNG = np.random.default_rng(0)
N, STATES, INPUTS, FEATURES = 5, 3, 2, 4


def weights(n_in: int, n_out: int) -> fj.Affine:
    return fj.Affine(RNG.standard_normal((n_out, n_in)) / np.sqrt(n_in), RNG.standard_normal(n_out))


def two_ended() -> fj.Network:
    """Two inputs, and two outputs."""
    x, u = fj.Input(STATES), fj.Input(INPUTS)
    h = fj.Tanh()(weights(STATES + INPUTS, FEATURES)(fj.concatenate([x, u])))
    return fj.Network(inputs=(x, u), outputs=(x + weights(FEATURES, STATES)(h), h * h))


NET = two_ended()
X = RNG.standard_normal((N, STATES)), RNG.standard_normal((N, INPUTS))


def test_results_have_the_form_of_values_and_jacobians() -> None:
    y, jacobian, pullback = NET.jacobian_vjp(X)
    expected_y, expected = NET.value_and_jacobian(X)
    for actual, wanted in zip(y, expected_y, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-12)
    for row, wanted_row in zip(jacobian, expected, strict=True):
        for block, wanted in zip(row, wanted_row, strict=True):
            np.testing.assert_allclose(block, wanted, rtol=1e-12, atol=1e-14)
    found = pullback(y, jacobian)
    assert [array.shape for array in found.x] == [(N, STATES), (N, INPUTS)]
    assert [array.shape for array in NET.parameter_jacobian(X)] == [(N, n, NET.n_parameters) for n in (STATES, FEATURES)]
    assert [[block.shape for block in row] for row in NET.neural_tangent_kernel(X)] == [
        [(N, N, n, m) for m in (STATES, FEATURES)] for n in (STATES, FEATURES)
    ]
    v = RNG.standard_normal(NET.n_parameters)
    for outputs in NET.parameter_jvp(X, v):
        assert [array.shape for array in outputs] == [(N, STATES), (N, FEATURES)]
    assert NET.parameter_operator(X).matvec(v).shape == (N * NET.n_out,)


def test_leading_dimensions_are_broadcast() -> None:
    y, jacobian, pullback = NET.jacobian_vjp((np.zeros((2, 1, STATES)), np.zeros((3, INPUTS))))
    found = pullback(y, jacobian)
    assert [array.shape for array in found.x] == [(2, 3, STATES), (2, 3, INPUTS)]


def test_what_the_loss_does_not_depend_on_is_none() -> None:
    """For an output, for a block, or for all."""
    y, jacobian, pullback = NET.jacobian_vjp(X)
    zeros = tuple(map(np.zeros_like, y))
    no_blocks = tuple(tuple(map(np.zeros_like, row)) for row in jacobian)
    for given, stated in [
        (((y[0], None), None), ((y[0], zeros[1]), no_blocks)),
        ((None, ((None, jacobian[0][1]), None)), (zeros, ((no_blocks[0][0], jacobian[0][1]), no_blocks[1]))),
        ((None, None), (zeros, no_blocks)),
    ]:
        found, expected = pullback(*given), pullback(*stated)
        np.testing.assert_allclose(found.parameters, expected.parameters, rtol=1e-13, atol=1e-14)
        for actual, wanted in zip(found.x, expected.x, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-13, atol=1e-14)


WRONG = {
    "an array for two": ((np.zeros((N, 7)), None), DtypeError, r"gy must be a tuple of 2, in the form of y, got ndarray"),
    "one of two": (((np.zeros((N, STATES)),), None), ShapeError, r"gy must be a tuple of 2, in the form of y, got 1"),
    "another shape": (
        ((np.zeros((N, 2)), None), None),
        ShapeError,
        r"gy\[0\] must have shape \(5, 3\), that of y\[0\]",
    ),
    "a flat J": ((None, (np.zeros((N, STATES, 5)), None)), DtypeError, r"gJ\[0\] must be a tuple of 2, in the form of J"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_derivatives_of_a_loss(case: str) -> None:
    given, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        NET.jacobian_vjp(X)[2](*given)


def test_out_is_blocks_too() -> None:
    out = tuple(np.full((N, n, NET.n_parameters), np.nan) for n in (STATES, FEATURES))
    assert NET.parameter_jacobian(X, out=out) is out
    for actual, expected in zip(out, NET.parameter_jacobian(X), strict=True):
        np.testing.assert_array_equal(actual, expected)
    with pytest.raises(DtypeError, match="out must be a tuple of 2"):
        NET.parameter_jacobian(X, out=np.empty((N, NET.n_out, NET.n_parameters)))


def test_a_pullback_says_what_it_takes_and_is_pickled() -> None:
    y, jacobian, pullback = NET.jacobian_vjp(X)
    assert repr(pullback) == "Pullback(gy ((5, 3), (5, 4)), gJ (((5, 3, 3), (5, 3, 2)), ((5, 4, 3), (5, 4, 2))), float64)"
    found = pullback(y, jacobian)
    assert repr(found) == f"Gradient(x ((5, 3), (5, 2)), parameters ({NET.n_parameters},), 6 layers, float64)"
    again = pickle.loads(pickle.dumps(pullback))(y, jacobian)
    np.testing.assert_array_equal(again.parameters, found.parameters)


def test_a_shared_layer_has_one_set_of_parameters_whose_gradients_add_up() -> None:
    """The same layer twice, and two layers with the same numbers."""
    shared, tanh = weights(STATES, STATES), fj.Tanh()
    copy = fj.Affine(shared.weight, shared.bias)
    once, twice = (fj.Network([shared, tanh, second], n_in=STATES) for second in (copy, shared))
    assert (once.n_parameters, twice.n_parameters) == (24, 12)
    (_, _, apart), (y, jacobian, together) = (net.jacobian_vjp(X[0]) for net in (once, twice))
    one, both = apart(y, jacobian), together(y, jacobian)
    np.testing.assert_allclose(both.parameters, one.parameters[:12] + one.parameters[12:], rtol=1e-12)
    np.testing.assert_array_equal(both.x, one.x)
    # At either place of a chain the layer has the whole gradient.
    assert [sorted(arrays) for arrays in both.layers] == [["bias", "weight"], [], ["bias", "weight"]]
    np.testing.assert_array_equal(both.layers[0]["weight"], both.layers[2]["weight"])
    halves = np.split(once.parameter_jacobian(X[0]), 2, axis=-1)
    np.testing.assert_allclose(twice.parameter_jacobian(X[0]), halves[0] + halves[1], rtol=1e-12, atol=1e-14)
    v = RNG.standard_normal(12)
    np.testing.assert_allclose(twice.parameter_jvp(X[0], v)[1], once.parameter_jvp(X[0], np.r_[v, v])[1], rtol=1e-12)


def test_parameters_come_back_as_they_were_given() -> None:
    theta = RNG.standard_normal(NET.n_parameters)
    moved = NET.with_parameters(theta)
    np.testing.assert_array_equal(moved.parameters(), theta)
    step, direction = 1e-6, RNG.standard_normal(NET.n_parameters)
    ends = [NET.with_parameters(theta + sign * step * direction)(X) for sign in (1, -1)]
    for plus, minus, tangent in zip(*ends, moved.parameter_jvp(X, direction)[1], strict=True):
        np.testing.assert_allclose((plus - minus) / (2 * step), tangent, rtol=1e-6, atol=1e-8)


def test_layers_that_nothing_comes_of_have_gradients_of_zero() -> None:
    """A selection takes none of their units."""
    x, used, unused = fj.Input(STATES), weights(STATES, 2), weights(STATES, 2)
    net = fj.Network(inputs=x, outputs=fj.concatenate([unused(x), used(x)])[2:])
    assert [layer is unused for layer in net.layers[:2]] == [True, False]
    y, jacobian, pullback = net.jacobian_vjp(X[0])
    found = pullback(y, jacobian).parameters
    assert (found[:8] == 0).all()
    assert (found[8:] != 0).all()
    matrix = net.parameter_jacobian(X[0], out=np.full((N, 2, 16), np.nan))
    assert (matrix[..., :8] == 0).all()
    np.testing.assert_array_equal(matrix[..., 8:], fj.Network([used]).parameter_jacobian(X[0]))
    np.testing.assert_array_equal(net.parameter_vjp(X[0], np.ones(2))[1][:8], 0)


def test_outputs_that_are_selections_of_the_input_have_a_jacobian_and_no_parameters() -> None:
    x = fj.Input(3)
    net = fj.Network(inputs=x, outputs=x[:])
    y, jacobian, pullback = net.jacobian_vjp(X[0])
    np.testing.assert_array_equal(y, X[0])
    np.testing.assert_array_equal(jacobian, np.broadcast_to(np.eye(3), (N, 3, 3)))
    np.testing.assert_array_equal(pullback(y, jacobian).x, X[0])
    assert net.parameter_jacobian(X[0]).shape == (N, 3, 0)
