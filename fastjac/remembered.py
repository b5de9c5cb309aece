"""A network that remembers its last point, for solvers that ask for value and Jacobian in two calls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .graphs.selection import as_index
from .network import Network


class Point(NamedTuple):
    """What is known at the inputs `key`, as bytes.

    jacobian : None where it is not computed yet.  asked : whether a caller has asked for it here.
    """

    key: bytes
    y: np.ndarray
    jacobian: np.ndarray | None
    asked: bool


class Remembered:
    """The values and Jacobians of a network of one input and one output, by one sweep where both are wanted at one point.

    A solver asks for the value, and only then, or never, for the Jacobian at the same point. So the value's sweep computes the
    Jacobian too if the solver has asked for the Jacobian at the point before. Where it has not, as in a line search, the Jacobian
    waits until it is asked for. For a small network this takes half the time of `Network.linearize` and a Jacobian from it.

    The point is compared by its entries, so a change within the same array is noticed. What is returned must not be written to.
    May be called from several threads, but they share one remembered point, so each makes the others forget theirs.

    columns : the inputs by which J is taken, all by default.
    """

    def __init__(self, net: Network, columns: tuple[int, ...] | None = None) -> None:
        self.net, self.columns = net, columns
        # For all columns in order the call without wrt is quicker.
        self._wrt = None if columns in (None, tuple(range(net.n_in))) else as_index(columns)
        # Replaced as a whole and read once in a call, so that threads need no lock.
        self._last: Point | None = None

    def value(self, x: np.ndarray, alone: bool = False) -> np.ndarray:
        """y at x (..., n_in), an array of the network's dtype.

        alone : for callers that never ask for J, which may be too large to be formed.
        """
        last, key = self._last, x.tobytes()
        if last is None or last.key != key:
            last = self._last = self._swept(x, key, not alone and (last is None or last.asked))
        return last.y

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """J at x (..., n_in), an array of the network's dtype."""
        last, key = self._last, x.tobytes()
        if last is None or last.key != key or last.jacobian is None:
            last = self._swept(x, key, True)
        self._last = last if last.asked else last._replace(asked=True)
        assert last.jacobian is not None
        return last.jacobian

    def _swept(self, x: np.ndarray, key: bytes, with_jacobian: bool) -> Point:
        if with_jacobian:
            return Point(key, *self.net.value_and_jacobian(x, wrt=self._wrt), asked=False)
        return Point(key, self.net(x), None, asked=False)
