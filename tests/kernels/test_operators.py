"""Copies and the products with a link's Jacobian, against dense matrices."""

from itertools import product

import numpy as np
import pytest

from fastjac.kernels import operators
from fastjac.kernels.jit import jit
from tests.kernels.from_python import call
from tests.kernels.normalizer import normalizer

ROWS, UNITS, ROOM = 5, 37, 48
ZERO = 0.0


@jit
def call_scale(zero, matrix, row, other, d, along_columns):
    if along_columns:
        operators.scale_columns(zero, matrix, row, other, d, False)
    else:
        operators.scale_rows(zero, matrix, row, other, d)


def roomy(rows, columns, seed=0):
    """A random matrix whose rows lie further apart than they are long."""
    return np.random.default_rng(seed).standard_normal((rows, ROOM))[:, :columns]


COUNTS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 40)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copy_of_either_order(order, dtype):
    for shape in product(COUNTS, COUNTS):
        source = np.full((shape[0], shape[1] + 1) if order == "C" else (shape[0] + 1, shape[1]), np.nan, dtype, order)
        source = source[: shape[0], : shape[1]]
        source[:] = np.random.default_rng(0).standard_normal(shape)
        scale = np.random.default_rng(1).standard_normal(shape[1]).astype(dtype)
        target = np.full((shape[0] + 1, ROOM), 7.0, dtype)
        strides = (stride // source.itemsize for stride in source.strides)
        call(operators.copy, dtype(0), source, *strides, target, ROOM, *shape, scale)
        np.testing.assert_array_equal(target[:-1, : shape[1]], source * scale, err_msg=str(shape))
        assert (target[:, shape[1] :] == 7.0).all()
        assert (target[-1] == 7.0).all()


@pytest.mark.parametrize("along_columns", [True, False])
def test_scale(along_columns):
    d = np.random.default_rng(1).standard_normal(UNITS)
    matrix = roomy(ROWS, UNITS) if along_columns else roomy(UNITS, ROWS)
    expected = matrix * d if along_columns else d[:, None] * matrix
    call_scale(ZERO, matrix.ctypes.data, ROOM, ROWS, d, along_columns)
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("forward", [True, False])
def test_normalizer_along_columns(rank, forward):
    factors = np.random.default_rng(2).standard_normal((1 + 2 * rank, UNITS))
    matrix = roomy(ROWS, UNITS)
    operator = normalizer(factors) if forward else normalizer(factors).T
    expected = matrix @ operator.T
    call(operators.normalize_columns, ZERO, matrix, ROOM, ROWS, factors, UNITS, rank, int(forward))
    np.testing.assert_allclose(matrix, expected, rtol=1e-11, atol=1e-11)
