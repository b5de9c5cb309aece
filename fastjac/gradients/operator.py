"""The Jacobian by the parameters as one of SciPy's linear operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

if TYPE_CHECKING:
    from .trainable import Trainable


class ParameterOperator(LinearOperator):
    """`K (n * n_out, n_parameters)` of a network at `points (n, n_in)`, known by its products alone. It may be pickled."""

    def __init__(self, network: Trainable, points: np.ndarray) -> None:
        super().__init__(network.dtype, (len(points) * network.n_out, network.n_parameters))
        self._network, self._points = network, points

    def _matvec(self, v: Any) -> np.ndarray:
        return self._network._parameter_jvp(self._points, self._points.shape[:1], np.ravel(v), None)[1].ravel()

    def _rmatvec(self, u: Any) -> np.ndarray:
        cotangents = np.reshape(u, (len(self._points), self._network.n_out))
        return self._network._parameter_vjp(self._points, self._points.shape[:1], cotangents, None)[1]
