"""A network as a function of some of its inputs: values, Jacobians, and the solvers that find roots."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.optimize import fsolve, least_squares, root

import fastjac as fj
from fastjac.errors import DtypeError, ShapeError
from fastjac.scipy import Function
from tests.scipy.networks import DECAY, EMULATOR
from tests.sweeps import counted_sweeps

X = np.array([0.3, -0.2, 0.5, 0.1])
FORCED = Function(DECAY, wrt=[2, 0, 1], fixed=0.7)


def test_it_is_the_network_by_its_variables():
    x, u = X[:3], np.array([0.7])
    np.testing.assert_allclose(FORCED(x[[2, 0, 1]]), DECAY((x, u)), rtol=1e-15)
    np.testing.assert_allclose(FORCED.jac(x[[2, 0, 1]]), DECAY.jacobian((x, u))[0][:, [2, 0, 1]], rtol=1e-15)
    value, gradient = FORCED.value_and_gradient(x[[2, 0, 1]], lambda y: (y[1], [1.0, 2.0, 3.0]))
    assert value == FORCED(x[[2, 0, 1]])[1]
    np.testing.assert_allclose(gradient, [1.0, 2.0, 3.0] @ FORCED.jac(x[[2, 0, 1]]))
    np.testing.assert_array_equal(FORCED(x, [0.2]), Function(DECAY, wrt=[2, 0, 1], fixed=[0.2])(x))
    state = fj.Input(4)
    assert Function(fj.Network(inputs=state, outputs=EMULATOR(state)), wrt=state).n_in == 4


def test_the_steady_state_of_a_system():
    step = fj.Network(inputs=(x := fj.Input(3), u := fj.Input(1)), outputs=x + 0.01 * DECAY((x, u)))
    stays = Function(fj.Network(inputs=(x, u), outputs=step((x, u)) - x), wrt=x, fixed=[0.7])
    f = Function(DECAY, wrt=slice(3))
    by_root = root(f, np.zeros(3), jac=f.jac, args=([0.7],))
    assert by_root.success
    np.testing.assert_allclose(DECAY((by_root.x, [0.7])), 0.0, atol=1e-12)
    for found in (root(stays, np.zeros(3), jac=stays.jac, method="lm").x, fsolve(stays, np.zeros(3), fprime=stays.jac)):
        np.testing.assert_allclose(found, by_root.x, atol=1e-10)


def test_a_solver_takes_one_sweep_for_a_step():
    f = Function(DECAY, wrt=slice(3), fixed=[0.7])
    with counted_sweeps() as sweeps:
        result = least_squares(f, np.zeros(3), jac=f.jac)
    assert result.nfev == result.njev > 2
    assert sweeps == ["value_and_jacobian"] * result.nfev


def test_what_it_gives_belongs_to_the_caller():
    """The robust losses of `least_squares` overwrite residuals and Jacobian."""
    f = Function(EMULATOR)
    for method, expected in ((f, EMULATOR(X)), (f.jac, EMULATOR.jacobian(X))):
        method(X)[...] = np.nan
        np.testing.assert_array_equal(method(X), expected)


def test_a_float32_network_gives_float64():
    f = Function(EMULATOR.astype(np.float32))
    x = list(X)
    gradient = f.value_and_gradient(x, lambda y: (0.0, np.ones(40)))[1]
    assert {f(x).dtype, f.jac(x).dtype, gradient.dtype} == {np.dtype(np.float64)}
    np.testing.assert_allclose(f.jac(x), EMULATOR.jacobian(X), atol=1e-5)
    assert np.isfinite(f([1e300, 0.0, 0.0, 0.0])).all()  # infinite in float32, where tanh gives 1


def test_threads_and_pickles():
    f = pickle.loads(pickle.dumps(FORCED))
    points = np.random.default_rng(1).standard_normal((200, 3))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: (f(x), f.jac(x)), points))
    for x, (y, jacobian) in zip(points, found, strict=True):
        np.testing.assert_array_equal(y, FORCED(x))
        np.testing.assert_array_equal(jacobian, FORCED.jac(x))


WRONG = {
    "too few fixed": (
        lambda: Function(DECAY, wrt=[0, 1], fixed=[1.0]),
        r"fixed must have shape \(2,\).*numbers 2, 3\), got \(1,\)",
    ),
    "nothing to fix": (lambda: Function(EMULATOR, fixed=[1.0]), "fixed must be left out, because wrt names every input"),
    "nothing fixed": (lambda: Function(DECAY, wrt=[0])([1.0]), "leave inputs 1, 2, 3 of the network without a value"),
    "fixed at a call": (lambda: FORCED(X[:3], [1.0, 2.0]), r"fixed must have shape \(1,\)"),
    "ragged": (lambda: Function(DECAY, wrt=[0], fixed=[[1.0], [1.0, 2.0]]), "fixed must be a rectangular array"),
    "x": (lambda: FORCED(X), r"x must have shape \(3,\), one number for each variable, got \(4,\)"),
    "a batch": (lambda: FORCED.jac(np.ones((2, 3))), r"x must have shape \(3,\).*got \(2, 3\)"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=list(WRONG))
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


def test_complex_variables_are_refused():
    with pytest.raises(DtypeError, match="x must hold real numbers, got dtype complex128"):
        FORCED(X[:3] + 1j)
