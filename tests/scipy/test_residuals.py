"""Fits of an emulator to correlated data: the optimum is that of the dense formulas."""

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize

from fastjac import Affine, Network
from fastjac.errors import DtypeError, ShapeError
from fastjac.scipy import Function, Gaussian, Objective, Residuals
from tests.scipy.networks import EMULATOR
from tests.sweeps import counted_sweeps

RNG = np.random.default_rng(0)
TRUTH = np.array([0.4, -0.3, 0.2, 0.6])
DISTANCE = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
COVARIANCE = 0.01 * (np.exp(-DISTANCE / 5.0) + 0.1 * np.eye(40))
Y = EMULATOR(TRUTH) + np.linalg.cholesky(COVARIANCE) @ RNG.standard_normal(40)
PRIOR = Gaussian(np.zeros(4), sigma=[0.5, np.inf, 1.0, 2.0])
FIT = Residuals(Function(EMULATOR), Gaussian(Y, covariance=COVARIANCE), prior=PRIOR)


def dense_optimum(n_free=4):
    """The variables (4,) by Gauss and Newton's method, in plain NumPy, and J^T C^-1 J with the prior's precision."""
    precision, prior = np.linalg.inv(COVARIANCE), np.diag([4.0, 0.0, 1.0, 0.25])[:n_free, :n_free]
    x = TRUTH.copy()
    for _ in range(40):
        y, jacobian = EMULATOR.value_and_jacobian(x)
        jacobian = jacobian[:, :n_free]
        information = jacobian.T @ precision @ jacobian + prior
        x[:n_free] -= np.linalg.solve(information, jacobian.T @ precision @ (y - Y) + prior @ x[:n_free])
    return x, information


def test_the_optimum_is_that_of_the_dense_formulas():
    expected, information = dense_optimum()
    with counted_sweeps() as sweeps:
        result = least_squares(FIT, np.zeros(4), jac=FIT.jac, xtol=1e-12, ftol=1e-12)
    np.testing.assert_allclose(result.x, expected, rtol=1e-6)
    np.testing.assert_allclose(FIT.hess(result.x), information, rtol=1e-5)
    assert len(sweeps) <= result.nfev + (result.nfev - result.njev)
    for method, options in (("BFGS", {}), ("trust-exact", {"hess": FIT.hess}), ("L-BFGS-B", {"bounds": [(-1, 1)] * 4})):
        found = minimize(FIT.cost, np.zeros(4), jac=True, method=method, tol=1e-9, **options)
        np.testing.assert_allclose(found.x, expected, rtol=1e-4, err_msg=method)
        np.testing.assert_allclose(found.fun, result.cost, rtol=1e-8)


def test_bounds_and_a_parameter_that_is_fixed():
    part = Residuals(Function(EMULATOR, wrt=[0, 1, 2], fixed=[TRUTH[3]]), Gaussian(Y, precision=np.linalg.inv(COVARIANCE)))
    exact = least_squares(part, np.zeros(3), jac=part.jac)
    by_args = least_squares(
        Residuals(Function(EMULATOR, wrt=[0, 1, 2]), Gaussian(Y, covariance=COVARIANCE)), np.zeros(3), args=(TRUTH[3:],)
    )
    np.testing.assert_allclose(by_args.x, exact.x, atol=1e-5)
    upper = exact.x[0] - 0.05
    bounded = least_squares(part, np.zeros(3), jac=part.jac, bounds=([-1, -1, -1], [upper, 1, 1]))
    assert bounded.active_mask.tolist() == [1, 0, 0]
    np.testing.assert_allclose(bounded.x[0], upper, rtol=1e-6)
    np.testing.assert_allclose(bounded.grad[1:], 0.0, atol=1e-4)


def test_robust_losses_and_differences_agree():
    exact, differences = (least_squares(FIT, np.zeros(4), jac=jac, loss="soft_l1") for jac in (FIT.jac, "3-point"))
    np.testing.assert_allclose(exact.x, differences.x, rtol=1e-4)
    assert exact.nfev <= differences.nfev + 2


def test_the_gradient_is_one_product_after_one_sweep():
    with counted_sweeps() as sweeps:
        value, gradient = FIT.cost(TRUTH)
        FIT.cost(TRUTH + 0.1), FIT.cost(TRUTH)
    assert sweeps == ["linearize"] * 3
    residuals = FIT(TRUTH)
    np.testing.assert_allclose(value, 0.5 * residuals @ residuals)
    np.testing.assert_allclose(gradient, FIT.jac(TRUTH).T @ residuals)


def test_whitening_is_multiplied_into_the_last_weight():
    whitened = Network([*EMULATOR, Gaussian(Y, covariance=COVARIANCE).layer()])
    assert whitened.plan().multiply_adds == EMULATOR.plan().multiply_adds


def test_a_float32_emulator():
    fit = Residuals(Function(EMULATOR.astype(np.float32)), Gaussian(Y, covariance=COVARIANCE), prior=PRIOR)
    result = least_squares(fit, np.zeros(4), jac=fit.jac)
    np.testing.assert_allclose(result.x, dense_optimum()[0], atol=1e-4)


def test_a_loss_of_ones_own():
    target = EMULATOR(TRUTH)
    objective = Objective(Function(EMULATOR), lambda y: (np.sum(np.cosh(y - target)), np.sinh(y - target)))
    result = minimize(objective, np.zeros(4), jac=True, method="BFGS", tol=1e-8)
    np.testing.assert_allclose(result.x, TRUTH, atol=1e-5)


NET = Network([Affine(np.ones((3, 2)))])
LINE = Function(NET)
WRONG = {
    "data": (
        lambda: Residuals(LINE, Gaussian(np.ones(2))),
        ShapeError,
        "data must hold 3 numbers, .*got 2; .*sigma of numpy.inf",
    ),
    "prior": (
        lambda: Residuals(LINE, Gaussian(np.ones(3)), prior=Gaussian(np.ones(3))),
        ShapeError,
        "the prior must hold 2 numbers, one for each variable, got 3",
    ),
    "a network": (
        lambda: Residuals(NET, Gaussian(np.ones(3))),
        DtypeError,
        r"function must be a .*Function, got Network; pass F",
    ),
    "an array": (lambda: Residuals(LINE, np.ones(3)), DtypeError, r"data must be a .*Gaussian, got ndarray; pass Gaussian\("),
    "a prior": (
        lambda: Residuals(LINE, Gaussian(np.ones(3)), prior=np.ones(2)),
        DtypeError,
        r"prior must be a .*Gaussian, got ndarray; pass Gaussian\(mean",
    ),
    "a loss of a network": (lambda: Objective(NET, np.sum), DtypeError, "function must be a fastjac.scipy.Function, got Network"),
    "an array of losses": (lambda: Objective(LINE, lambda y: (y, y))([1, 2]), DtypeError, r"must be a number, .* shape \(3,\)"),
    "no pair": (lambda: Objective(LINE, np.sum)([1, 2]), DtypeError, "a loss must give a pair, .*got float"),
    "slope": (
        lambda: Objective(LINE, lambda y: (0.0, y[:2]))([1, 2]),
        ShapeError,
        r"the loss's derivative must have shape \(3,\), one number for each output, got \(2,\)",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=list(WRONG))
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
