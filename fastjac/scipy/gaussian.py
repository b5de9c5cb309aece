"""A Gaussian distribution, as data and priors have it, and what whitens it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from .. import arguments
from ..errors import OptionError, ShapeError
from ..layers import Affine, Scale
from .variables import vector

ASYMMETRY = 1e-6
"""How far two mirrored entries may differ, in units of the diagonal's entries; sums in float32 differ by less."""


class Gaussian:
    """A mean `(n,)` with an uncertainty, and the factor `L^T` that whitens it, where `L L^T` is the precision.

    Parameters
    ----------
    mean : (n,) real numbers.
    sigma : standard deviations, (n,) or one for all; infinite where nothing is known. 1 if no uncertainty is given.
    covariance : (n, n), symmetric and positive definite, in place of sigma.
    precision : (n, n), the inverse of a covariance, in place of both.

    Raises ShapeError, DtypeError or OptionError for any other arrays. Costs a Cholesky factorization, n^3 / 3 multiply-adds, and
    for a covariance as many again for the factor's inverse.

    >>> import numpy as np
    >>> from fastjac.scipy import Gaussian
    >>> Gaussian([1.0, 2.0], sigma=[0.1, 0.5]).whitened([1.2, 1.0]).round(6).tolist()
    [2.0, -2.0]
    >>> covariance = np.array([[4.0, 1.0], [1.0, 9.0]])
    >>> v = np.array([1.0, -2.0])
    >>> r = Gaussian([0.0, 0.0], covariance=covariance).whitened(v)
    >>> bool(np.isclose(r @ r, v @ np.linalg.solve(covariance, v)))
    True
    """

    def __init__(self, mean: Any, *, sigma: Any = None, covariance: Any = None, precision: Any = None) -> None:
        self.mean = _finite(np.atleast_1d(arguments.real_array(mean, "mean")), "mean").copy()
        if self.mean.ndim != 1:
            raise ShapeError(f"mean must have one dimension, got shape {self.mean.shape}")
        given = {"sigma": sigma, "covariance": covariance, "precision": precision}
        names = [name for name, value in given.items() if value is not None]
        if len(names) > 1:
            raise OptionError(f"a Gaussian takes one of sigma, covariance and precision, got {' and '.join(names)}")
        if covariance is not None:
            lower = _cholesky(covariance, self.n, "covariance")
            self.factor = solve_triangular(lower, np.eye(self.n), lower=True)
        elif precision is not None:
            self.factor = _cholesky(precision, self.n, "precision").T
        else:
            self.factor = 1.0 / _deviations(1.0 if sigma is None else sigma, self.n)

    @property
    def n(self) -> int:
        """The size of the mean."""
        return len(self.mean)

    def whitened(self, value: Any) -> np.ndarray:
        """`L^T (value - mean)`, whose entries have deviation 1 and no correlation with one another."""
        missed = vector(value, self.n, "value", "entry of the mean") - self.mean
        return self.factor * missed if self.factor.ndim == 1 else self.factor @ missed

    def matrix(self) -> np.ndarray:
        """`L^T` as a matrix (n, n)."""
        return np.diag(self.factor) if self.factor.ndim == 1 else self.factor

    def layer(self) -> Affine | Scale:
        """`whitened` as a layer."""
        if self.factor.ndim == 1:
            return Scale(self.factor, -self.factor * self.mean)
        return Affine(self.factor, -self.factor @ self.mean)


def _deviations(sigma: Any, n: int) -> np.ndarray:
    array = arguments.real_array(sigma, "sigma").astype(np.float64)
    if array.shape not in ((), (n,)):
        raise ShapeError(f"sigma must have shape ({n},), as the mean has, or be one number, got {array.shape}")
    array = np.broadcast_to(array, n)
    if not (array > 0).all():
        place = int(np.argmin(array > 0))
        raise OptionError(
            f"sigma must be positive, got {array[place]:g} at {place}; a deviation of numpy.inf leaves an entry out"
        )
    return array


def _cholesky(matrix: Any, n: int, name: str) -> np.ndarray:
    """The lower triangular L of `matrix = L L^T`."""
    array = _finite(arguments.real_array(matrix, name), name)
    if array.shape != (n, n):
        raise ShapeError(
            f"{name} must have shape {(n, n)}, for a mean of {n} numbers, got {array.shape}; {_deviation_fix(array, n)}"
        )
    scale = np.sqrt(np.abs(np.diag(array)))
    asymmetric = np.abs(array - array.T) > ASYMMETRY * np.multiply.outer(scale, scale)
    if asymmetric.any():
        i, j = np.argwhere(asymmetric)[0]
        raise OptionError(
            f"{name} must be symmetric, but has {array[i, j]:g} at ({i}, {j}) and {array[j, i]:g} at ({j}, {i}); "
            f"if these should be equal, pass ({name} + {name}.T) / 2"
        )
    try:
        return np.linalg.cholesky(array)
    except np.linalg.LinAlgError as error:
        least = np.linalg.eigvalsh(array)[0]
        raise OptionError(
            f"{name} must be positive definite, but its smallest eigenvalue is {least:.3g}; "
            "leave out numbers that others determine, or add their noise to the diagonal"
        ) from error


def _deviation_fix(array: np.ndarray, n: int) -> str:
    return "pass variances as sigma=numpy.sqrt(...)" if array.shape == (n,) else "its rows and columns are those of the mean"


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    """The array in float64, if all entries are finite."""
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise OptionError(f"{name} must be finite, got {array[place]} at {place[0] if len(place) == 1 else place}")
    return array
