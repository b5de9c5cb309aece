"""Copies and the products with a link's Jacobian, against dense matrices."""

import numpy as np
import pytest

from fastjac.kernels import operators
from fastjac.kernels.jit import jit
from tests.kernels.from_python import call, callable_piece

ROWS, UNITS, ROOM = 5, 37, 48
ZERO = 0.0
normalize_rows = callable_piece(operators.normalize_rows)


@jit
def call_scale(zero, matrix, row, other, d, along_columns):
    if along_columns:
        operators.scale_columns(zero, matrix, row, other, d, False)
    else:
        operators.scale_rows(zero, matrix, row, other, d)


def roomy(rows, columns, seed=0):
    """A random matrix whose rows lie further apart than they are long."""
    return np.random.default_rng(seed).standard_normal((rows, ROOM))[:, :columns]


def dense(factors, rank):
    """`diag(a) (I - sum_r p_r q_r^T)`."""
    low_rank = sum(np.outer(factors[1 + 2 * r], factors[2 + 2 * r]) for r in range(rank))
    return np.diag(factors[0]) @ (np.eye(factors.shape[1]) - low_rank)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (33, 35)])
def test_copy_of_either_order(order, shape):
    source = np.array(np.random.default_rng(0).standard_normal(shape), order=order)
    scale = np.random.default_rng(1).standard_normal(shape[1])
    target = np.full((shape[0], ROOM), 7.0)
    strides = (stride // 8 for stride in source.strides)
    call(operators.copy, ZERO, source, *strides, target, ROOM, *shape, scale)
    np.testing.assert_array_equal(target[:, : shape[1]], source * scale)
    assert (target[:, shape[1] :] == 7.0).all()


@pytest.mark.parametrize("along_columns", [True, False])
def test_scale(along_columns):
    d = np.random.default_rng(1).standard_normal(UNITS)
    matrix = roomy(ROWS, UNITS) if along_columns else roomy(UNITS, ROWS)
    expected = matrix * d if along_columns else d[:, None] * matrix
    call_scale(ZERO, matrix.ctypes.data, ROOM, ROWS, d, along_columns)
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("where", ["along columns", "along rows", "along rows, into another matrix"])
def test_normalizer(rank, forward, where):
    along_columns = where == "along columns"
    factors = np.random.default_rng(2).standard_normal((1 + 2 * rank, UNITS))
    matrix = roomy(ROWS, UNITS) if along_columns else roomy(UNITS, ROWS)
    operator = dense(factors, rank) if forward else dense(factors, rank).T
    expected = matrix @ operator.T if along_columns else operator @ matrix
    if along_columns:
        call(operators.normalize_columns, ZERO, matrix, ROOM, ROWS, factors, UNITS, rank, int(forward))
    else:
        source, matrix = matrix, matrix if where == "along rows" else roomy(UNITS, ROWS)
        places = ((source.ctypes.data, ROOM), (matrix.ctypes.data, ROOM))
        normalize_rows(ZERO, *places, ROWS, factors, rank, forward, np.empty((rank, ROWS)))
    np.testing.assert_allclose(matrix, expected, rtol=1e-11, atol=1e-11)
