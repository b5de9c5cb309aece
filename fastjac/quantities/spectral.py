"""Singular values of a stack of matrices, and what follows from them; nan where a matrix has an entry that is not finite."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .triangular import r_factors
from .waist import Algebra

Order = Literal["fro", "nuc", 2]
"""The norms: Frobenius, nuclear (the sum of the singular values), and the largest singular value."""

LAPACK_COST = 8
"""Multiply-adds of a matrix multiply in the time of one of LAPACK's, on matrices as small as Jacobians are."""
TALL = 2
"""The R factor comes first for a matrix that is at least so many times taller than wide."""
MOST_EXPONENT = 1000
"""Powers of two up to this one, and their inverses, are normal numbers of float64."""


def spectral_cost(n_out: int, n_in: int, r: int | None = None) -> float:
    """Multiply-adds of the singular values of a matrix (n_out, n_in), or of a product of (n_out, r) and (r, n_in)."""
    if r is not None:
        return _compact_cost(n_out, n_in, r) + spectral_cost(r, r)
    return float(LAPACK_COST * min(n_out, n_in) ** 2 * (n_out + n_in))


def _frobenius_cost(n_out: int, n_in: int, r: int | None = None) -> float:
    return float(n_out * n_in) if r is None else _compact_cost(n_out, n_in, r)


def _largest_cost(n_out: int, n_in: int, r: int | None = None) -> float:
    if r is not None:
        return _compact_cost(n_out, n_in, r) + _largest_cost(r, r)
    return float(min(n_out, n_in) ** 2 * (max(n_out, n_in) + LAPACK_COST * min(n_out, n_in)))


def _compact_cost(n_out: int, n_in: int, r: int) -> float:
    return float(r**2 * (LAPACK_COST * (n_out + n_in) + r))


def determinant_cost(n_out: int, n_in: int, r: int | None = None) -> float:
    """Multiply-adds of a square matrix's determinant; for a product over fewer units, whose determinant is 0, the reading."""
    return LAPACK_COST * n_out**3 / 3 if r is None else float(r * (n_out + n_in))


NORM_COSTS: dict[Order, Algebra] = {"fro": _frobenius_cost, "nuc": spectral_cost, 2: _largest_cost}
"""Multiply-adds of each norm."""


def singular_values(left: np.ndarray, right: np.ndarray | None) -> np.ndarray:
    """The singular values (n, min(n_out, n_in)) of `left`, or of `left @ right`, descending."""
    matrices, bad = _compact(left, right)
    matrices, scale = _scaled(matrices)
    most = min(left.shape[1], left.shape[2] if right is None else right.shape[2])
    values = np.zeros((len(left), most))
    tall = matrices if matrices.shape[1] >= matrices.shape[2] else matrices.swapaxes(1, 2)
    square = r_factors(tall) if tall.shape[1] >= TALL * tall.shape[2] else tall
    values[:, : square.shape[2]] = scale[:, None] * np.linalg.svd(square, compute_uv=False)
    values[bad] = np.nan
    return values


def rounding_share(shape: tuple[int, int], dtype: np.dtype) -> float:
    """The share of the largest singular value up to which another one is 0 but for rounding, as `matrix_rank` of NumPy has it."""
    return float(max(shape) * np.finfo(dtype).eps)


def ranks(values: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """How many singular values (n, m) are greater than a tolerance (n,); -1 where they are not finite."""
    counts = np.count_nonzero(values > tolerance[:, None], axis=1)
    return np.where(np.isfinite(values[:, 0]), counts, -1)


def norms(left: np.ndarray, right: np.ndarray | None, order: Order) -> np.ndarray:
    """The norm (n,) of each J."""
    if order == "nuc":
        return np.add.reduce(singular_values(left, right), axis=-1)
    matrices, bad = _compact(left, right)
    scaled, scale = _scaled(matrices)
    values = scale * (_frobenius(scaled) if order == "fro" else _largest(scaled))
    values[bad] = np.nan
    return values


def slogdets(left: np.ndarray, right: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Signs and logarithms of the determinants of square J, (n,) each; 0 and -inf for a product over fewer units."""
    if right is None:
        matrices, bad = _compact(left, right)
        signs, logarithms = np.linalg.slogdet(matrices)
    else:
        bad = ~(_are_finite(left) & _are_finite(right))
        signs, logarithms = np.zeros(len(left)), np.full(len(left), -np.inf)
    signs[bad] = logarithms[bad] = np.nan
    return signs, logarithms


def _compact(left: np.ndarray, right: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Matrices with the singular values of `left`, or of `left @ right`, except zeros; and which of the matrices are not finite.

    Matrices that are not finite, which LAPACK refuses, become zeros. The Q of a QR decomposition changes no singular value, so
    the R factors of both matrices take their place.
    """
    matrices = left if right is None else _product_of_factors(left, right)
    bad = ~_are_finite(matrices)
    return (np.where(bad[:, None, None], 0.0, matrices) if bad.any() else matrices), bad


def _product_of_factors(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    (a, a_scale), (b, b_scale) = (_scaled(matrices) for matrices in (left, right.swapaxes(1, 2)))
    return (a_scale * b_scale)[:, None, None] * (r_factors(a) @ r_factors(b).swapaxes(1, 2))


def _scaled(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrices with entries of at most 1, or not much more, and what each was divided by.

    That is a power of two, which rounds nothing, so that no square overflows or vanishes, here or in LAPACK.
    """
    exponents = np.frexp(np.abs(matrices).max(axis=(1, 2)))[1]
    scale = np.ldexp(1.0, np.clip(exponents, -MOST_EXPONENT, MOST_EXPONENT))
    return matrices / scale[:, None, None], scale


def _are_finite(matrices: np.ndarray) -> np.ndarray:
    return np.isfinite(matrices).all(axis=(1, 2))


def _frobenius(matrices: np.ndarray) -> np.ndarray:
    rows = matrices.reshape(len(matrices), 1, -1)
    return np.sqrt((rows @ rows.swapaxes(1, 2))[:, 0, 0])


def _largest(matrices: np.ndarray) -> np.ndarray:
    """The largest singular value, by the Gram matrix's eigenvalues: squaring costs only the small ones their digits."""
    short = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.swapaxes(1, 2)
    return np.sqrt(np.maximum(np.linalg.eigvalsh(short @ short.swapaxes(1, 2))[:, -1], 0.0))
