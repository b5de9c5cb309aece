"""A network's derivative at some inputs, by one primal sweep: as many products with it as are wanted, without another sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import arguments
from .graphs.ends import shapes_of
from .optional import optional
from .planning.product import Seed
from .planning.steps import Mode
from .running.state import room_for_state

if TYPE_CHECKING:
    from .derivatives import Differentiable, Index


class Linearization:
    """A network at some inputs x: its `value (..., n_out)`, and products with its Jacobians there; see `Network.linearize`.

    The products have the bits of the Network's methods of the same names, and stand alone, without the values beside them. They
    start from what one primal sweep has left, the slopes of every activation. A linearization owns its memory, so it stays as it
    is whatever the network computes next, and several threads may use it at once. It may be pickled: another process gets the
    network and the inputs, and sweeps once more.

    >>> lin = fj.Network([fj.Affine([[1.0, 2.0]]), fj.Exp()]).linearize([0, 0])
    >>> lin.value, lin.jvp([1, 1]), lin.vjp([10])
    (array([1.]), array([3.]), array([10., 20.]))
    """

    def __init__(self, network: Differentiable, x: np.ndarray, lead: tuple[int, ...], threads: int | None = None) -> None:
        # A copy: what the caller does to x later must not change the point at which this is the derivative.
        self._network, self._x, self._lead = network, arguments.for_kernels(x, network._dtype).copy(), lead
        runner = network._runners.get(None)
        self._state = room_for_state(runner.program, self._x.size // network._n_in)
        self._y = np.empty((*lead, network._n_out), network._dtype)
        network._run(runner, self._x, None, self._y, None, threads, self._state)
        self._y.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Linearization, (self._network, self._x, self._lead)

    def __repr__(self) -> str:
        x = self._network._inputs.split(self._x.reshape(*self._lead, self._network._n_in), -1)
        held = (sum(self._sizes[1:]) + self._state.size) * self._x.itemsize
        return f"Linearization(x {shapes_of(x)}, y {shapes_of(self.value)}, {self._x.dtype}, {held:,} bytes an input)"

    @property
    def value(self) -> Any:
        """The outputs `y (..., n_out)`, read-only; a tuple of arrays for several outputs."""
        return self._network._outputs.split(self._y, -1)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        """The number of samples, and the numbers of outputs and inputs of each."""
        return self._state.samples, self._network._n_out, self._network._n_in

    @property
    def nbytes(self) -> int:
        """The memory that the linearization holds, in bytes.

        For each input these are x, y and the slopes: one number for each unit of an activation, two for each unit of a product or
        another join of two vectors, three for each of a softmax and five for each of a layer normalization. Each vector of slopes
        fills whole registers.
        """
        return self._x.nbytes + self._y.nbytes + self._state.memory.nbytes

    def jacobian(
        self,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        out: Any = None,
        threads: int | None = None,
    ) -> Any:
        """The Jacobians `J (..., n_out, n_in)`; arguments, blocks and errors as for `Network.jacobian`.

        For a batch through a network so narrow that samples share registers (`net.plan().in_lanes`), it repeats the primal sweep,
        which is quicker there.
        """
        return self._network._jacobian(self._x, self._lead, None, (mode, wrt, of), out, threads, self._state)

    def jvp(self, v: Any, *, threads: int | None = None) -> Any:
        """The tangent `J v (..., n_out)` for a tangent `v (..., n_in)` at each input, or one for all; as `Network.jvp`."""
        seed = self._network._inputs.seed(v, self._lead, (0,), "v")
        return self._network._outputs.split(self._product(seed[..., None], "tangents", threads)[..., 0], -1)

    def vjp(self, u: Any, *, threads: int | None = None) -> Any:
        """The cotangent `u J (..., n_in)` for a cotangent `u (..., n_out)` at each input, or one for all; as `Network.vjp`."""
        seed = self._network._outputs.seed(u, self._lead, (0,), "u")
        return self._network._inputs.split(self._product(seed[..., None, :], "cotangents", threads)[..., 0, :], -1)

    def pushforward(self, V: Any, *, threads: int | None = None) -> Any:  # noqa: N803
        """The tangents `J V (..., n_out, k)` for a tangent matrix `V (..., n_in, k)`; as `Network.pushforward`."""
        seed = self._network._inputs.seed(V, self._lead, (0, None), "V")
        return self._network._outputs.split(self._product(seed, "tangents", threads), -2)

    def pullback(self, U: Any, *, threads: int | None = None) -> Any:  # noqa: N803
        """The cotangents `U J (..., k, n_in)` for a cotangent matrix `U (..., k, n_out)`; as `Network.pullback`."""
        seed = self._network._outputs.seed(U, self._lead, (None, 0), "U")
        return self._network._inputs.split(self._product(seed, "cotangents", threads), -1)

    def operator(self) -> Any:
        """J as a `scipy.sparse.linalg.LinearOperator` of shape (n_out, n_in), for solvers that take products alone.

        At a batch of n inputs it is block-diagonal, of shape (n * n_out, n * n_in), and its vectors hold those of one input after
        another. Where the network has several inputs or outputs, they follow one another in a sample's vector.

        Raises MissingDependencyError without SciPy. A complex vector is a DtypeError.
        """
        optional("scipy.sparse.linalg", "to make a LinearOperator", "scipy")
        from .jacobian_operator import JacobianOperator

        return JacobianOperator(self)

    def _product(self, seed: np.ndarray, kind: Seed, threads: int | None = None) -> np.ndarray:
        return self._network._product(self._x, self._lead, seed, kind, threads, self._state)[1]
