"""The residuals of a network against data, in units of the data's uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from .function import Function
from .gaussian import Gaussian
from .objective import Objective, half_square
from .variables import checked_kind


class Residuals:
    """`r = L^T (f(x) - y)`, for data y whose precision is `L L^T`, and below it `L_p^T (x - m)` for a prior of mean m.

        least_squares(fit, x0, jac=fit.jac, bounds=bounds)
        minimize(fit.cost, x0, jac=True, hess=fit.hess)

    Half the sum of squares is the negative logarithm of the posterior density, up to a constant. A robust `loss=` of
    `least_squares` is applied to the whitened residuals, those of the prior included.

    The whitening becomes a layer of the network. Behind an affine layer it is multiplied into that layer's weight once, so that
    correlated data of thousands of points cost no more at a call than the network does. Behind any other layer it costs n_out^2
    multiply-adds for the value and for each variable.

    Parameters
    ----------
    function : f, whose `n_out` is the size of the data and whose `n_in` is the size of the prior.
    data : y with its uncertainty.
    prior : the prior of the variables x, or None; with infinite sigma for a variable of which nothing is known.

    Raises ShapeError where sizes do not fit, DtypeError for other classes.

    A straight line through three points, with a prior on its slope:

    >>> import numpy as np
    >>> from scipy.optimize import least_squares
    >>> import fastjac as fj
    >>> from fastjac.scipy import Function, Gaussian, Residuals
    >>> line = Function(fj.Network([fj.Affine([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])]))
    >>> data = Gaussian([0.1, 1.9, 4.1], covariance=0.04 * np.eye(3) + 0.01)
    >>> fit = Residuals(line, data, prior=Gaussian([0.0, 1.5], sigma=[np.inf, 0.2]))
    >>> result = least_squares(fit, [1.0, 1.0], jac=fit.jac, bounds=(0.0, 5.0))
    >>> result.x.round(3).tolist(), np.linalg.inv(fit.hess(result.x)).round(3).tolist()
    ([0.2, 1.833], [[0.037, -0.013], [-0.013, 0.013]])

    The same fit by its scalar cost and gradient:

    >>> from scipy.optimize import minimize
    >>> minimize(fit.cost, [1.0, 1.0], jac=True, hess=fit.hess, method="trust-exact").x.round(3).tolist()
    [0.2, 1.833]
    """

    def __init__(self, function: Function, data: Gaussian, prior: Gaussian | None = None) -> None:
        checked_kind(function, Function, "function", "Function(net)")
        if checked_kind(data, Gaussian, "data", "Gaussian(y, sigma=...)").n != function.n_out:
            raise ShapeError(
                f"data must hold {function.n_out} numbers, one for each output of the function, got {data.n}; "
                "where only some outputs are measured, give the others a sigma of numpy.inf"
            )
        if prior is not None and checked_kind(prior, Gaussian, "prior", "Gaussian(mean, sigma=...)").n != function.n_in:
            raise ShapeError(f"the prior must hold {function.n_in} numbers, one for each variable, got {prior.n}")
        self._whitened = function.then(data.layer())
        self._prior = prior
        self._cost = Objective(self._whitened, half_square)

    def __call__(self, x: Any, fixed: Any = None) -> np.ndarray:
        """The residuals at the variables `x (n_in,)`: `(n_out,)`, or `(n_out + n_in,)` with a prior."""
        residuals = self._whitened(x, fixed)
        return residuals if self._prior is None else np.concatenate([residuals, self._prior.whitened(x)])

    def jac(self, x: Any, fixed: Any = None) -> np.ndarray:
        """Their Jacobian `(n_out, n_in)`, or `(n_out + n_in, n_in)` with a prior."""
        jacobian = self._whitened.jac(x, fixed)
        return jacobian if self._prior is None else np.concatenate([jacobian, self._prior.matrix()])

    def cost(self, x: Any, fixed: Any = None) -> tuple[float, np.ndarray]:
        """Half the sum of squares, as `least_squares` calls it, and its gradient (n_in,), by one vector-Jacobian product."""
        value, gradient = self._cost(x, fixed)
        if self._prior is None:
            return value, gradient
        prior_value, residuals = half_square(self._prior.whitened(x))
        return value + prior_value, gradient + self._prior.matrix().T @ residuals

    def hess(self, x: Any, fixed: Any = None) -> np.ndarray:
        """Gauss and Newton's Hessian `J^T J (n_in, n_in)`: the Fisher information, whose inverse is the estimate's covariance."""
        jacobian = self.jac(x, fixed)
        return jacobian.T @ jacobian
