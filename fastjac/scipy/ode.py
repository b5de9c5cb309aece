"""A network as the right-hand side of an ordinary differential equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from .function import Function
from .variables import checked_kind


class Ode:
    """`dx/dt = f(x, u)`: `solve_ivp(ode, span, x0, method="BDF", jac=ode.jac)`.

    Implicit methods (BDF, Radau, LSODA), which stiff systems need, take the Jacobian; explicit ones do without `jac`. A network
    `x + dt f(x, u)` is a step and no right-hand side.

    Parameters
    ----------
    function : f, with as many outputs as variables; the inputs u are fixed there, or by solve_ivp's `args=(u,)`.
    control : where u changes with time, a function of t that gives it.

    Raises ShapeError where the function does not have as many outputs as variables.

    An oscillator of two states that a force drives:

    >>> import numpy as np
    >>> from scipy.integrate import solve_ivp
    >>> import fastjac as fj
    >>> from fastjac.scipy import Function, Ode
    >>> net = fj.Network([fj.Affine([[0.0, 1.0, 0.0], [-1.0, -2.0, 1.0]])])
    >>> ode = Ode(Function(net, wrt=[0, 1]), control=lambda t: [np.sin(t)])
    >>> end = solve_ivp(ode, (0, 20 * np.pi), [0.0, 0.0], method="BDF", jac=ode.jac, rtol=1e-6, atol=1e-8).y[:, -1]
    >>> bool(np.allclose(end, [-0.5, 0.0], atol=1e-3))
    True
    """

    def __init__(self, function: Function, control: Callable[[float], Any] | None = None) -> None:
        if checked_kind(function, Function, "function", "Function(net)").n_out != function.n_in:
            raise ShapeError(
                f"a right-hand side must have as many outputs as states, got {function.n_out} outputs of {function.n_in} "
                "variables; name the states by the function's wrt, and fix the other inputs"
            )
        self.function, self.control = function, control

    def __call__(self, t: float, x: Any, fixed: Any = None) -> np.ndarray:
        """`dx/dt (n,)` at the time t and the state `x (n,)`."""
        return self.function(x, self._held(t, fixed))

    def jac(self, t: float, x: Any, fixed: Any = None) -> np.ndarray:
        """`J (n, n)`, the derivative of dx/dt by x."""
        return self.function.jac(x, self._held(t, fixed))

    def _held(self, t: float, fixed: Any) -> Any:
        return self.control(t) if fixed is None and self.control is not None else fixed
