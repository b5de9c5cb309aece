"""Networks in SciPy's solvers: exact Jacobians, and one sweep for the value and the Jacobian at a point.

    import fastjac.scipy as fs

    f = fs.Function(net, wrt=[0, 1, 3], fixed=[0.7])     # three inputs are variables, input 2 is held at 0.7
    fit = fs.Residuals(f, fs.Gaussian(y, covariance=C), prior=fs.Gaussian(mean, sigma=0.1))

    least_squares(fit, x0, jac=fit.jac, bounds=bounds)   # whitened residuals
    minimize(fit.cost, x0, jac=True, hess=fit.hess)      # the same as a scalar, by one vector-Jacobian product
    minimize(fs.Objective(f, loss), x0, jac=True)        # any loss(y) -> (value, gradient by y)
    root(f, x0, jac=f.jac), fsolve(f, x0, fprime=f.jac)  # square systems
    solve_ivp(ode := fs.Ode(f), span, x0, method="BDF", jac=ode.jac)
    curve_fit(curve := fs.Curve(net, wrt=[1, 2]), x, y, p0, jac=curve.jac)

All take and give float64, as SciPy does, whatever the network's dtype. A float32 network rounds to seven digits, so a solver's
tolerances below 1e-6 may never be met; `net.astype("float64")` avoids that. Results are arrays that belong to the caller, because
robust losses of `least_squares` overwrite them. All may be pickled and called from several threads.
"""

# function.py         a network by some of its inputs, the others fixed
# gaussian.py         a mean with a standard deviation, covariance or precision, which whitens
# residuals.py        the residuals of a network against data, whitened, with a prior
# objective.py        a scalar loss of the outputs, and its gradient
# ode.py              a network as the right-hand side of dx/dt = f(x, u)
# curve.py            a network of data and parameters, y = f(x, theta)
# ../remembered.py    shares a sweep between value and Jacobian

from ..optional import optional

optional("scipy.linalg", "to use fastjac.scipy", "scipy")

from .curve import Curve as Curve  # noqa: E402
from .function import Function as Function  # noqa: E402
from .gaussian import Gaussian as Gaussian  # noqa: E402
from .objective import Objective as Objective  # noqa: E402
from .ode import Ode as Ode  # noqa: E402
from .residuals import Residuals as Residuals  # noqa: E402

__all__ = ["Curve", "Function", "Gaussian", "Objective", "Ode", "Residuals"]
