"""Activations by a user's own functions: what they compute, on every way, and what is refused."""

import copy
import math
import pickle

import numpy as np
import pytest
from numba import njit

import fastjac as fj
import fastjac.numba
from fastjac.errors import LayerError, PicklingError
from tests.bits import assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4))


@njit
def tanh(x):
    return math.tanh(x)


@njit
def tanh_slope(x):
    return 1 - math.tanh(x) ** 2


@njit
def tanh_bend(x):
    return -2 * math.tanh(x) * (1 - math.tanh(x) ** 2)


@njit
def wave(x, shift, size, rate):
    return size * math.sin(rate * x + shift)


@njit
def wave_slope(x, shift, size, rate):
    return size * rate * math.cos(rate * x + shift)


@njit
def wave_bend(x, shift, size, rate):
    return -size * rate**2 * math.sin(rate * x + shift)


@njit
def wave_by_rate(x, shift, size, rate):
    return size * x * math.cos(rate * x + shift)


@njit
def wave_slope_by_rate(x, shift, size, rate):
    return size * math.cos(rate * x + shift) - size * rate * x * math.sin(rate * x + shift)


@njit
def wave_by_size(x, shift, size, rate):
    return math.sin(rate * x + shift)


@njit
def wave_slope_by_size(x, shift, size, rate):
    return rate * math.cos(rate * x + shift)


@njit
def hinge(x, left):
    return x if x > 0 else left * x


@njit
def hinge_slope(x, left):
    return 1.0 if x > 0 else left


@njit
def one_over(x):
    if x > 3:
        raise ValueError("too large")
    return 1 / x


@njit
def one_over_slope(x):
    return -1 / x**2


BY_RATE, BY_SIZE = (wave_by_rate, wave_slope_by_rate), (wave_by_size, wave_slope_by_size)
UNITS = {"shift": 0.3, "size": np.linspace(0.5, 1.5, 6), "rate": np.linspace(0.8, 1.2, 6)}
TANH = fj.Elementwise(tanh, tanh_slope, tanh_bend)
WAVE = fj.Elementwise(wave, wave_slope, wave_bend, UNITS, {"rate": BY_RATE, "size": BY_SIZE})
FIRST, SECOND = fj.Affine(RNG.standard_normal((6, 4)), RNG.standard_normal(6)), fj.Affine(RNG.standard_normal((3, 6)))


def around(layer, dtype=np.float64):
    return fj.Network([FIRST, layer, SECOND], dtype=dtype)


def in_every_way(net, x):
    """Values and derivatives, by plans of every kind and by the gradient kernel."""
    y, jacobian, pullback = net.jacobian_vjp(x)
    gradient = pullback(np.cos(y), np.sin(jacobian))
    modes = [net.jacobian(x, mode) for mode in ("forward", "reverse", "mixed")]
    return [net(x), y, jacobian, *modes, net.jvp(x, np.ones(4))[1], net.vjp(x, np.ones(3))[1], gradient.x, gradient.parameters]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 40])
def test_it_computes_what_the_same_activation_of_fastjac_does(n, dtype):
    for found, expected in zip(
        in_every_way(around(TANH, dtype), X[:n]), in_every_way(around(fj.Tanh(), dtype), X[:n]), strict=True
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=(2e-5 if dtype is np.float32 else 1e-13) * np.abs(expected).max()
        )


def test_bits_depend_on_neither_the_batch_nor_the_threads():
    net = around(WAVE)
    whole = net.value_and_jacobian(X, threads=1)
    assert_same_bits(whole, net.value_and_jacobian(X, threads=2))
    for first, last in ((0, 1), (3, 10), (7, 40)):
        assert_same_bits([part[first:last] for part in whole], net.value_and_jacobian(X[first:last]))


