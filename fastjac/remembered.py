"""A network that remembers its last point, for solvers that ask for value and Jacobian in two calls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .linearization import Linearization
from .network import Network
from .selection import as_index


class Point(NamedTuple):
    """What is known at the inputs `key`, as bytes; `jacobian` is None where nobody has asked for it yet."""

    key: bytes
    derivative: Linearization
    jacobian: np.ndarray | None = None


class Remembered:
    """The value, the Jacobian and products with it of a network of one input and one output, by one sweep at each point.

    A solver asks for the value, and then perhaps for the Jacobian at the same point. The value's sweep keeps what the Jacobian
    starts from (see `Network.linearize`), so that no sweep is taken twice, and no Jacobian computed that is not asked for.

    The point is compared by its entries, so a change within the same array is noticed. What is returned must not be written to.
    May be called from several threads, each of which then makes the others forget.

    columns : the inputs by which J is taken, all by default.
    """

    def __init__(self, net: Network, columns: tuple[int, ...] | None = None) -> None:
        self.net, self.columns = net, columns
        self._wrt = None if columns is None else as_index(columns)
        # Replaced as a whole and read once in a call, so that threads need no lock.
        self._last: Point | None = None

    def value(self, x: np.ndarray) -> np.ndarray:
        """y at x (..., n_in), an array of the network's dtype."""
        return self._at(x).derivative.value

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """J at x (..., n_in)."""
        point = self._at(x)
        if point.jacobian is None:
            point = self._last = point._replace(jacobian=point.derivative.jacobian(wrt=self._wrt))
        assert point.jacobian is not None
        return point.jacobian

    def vjp(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """`u J` by all inputs at x (..., n_in), for `u (..., n_out)`; J is never formed."""
        return self._at(x).derivative.vjp(u)

    def _at(self, x: np.ndarray) -> Point:
        last, key = self._last, x.tobytes()
        if last is None or last.key != key:
            last = self._last = Point(key, self.net.linearize(x))
        return last
