"""Networks in `solve_ivp` and `curve_fit`, against the same with plain functions; and the examples in docstrings."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit

import fastjac.scipy
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.scipy import Curve, Function, Ode
from tests.scipy.networks import DECAY, EMULATOR, random_network
from tests.sweeps import counted_sweeps

START = np.array([1.0, -0.5, 0.3])
EXACT = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12}
STIFF = {"rtol": 1e-8, "atol": 1e-10}


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_an_implicit_method_takes_the_jacobian(method):
    ode = Ode(Function(DECAY, wrt=slice(3), fixed=[0.7]))
    expected = solve_ivp(lambda t, x: DECAY((x, [0.7])), (0, 2), START, **EXACT).y[:, -1]
    with counted_sweeps() as sweeps:
        found = solve_ivp(ode, (0, 2), START, method=method, jac=ode.jac, **STIFF)
    np.testing.assert_allclose(found.y[:, -1], expected, rtol=1e-5)
    assert found.njev > 0
    assert sweeps.count("value_and_jacobian") <= 2 * found.njev + 1


def test_a_control_that_changes_with_time():
    def force(t):
        return [np.sin(3 * t)]

    ode = Ode(Function(DECAY, wrt=slice(3)), control=force)
    expected = solve_ivp(lambda t, x: DECAY((x, force(t))), (0, 2), START, **EXACT).y[:, -1]
    found = solve_ivp(ode, (0, 2), START, method="BDF", jac=ode.jac, **STIFF)
    np.testing.assert_allclose(found.y[:, -1], expected, rtol=1e-5)
    by_args = solve_ivp(ode, (0, 2), START, method="BDF", jac=ode.jac, args=([0.7],), **STIFF)
    np.testing.assert_allclose(DECAY((by_args.y[:, -1], [0.7])), ode(0.0, by_args.y[:, -1], [0.7]), rtol=1e-12)


def test_a_curve_is_fitted_in_one_batch_a_step():
    net, truth = random_network(4, 16, 1), np.array([0.5, -0.8])
    xdata = np.random.default_rng(1).uniform(-1, 1, (2, 60))
    by_hand = net(np.column_stack([np.full(60, truth[1]), *xdata, np.full(60, truth[0])]))[:, 0]
    curve = Curve(net, wrt=[3, 0])
    np.testing.assert_array_equal(curve(xdata, *truth), by_hand)
    with counted_sweeps() as sweeps:
        found, covariance = curve_fit(curve, xdata, by_hand, [0.0, 0.0], jac=curve.jac)
    np.testing.assert_allclose(found, truth, atol=1e-6)
    assert covariance.shape == (2, 2)
    assert len(sweeps) < 40
    differences = curve_fit(curve, xdata, by_hand + 0.01, [0.0, 0.0])[0]
    np.testing.assert_allclose(curve_fit(curve, xdata, by_hand + 0.01, [0.0, 0.0], jac=curve.jac)[0], differences, atol=1e-6)


CURVE = Curve(random_network(3, 4, 1), wrt=[0, 1])
WRONG = {
    "step": (lambda: Ode(Function(EMULATOR)), ShapeError, "as many outputs as states, got 40 outputs of 4 variables"),
    "an ode of a network": (lambda: Ode(DECAY), DtypeError, r"function must be a .*Function, got Network; pass Function\(net\)"),
    "no network": (lambda: Curve(np.tanh, [0]), DtypeError, "net must be a fastjac.Network, got ufunc"),
    "all": (lambda: Curve(random_network(3, 1), slice(3)), OptionError, "leaves none"),
    "outputs": (lambda: Curve(EMULATOR, [0]), ShapeError, "a curve must have one output, got a network of 40"),
    "xdata": (
        lambda: CURVE(np.ones((5, 2)), 1, 2),
        ShapeError,
        r"xdata must have shape \(1, m\) or \(m,\), for the inputs 2 .*\(5, 2\)",
    ),
    "transposed": (lambda: CURVE.jac(np.ones((5, 1)), 1, 2), ShapeError, r"got \(5, 1\); pass its transpose"),
    "theta": (
        lambda: CURVE(np.ones(5), 1),
        ShapeError,
        r"theta must have shape \(2,\), one number for each parameter, got \(1,\)",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=list(WRONG))
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(fastjac.scipy.__path__)])
def test_the_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(f"fastjac.scipy.{name}")).failed == 0
