"""A scalar loss of a network's outputs, with its gradient by the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .function import Function, Loss
from .variables import checked_kind


class Objective:
    """`minimize(Objective(f, loss), x0, jac=True)`: the loss of `y = f(x)`, and its gradient `(n_in,)`.

    f : a `Function`.
    loss : takes y (n_out,) and gives a pair, a number and its derivative by y (n_out,).

    Raises DtypeError where the loss gives no pair, and ShapeError where its derivative has another shape than y.
    Costs one sweep and one vector-Jacobian product; the Jacobian is never formed.

    Poisson's likelihood for counts whose logarithmic rates the network gives:

    >>> import numpy as np
    >>> from scipy.optimize import minimize
    >>> import fastjac as fj, fastjac.scipy
    >>> rates = fastjac.scipy.Function(fj.Network([fj.Affine([[1.0, 0.0], [1.0, 1.0]])]))
    >>> counts = np.array([2.0, 6.0])
    >>> likelihood = fastjac.scipy.Objective(rates, lambda y: (np.sum(np.exp(y) - counts * y), np.exp(y) - counts))
    >>> np.exp(minimize(likelihood, [0.0, 0.0], jac=True).x).round(3).tolist()
    [2.0, 3.0]
    """

    def __init__(self, function: Function, loss: Loss) -> None:
        self.function, self.loss = checked_kind(function, Function, "function", "Function(net)"), loss

    def __call__(self, x: Any, fixed: Any = None) -> tuple[float, np.ndarray]:
        """The loss at the variables `x (n_in,)`, and its gradient (n_in,)."""
        return self.function.value_and_gradient(x, self.loss, fixed)


def half_square(residuals: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss `sum(r^2) / 2`, whose derivative is r."""
    return 0.5 * float(residuals @ residuals), residuals
