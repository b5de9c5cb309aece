"""A network of data and parameters, as `curve_fit` takes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arguments
from ..derivatives import Index
from ..errors import OptionError, ShapeError
from ..flat import flat
from ..network import Network
from ..remembered import Remembered
from .variables import Variables, put, vector


class Curve:
    """`y_i = net(x_i, theta)` at all points of the data in one batch: `curve_fit(curve, xdata, ydata, p0, jac=curve.jac)`.

    `curve_fit` itself takes `sigma`, `bounds` and the first guess p0, which is required here.

    Parameters
    ----------
    net : a network of one output; several inputs count as one vector.
    wrt : the inputs that are the parameters theta, in their order, as for `Network.jacobian`. The other inputs are xdata.

    Raises OptionError where no input is left for xdata, and ShapeError for a network of several outputs and for arrays that do
    not fit.

    >>> import numpy as np
    >>> from scipy.optimize import curve_fit
    >>> import fastjac as fj, fastjac.scipy
    >>> x, a, b = fj.Input(1), fj.Input(1), fj.Input(1)
    >>> net = fj.Network(inputs=(x, a, b), outputs=a * fj.Exp()(-1.0 * b * x))
    >>> curve = fastjac.scipy.Curve(net, wrt=[1, 2])
    >>> xdata = np.linspace(0.0, 4.0, 50)
    >>> curve_fit(curve, xdata, 2.5 * np.exp(-1.3 * xdata), [1.0, 1.0], jac=curve.jac)[0].round(6).tolist()
    [2.5, 1.3]
    """

    def __init__(self, net: Network, wrt: Index) -> None:
        self._variables = Variables(net, wrt)
        if net.n_out != 1:
            raise ShapeError(f"a curve must have one output, got a network of {net.n_out}; fit several with Residuals")
        if not len(self._variables.held):
            raise OptionError(
                "wrt names every input of the network, which leaves none for xdata; fit such a network with Residuals"
            )
        self._remembered = Remembered(flat(net), self._variables.columns)

    def __call__(self, xdata: Any, *theta: float) -> np.ndarray:
        """`y (m,)` in float64 for `xdata (k, m)`, k inputs at m points, or `(m,)` for one input."""
        return self._remembered.value(self._points(xdata, theta))[:, 0].astype(np.float64)

    def jac(self, xdata: Any, *theta: float) -> np.ndarray:
        """`J (m, n_theta)` in float64; `J[i, p] = d y_i / d theta_p`."""
        return self._remembered.jacobian(self._points(xdata, theta))[:, 0].astype(np.float64)

    def _points(self, xdata: Any, theta: tuple[float, ...]) -> np.ndarray:
        """All inputs at all points, (m, n) in the network's dtype."""
        held, net = self._variables.held, self._remembered.net
        data = np.atleast_2d(arguments.real_array(xdata, "xdata"))
        if data.ndim != 2 or len(data) != len(held):
            form = f"({len(held)}, m)" + (" or (m,)" if len(held) == 1 else "")
            fix = "; pass its transpose" if data.ndim == 2 and data.shape[1] == len(held) else ""
            raise ShapeError(
                f"xdata must have shape {form}, for the inputs {self._variables.listed} at m points, got {np.shape(xdata)}{fix}"
            )
        points = np.empty((data.shape[1], net.n_in), net.dtype)
        put(points, held, data.T)
        put(points, self._variables.free, vector(theta, self._variables.n_free, "theta", "parameter"))
        return points
