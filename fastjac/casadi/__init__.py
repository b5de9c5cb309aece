"""Networks as CasADi functions with exact Jacobians, all stages of a horizon in one batch.

    import casadi, fastjac.casadi

    F = fastjac.casadi.callback(net, stages=20)      # net of inputs (x, u): F(X, U), matrices of 20 columns
    opti = casadi.Opti()
    X, U = opti.variable(8, 21), opti.variable(4, 20)
    opti.subject_to(X[:, 1:] == F(X[:, :-1], U))
    opti.solver("ipopt", {}, {"hessian_approximation": "limited-memory"})

`F.map(20)` of a function of one stage has the same result, but runs the network twenty times, from Python each time. The Jacobian
is block-diagonal, which CasADi knows. Only the blocks that CasADi asks for are computed: for an input that is given as numbers,
such as a measured disturbance, or for an `Opti.parameter`, none is.

IPOPT wants second derivatives too, which these functions do not have: pass `"hessian_approximation": "limited-memory"` as above.
CasADi's other solvers have options of their own for that.

CasADi computes in float64, and a float32 network rounds its inputs and outputs to seven digits, too few for IPOPT's default
tolerance of 1e-8: use `net.astype("float64")`, or pass `"tol": 1e-5`.

CasADi holds a callback by an address and does not keep it alive: an expression whose callback is gone fails. So fastjac keeps
each callback that it makes, and gives the same one for the same network and number of stages, until `forget(net)`.
"""

# callback.py         the two CasADi functions: values, and their Jacobian
# stages.py           the matrices of a horizon as a batch, and the sparsity of their derivatives
# ../remembered.py    shares a sweep between value and Jacobian

from __future__ import annotations

from ..arguments import positive_count
from ..network import Network, checked_network
from ..optional import optional

optional("casadi", "to use fastjac.casadi", "casadi")

from .callback import NetworkCallback  # noqa: E402

__all__ = ["callback", "forget"]

_kept: dict[tuple[Network, int], NetworkCallback] = {}


def callback(net: Network, stages: int = 1) -> NetworkCallback:
    """The network as a CasADi function, of `stages` samples at a time, with its exact Jacobian.

    The function takes a matrix `(n, stages)` for each input of size n of the network, and gives a matrix for each output; column
    k is sample k. Its Jacobians have a dense block for each stage on the diagonal. It may be called on numbers and on CasADi's MX
    expressions, and lives until `forget(net)`. Its arguments have the names of the network's inputs where CasADi takes these, and
    else are called i0, i1 and so on.

    Raises DtypeError for a net that is no Network, OptionError for stages below 1, and MissingDependencyError without CasADi.
    Costs a sweep of the batch for the values and the Jacobian at one point, whichever of them CasADi asks for first.

    >>> import casadi, numpy as np
    >>> import fastjac as fj, fastjac.casadi
    >>> x, u = fj.Input(2), fj.Input(1)
    >>> step = fj.Network(inputs=(x, u), outputs=x + 0.1 * fj.Affine([[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])(fj.concatenate([x, u])))
    >>> F = fastjac.casadi.callback(step, stages=3)
    >>> F(np.ones((2, 3)), np.zeros((1, 3))).full().round(6).tolist()
    [[1.1, 1.1, 1.1], [0.9, 0.9, 0.9]]
    >>> X, U = casadi.MX.sym("X", 2, 3), casadi.MX.sym("U", 1, 3)
    >>> casadi.jacobian(casadi.vec(F(X, U)), casadi.vec(X)).sparsity().nnz()
    12
    """
    key = checked_network(net), positive_count(stages, "stages") or 1
    # Where two threads make the same callback, both must get the one that is kept.
    return _kept.get(key) or _kept.setdefault(key, NetworkCallback(*key))


def forget(net: Network) -> None:
    """Let go of all callbacks of a network: CasADi's expressions that hold one fail from then on.

    >>> import fastjac as fj, fastjac.casadi
    >>> net = fj.Network([fj.Tanh()], n_in=2)
    >>> F = fastjac.casadi.callback(net)
    >>> fastjac.casadi.forget(net)
    """
    for key in [key for key in _kept if key[0] is net]:
        del _kept[key]
