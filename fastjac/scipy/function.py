"""A network as a function of some of its inputs, with the others fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import arguments
from ..derivatives import Index
from ..errors import DtypeError, ShapeError
from ..flat import flat
from ..graphs.nodes import Input
from ..network import Network
from ..remembered import Remembered
from .variables import Variables, put, vector

Loss = Callable[[np.ndarray], tuple[Any, Any]]
"""Takes y (n_out,) and gives a number and its derivative by y (n_out,)."""


class Function:
    """`y (n_out,)` of the variables `x (n_in,)`, and `jac(x)`, for `root`, `fsolve`, `least_squares` and the other classes here.

    `f(x)` and `f.jac(x)` at the same x cost one sweep through the network (see `fastjac.remembered`).

    Parameters
    ----------
    net : a network; several inputs count as one vector, one after another, and so do several outputs.
    wrt : the inputs that are the variables, in the order of x: numbers or an `Input`, as for `Network.jacobian`. By default all.
    fixed : values of the other inputs, in the order of their numbers. A call may give other values: `f(x, fixed)` and
        `f.jac(x, fixed)` have the form for which SciPy's solvers have `args=(fixed,)`.

    Raises ShapeError where the number of fixed values is not the number of inputs left, or x has another shape than (n_in,); at
    a call also where inputs are left but no values are given.

    The steady state of dx/dt = net(x, u) at u = (1, -1):

    >>> import numpy as np
    >>> from scipy.optimize import fsolve, root
    >>> import fastjac as fj, fastjac.scipy
    >>> net = fj.Network([fj.Affine([[-1.0, 0.3, 1.0, 0.0], [0.2, -1.0, 0.0, 1.0]]), fj.Tanh()])
    >>> f = fastjac.scipy.Function(net, wrt=[0, 1], fixed=[1.0, -1.0])
    >>> root(f, [0.0, 0.0], jac=f.jac).x.round(6).tolist()
    [0.744681, -0.851064]
    >>> fsolve(f, [0.0, 0.0], fprime=f.jac, args=([0.0, 1.0],)).round(6).tolist()
    [0.319149, 1.06383]
    """

    def __init__(self, net: Network, wrt: Index | None = None, fixed: Any = None) -> None:
        self._variables = Variables(net, wrt)
        self._remembered = Remembered(flat(net), self._variables.columns)
        self._fixed = None if fixed is None else self._checked(fixed)
        # All inputs, with the fixed values in place; None where values are missing.
        self._template = self._filled(self._fixed) if fixed is not None or not len(self._variables.held) else None

    @property
    def n_in(self) -> int:
        """Number of variables."""
        return self._variables.n_free

    @property
    def n_out(self) -> int:
        """Number of outputs, all together."""
        return self._remembered.net.n_out

    def __call__(self, x: Any, fixed: Any = None) -> np.ndarray:
        """`y (n_out,)` in float64 at the variables `x (n_in,)`."""
        return self._remembered.value(self._point(x, fixed)).astype(np.float64)

    def jac(self, x: Any, fixed: Any = None) -> np.ndarray:
        """`J (n_out, n_in)` in float64; `J[i, j] = d y_i / d x_j`."""
        return self._remembered.jacobian(self._point(x, fixed)).astype(np.float64)

    def value_and_gradient(self, x: Any, loss: Loss, fixed: Any = None) -> tuple[float, np.ndarray]:
        """A loss of y and its gradient `(n_in,)` in float64, by one sweep and one vector-Jacobian product; J is never formed.

        loss : takes y (n_out,) and gives a pair, a number and its derivative by y (n_out,).

        Raises DtypeError where the loss gives no pair or its value is an array, and ShapeError where its derivative has another
        shape than y.
        """
        derivative = self._remembered.net.linearize(self._point(x, fixed))
        given = loss(derivative.value.astype(np.float64))
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise DtypeError(f"a loss must give a pair, its value and its derivative by y, got {type(given).__name__}")
        cotangent = vector(given[1], self.n_out, "the loss's derivative", "output")
        if np.ndim(given[0]):
            raise DtypeError(f"the value of a loss must be a number, got an array of shape {np.shape(given[0])}; sum it up")
        return float(given[0]), derivative.vjp(cotangent)[self._variables.free].astype(np.float64)

    def then(self, layer: Any) -> Function:
        """The function `layer(f(x))`: an Affine or Scale behind the network is multiplied into its last weight ahead of time."""
        net = self._remembered.net
        x = Input(net.n_in)
        return Function(Network(inputs=x, outputs=layer(net(x)), dtype=net.dtype), self._variables.columns, self._fixed)

    def _point(self, x: Any, fixed: Any) -> np.ndarray:
        """All inputs of the network, (n,), rounded to its dtype as the network sees them."""
        if fixed is not None:
            point = self._filled(self._checked(fixed))
        elif self._template is not None:
            point = self._template.copy()
        else:
            raise ShapeError(
                f"the variables leave inputs {self._variables.listed} of the network without a value; "
                "give their values as fixed, or by SciPy's args=(fixed,)"
            )
        put(point, self._variables.free, vector(x, self.n_in, "x", "variable"))
        return point

    def _filled(self, held: np.ndarray | None) -> np.ndarray:
        """All inputs of the network with these fixed values in place, and zeros elsewhere."""
        point = np.zeros(self._remembered.net.n_in, self._remembered.net.dtype)
        if held is not None:
            put(point, self._variables.held, held)
        return point

    def _checked(self, fixed: Any) -> np.ndarray:
        """The fixed values as a vector."""
        count = len(self._variables.held)
        if not count:
            raise ShapeError("fixed must be left out, because wrt names every input of the network, so that none is left to fix")
        meaning = f"input that is no variable (numbers {self._variables.listed})"
        return vector(np.atleast_1d(arguments.real_array(fixed, "fixed")), count, "fixed", meaning).copy()
