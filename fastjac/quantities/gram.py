"""Gram matrices `R^T W R` of stacks of matrices R, each by itself or summed, with symmetric weights W.

Weights are (n, m, m), diagonals in one row (n, 1, m), or None for the identity; with n = 1 one weight serves the whole stack.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, get_args

import numpy as np

from .spectral import LAPACK_COST
from .triangular import r_factors
from .waist import Algebra

Side = Literal["inputs", "outputs"]
"""What the rows and columns of a Gram matrix belong to."""
SIDES: tuple[Side, ...] = get_args(Side)


def gram_algebra(side: Side, weight: np.ndarray | None) -> Algebra:
    """The multiply-adds of a Gram matrix of one J with this weight."""
    return partial(_cost, side == "outputs", weight is not None and weight.shape[-2] > 1)


def _cost(transposed: bool, full: bool, n_out: int, n_in: int, r: int | None = None) -> float:
    inner, side = (n_in, n_out) if transposed else (n_out, n_in)
    rows = inner**2 if full else inner
    if r is None:
        return float(rows * side + inner * side**2)
    return float(LAPACK_COST * inner * r**2 + rows * r + inner * r**2 + r**2 * side + r * side**2)


def rows_and_weight(
    side: Side, left: np.ndarray, right: np.ndarray | None, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """R and W for the Gram matrix of `left`, or of `left @ right`: at a waist, R has as many rows as the waist has units.

    There `left = Q T`, and R is `T right`. The Gram matrix of `left` for W would square what cancels in the product.
    """
    if side == "outputs":
        left, right = (left, None) if right is None else (right, left)
        left, right = left.swapaxes(1, 2), None if right is None else right.swapaxes(1, 2)
    if right is None:
        return left, weight
    if weight is None:
        return r_factors(left) @ right, None
    orthonormal, triangular = np.linalg.qr(left)
    return triangular @ right, gram(orthonormal, weight)


def gram(rows: np.ndarray, weight: np.ndarray | None, out: np.ndarray | None = None) -> np.ndarray:
    """`R^T W R (n, k, k)` for rows R (n, m, k), exactly symmetric."""
    return _symmetric(np.matmul(rows.swapaxes(1, 2), _weighted(rows, weight), out=out), weight)


def summed_gram(rows: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """The sum `(k, k)` over the stack of `R^T W R`, exactly symmetric, as one product of all rows."""
    n, m, k = rows.shape
    if weight is not None and weight.shape == (1, m, m):
        # The rows of all samples side by side: one product reads the weight once.
        rows = rows.swapaxes(0, 1).reshape(1, m, n * k)
    weighted = _weighted(rows, weight)
    return _symmetric(rows.reshape(-1, k).T @ weighted.reshape(-1, k), weight)


def _weighted(rows: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    if weight is None:
        return rows
    return rows * weight.swapaxes(1, 2) if weight.shape[1] == 1 else weight @ rows


def _symmetric(product: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """The product, made symmetric in place, unless it is that of a matrix and its own transpose, which already is."""
    if weight is not None:
        product *= 0.5
        product += product.swapaxes(-1, -2)
    return product