def test_three_parameters_in_their_order_two_of_them_trained():
    net = around(WAVE)
    z = X @ FIRST.weight.T + FIRST.bias
    np.testing.assert_allclose(net(X), (UNITS["size"] * np.sin(UNITS["rate"] * z + 0.3)) @ SECOND.weight.T, atol=1e-13)
    assert list(WAVE.arrays) == ["rate", "size"]
    assert (net.n_parameters, WAVE.n_in) == (30 + 12 + 18, 6)
    assert fj.check_jacobian(net, X)


def test_gradients_by_its_parameters_equal_differences():
    net, theta = around(WAVE), around(WAVE).parameters()
    gradient = net.jacobian_vjp(X)[2](*(np.cos(net(X)), np.sin(net.jacobian(X)))).parameters

    def loss(theta):
        y, jacobian = net.with_parameters(theta).value_and_jacobian(X)
        return np.sin(y).sum() - np.cos(jacobian).sum()

    steps = 1e-5 * np.eye(len(theta))[30:42]
    differences = [(loss(theta + step) - loss(theta - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient[30:42], differences, rtol=1e-6, atol=1e-7)
    k, v = net.parameter_jacobian(X[:5]), RNG.standard_normal(len(theta))
    np.testing.assert_allclose(k @ v, net.parameter_jvp(X[:5], v)[1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.ones((5, 3)).ravel() @ k.reshape(15, -1), net.parameter_vjp(X[:5], np.ones(3))[1], atol=1e-12)
    np.testing.assert_allclose(np.einsum("aip,bjp->abij", k, k), net.neural_tangent_kernel(X[:5]), atol=1e-11)


def test_one_trained_parameter_and_fixed_ones():
    layer = fj.Elementwise(wave, wave_slope, wave_bend, UNITS, {"size": BY_SIZE})
    assert list(layer.arrays) == ["size"]
    net = around(layer)
    found, expected = net.parameter_jacobian(X[:3]), around(WAVE).parameter_jacobian(X[:3])
    np.testing.assert_allclose(found[..., 30:36], expected[..., 36:42], atol=1e-14)
    assert_same_bits((net.with_parameters(net.parameters())(X),), (net(X),))


@pytest.mark.parametrize("shift", [0.3, UNITS["size"]])
def test_gradients_where_arrays_are_fixed(shift):
    parameters = {**UNITS, "shift": shift}
    fixed, trained = (fj.Elementwise(wave, wave_slope, wave_bend, parameters, by) for by in ({}, {"size": BY_SIZE}))
    assert not fixed.arrays
    found, expected = (net.jacobian_vjp(X)[2](np.ones((40, 3)), np.ones((40, 3, 4))) for net in (around(fixed), around(trained)))
    assert_same_bits((found.x, found.parameters), (expected.x, np.delete(expected.parameters, range(30, 36))))


def test_zeros_of_either_sign_are_two_parameters():
    @njit
    def signed(x, a):
        return np.copysign(x, a) if x > 0.0 else -np.copysign(x, a)

    @njit
    def signed_slope(x, a):
        return np.copysign(1.0, a)

    positive, negative = (fj.Elementwise(signed, signed_slope, parameters={"a": a}, piecewise_linear=True) for a in (0.0, -0.0))
    x = fj.Input(3)
    net = fj.Network(inputs=x, outputs=fj.concatenate([positive(x), negative(x)]))
    point = np.array([1.0, -2.0, 3.0])
    y, jacobian, _ = net.jacobian_vjp(point)
    np.testing.assert_array_equal(y, [*point, *-point])
    np.testing.assert_array_equal(jacobian, np.vstack([np.eye(3), -np.eye(3)]))


def test_two_of_one_input_are_two():
    x, hinged = fj.Input(3), fj.Elementwise(hinge, hinge_slope, parameters={"left": 0.2}, piecewise_linear=True)
    found = fj.Network(inputs=x, outputs=fj.concatenate([TANH(x), fj.Elementwise(tanh, tanh_slope)(x), hinged(x)]))(X[0, :3])
    np.testing.assert_allclose(found, [*np.tanh(X[0, :3]), *np.tanh(X[0, :3]), *np.where(X[0, :3] > 0, X[0, :3], 0.2 * X[0, :3])])


def test_other_parameters_compile_nothing_anew():
    net = around(WAVE)
    other = net.with_parameters(net.parameters() * 1.5)
    assert other[1].rule is WAVE.rule
    np.testing.assert_array_equal(other[1].parameters["rate"], 1.5 * UNITS["rate"])
    assert other[1].parameters["shift"] == 0.3


def test_compiled_code_of_users_calls_it():
    net = around(WAVE)
    program, result = net.program(), np.empty((3, 4))

    @njit
    def call(program, x, result):
        fastjac.numba.jacobian(program, x, result, fastjac.numba.scratch(program))

    call(program, X[0], result)
    assert_same_bits((result,), (net.jacobian(X[0]),))


def test_without_a_bend_gradients_of_values_are_there_and_those_of_jacobians_are_not():
    net = around(fj.Elementwise(tanh, tanh_slope))
    found, expected = (network.parameter_vjp(X, np.ones(3))[1] for network in (net, around(fj.Tanh())))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    with pytest.raises(LayerError, match=r"layer 1, Elementwise\(tanh\), lacks the second .* bend=.*piecewise_linear"):
        net.jacobian_vjp(X)


def test_a_piecewise_linear_one_needs_no_bend():
    layer = fj.Elementwise(hinge, hinge_slope, parameters={"left": 0.2}, kinks=[0.0], piecewise_linear=True)
    for found, expected in zip(in_every_way(around(layer), X), in_every_way(around(fj.LeakyReLU(0.2)), X), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)
    report = fj.check_jacobian(fj.Network([layer], n_in=2), np.array([0.0, 1.0]))
    assert report
    assert report.n_kinks == 2


def test_units_that_are_said_to_be_dead_are_skipped():
    layer = fj.Elementwise(hinge, hinge_slope, None, {"left": 0.0}, sparse=True, binary=True, piecewise_linear=True)
    for found, expected in zip(in_every_way(around(layer), X), in_every_way(around(fj.ReLU()), X), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)


def test_division_by_zero_is_numpys_and_an_exception_is_nan():
    net = fj.Network([fj.Elementwise(one_over, one_over_slope)], n_in=4)
    y, jacobian = net.value_and_jacobian(np.array([0.0, -0.0, 4.0, 2.0]))
    np.testing.assert_array_equal(y, [np.inf, -np.inf, np.nan, 0.5])
    np.testing.assert_array_equal(jacobian.diagonal(), [-np.inf, -np.inf, np.nan, -0.25])


def test_how_it_prints():
    assert repr(WAVE) == "Elementwise(wave, shift=0.3, size(6,), rate(6,))"
    assert repr(TANH) == "Elementwise(tanh)"
    assert "1  Elementwise(value=wave, shift=0.3, size=0.5..1.5, rate=0.8..1.2)  6 -> 6          12" in str(around(WAVE))


def test_pickled_by_name_it_computes_the_same_bits():
    sent = pickle.loads(pickle.dumps(around(WAVE)))
    assert sent[1].rule is WAVE.rule
    assert_same_bits((sent.jacobian(X),), (around(WAVE).jacobian(X),))


def test_functions_without_a_name_are_copied_but_not_pickled():
    local = njit(lambda x: 2.0 * x)
    constant = njit(lambda x: 2.0)
    net = fj.Network([fj.Elementwise(local, constant, piecewise_linear=True)], n_in=2)
    assert copy.deepcopy(net)(np.ones(2)).tolist() == [2.0, 2.0]
    assert copy.copy(net[0]) is net[0]
    with pytest.raises(PicklingError, match=r"function .*<lambda> is pickled by its name, .* define it at the top of a module"):
        pickle.dumps(net)


def test_no_file_holds_it(tmp_path):
    with pytest.raises(LayerError, match=r"layer 1, Elementwise\(tanh\), is made of functions, .* holds no code; .*net\[:i\]"):
        around(TANH).save(tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())
