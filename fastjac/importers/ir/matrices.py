"""Determinants, inverses and factors of matrices, which stand along the last two axes of a tensor.

Of constants NumPy computes them. Those of tensors that depend on the network's inputs are written out as sums of products of
entries, which is right for every matrix, while an elimination would have to choose its pivots by the input. So they are small.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from .account import spend
from .contraction import matmul
from .elementwise import divide, multiply, subtract, total
from .functions import negative, sqrt
from .joining import stack
from .movement import entry
from .values import Constant, Flow, Value, computed, constant

MOST_INVERTED = 4
"""The most rows of a matrix that is inverted by its minors: their number grows as the factorial."""
MOST_FACTORED = 16
"""The most rows of a matrix whose Cholesky factor is taken."""
Entries = list[list[Value]]


def determinant(value: Value) -> Value:
    """The determinant of each matrix."""
    if isinstance(value, Constant):
        return _of_constant(np.linalg.det, value)
    return _determinant(_entries(value, MOST_INVERTED))


def inverse(value: Value) -> Value:
    """The inverse of each matrix."""
    if isinstance(value, Constant):
        return _of_constant(np.linalg.inv, value)
    entries = _entries(value, MOST_INVERTED)
    size = len(entries)
    minors = [[_cofactor(entries, i, j) for i in range(size)] for j in range(size)]
    whole = total([multiply(entries[0][j], minors[j][0]) for j in range(size)])
    return _matrix([[divide(one, whole) for one in row] for row in minors])


def pseudo_inverse(value: Value) -> Value:
    """The pseudo-inverse of each constant matrix."""
    if isinstance(value, Constant):
        return _of_constant(np.linalg.pinv, value)
    raise UnsupportedLayerError("it takes the pseudo-inverse of a matrix that depends on the network's input")


def solution(matrix: Value, right: Value) -> Value:
    """The X of `matrix X = right`."""
    return matmul(inverse(matrix), right)


def cholesky(value: Value) -> Value:
    """The lower triangle L of each matrix `L L^T`; only entries on and below the diagonal are used."""
    if isinstance(value, Constant):
        return _of_constant(np.linalg.cholesky, value)
    entries = _entries(value, MOST_FACTORED)
    found: Entries = []
    for i, row in enumerate(entries):
        found.append([])
        for j in range(i + 1):
            known = [multiply(found[i][k], found[j][k]) for k in range(j)]
            rest = subtract(row[j], total(known)) if known else row[j]
            found[i].append(sqrt(rest) if i == j else divide(rest, found[j][j]))
    zero = multiply(entries[0][0], constant(np.float32(0.0)))
    return _matrix([[*row, *[zero] * (len(entries) - len(row))] for row in found])


def _of_constant(function: Callable[[np.ndarray], np.ndarray], value: Constant) -> Constant:
    spend(value.alone.size)

    def called(array: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(function(array.astype(np.float64))).astype(array.dtype)
        except np.linalg.LinAlgError as error:
            raise FormatError(f"its matrix of shape {array.shape} does not allow it: {error}") from error

    return computed(called, value)


def _entries(value: Flow, most: int) -> Entries:
    *_, rows, columns = (0, 0, *value.shape)
    if rows != columns or not rows:
        raise FormatError(f"it takes square matrices, and is given a tensor of shape {value.shape}")
    if rows > most:
        raise UnsupportedLayerError(
            f"its matrix of {rows} rows depends on the network's input; fastjac takes up to {most}, or a constant matrix"
        )
    return [[entry(entry(value, -1, j), -1, i) for j in range(columns)] for i in range(rows)]


def _determinant(entries: Entries) -> Value:
    if len(entries) == 1:
        return entries[0][0]
    return total([multiply(one, _cofactor(entries, 0, j)) for j, one in enumerate(entries[0])])


def _cofactor(entries: Entries, row: int, column: int) -> Value:
    rest = [[one for j, one in enumerate(line) if j != column] for i, line in enumerate(entries) if i != row]
    if not rest:
        return constant(np.float32(1.0))
    found = _determinant(rest)
    return negative(found) if (row + column) % 2 else found


def _matrix(entries: Entries) -> Value:
    """The entries along two new last axes."""
    rank = len(entries[0][0].shape)
    return stack([stack(row, rank) for row in entries], rank)


def identity(rows: int, columns: int) -> Constant:
    """Ones on the diagonal, zeros elsewhere."""
    spend(math.prod((rows, columns)))
    return constant(np.eye(rows, columns, dtype=np.float32))
