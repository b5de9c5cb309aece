"""The Jacobians of a linearization as one of SciPy's linear operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from . import arguments

if TYPE_CHECKING:
    from .linearization import Linearization


class JacobianOperator(LinearOperator):
    """The Jacobians of a linearization, one diagonal block for each input, known by products alone. It may be pickled."""

    def __init__(self, linearization: Linearization) -> None:
        self._linearization = linearization
        n, n_out, n_in = linearization._sizes
        super().__init__(linearization._x.dtype, (n * n_out, n * n_in))

    def _matmat(self, V: Any) -> np.ndarray:  # noqa: N803
        n, n_out, n_in = self._linearization._sizes
        tangents = arguments.real_array(V, "V").reshape(n, n_in, V.shape[1])
        return self._linearization._product(tangents, "tangents").reshape(n * n_out, V.shape[1])

    def _rmatmat(self, U: Any) -> np.ndarray:  # noqa: N803
        n, n_out, n_in = self._linearization._sizes
        cotangents = arguments.real_array(U, "U").reshape(n, n_out, U.shape[1]).swapaxes(1, 2)
        products = self._linearization._product(cotangents, "cotangents").reshape(n, U.shape[1], n_in)
        return products.swapaxes(1, 2).reshape(n * n_in, U.shape[1])

    def _matvec(self, v: Any) -> np.ndarray:
        return self._matmat(v.reshape(-1, 1))

    def _rmatvec(self, u: Any) -> np.ndarray:
        return self._rmatmat(u.reshape(-1, 1))
