"""Products with a normalizer's Jacobian whose units lie along rows, against dense ones, at every width around the registers'."""

import numpy as np
import pytest

from fastjac.kernels import low_rank
from fastjac.kernels.jit import jit
from tests.kernels.normalizer import normalizer

UNITS, GUARD = 7, 77.0
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 200, 270)


@jit
def normalize_rows(zero, source, target, columns, vectors, units, rank, forward):
    low_rank.normalize_rows(zero, source, target, columns, vectors, units, rank, forward)


def run(matrix, target, width, vectors, forward):
    """Multiply the first columns of a matrix, each row of which ends with a guard, and write them to a target of that form."""
    places = [(array.ctypes.data, array.shape[1]) for array in (matrix, target)]
    rank = len(vectors) // 2
    normalize_rows(vectors.dtype.type(0), *places, width, vectors.ctypes.data, vectors.shape[1], rank, int(forward))


def guarded(dtype, width, seed):
    matrix = np.full((UNITS, width + 1), GUARD, dtype)
    matrix[:, :-1] = np.random.default_rng(seed).standard_normal((UNITS, width))
    return matrix


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("forward", [True, False])
def test_rows_of_every_width(dtype, rank, forward):
    vectors = np.random.default_rng(2).standard_normal((1 + 2 * rank, UNITS)).astype(dtype)
    operator = normalizer(vectors.astype(np.float64))
    operator = operator if forward else operator.T
    for width in WIDTHS:
        source, target = guarded(dtype, width, 0), guarded(dtype, width, 1)
        before, expected = source.copy(), operator @ source[:, :-1]
        run(source, target, width, vectors, forward)
        np.testing.assert_array_equal(source, before)
        tolerance = 1e-11 if dtype is np.float64 else 2e-5
        np.testing.assert_allclose(target[:, :-1], expected, rtol=tolerance, atol=tolerance, err_msg=str(width))
        assert (target[:, -1] == GUARD).all(), f"wrote behind a row of {width}"
        run(source, source, width, vectors, forward)
        np.testing.assert_array_equal(source, target)


@pytest.mark.parametrize("rank", [1, 2])
def test_an_entry_has_the_same_bits_wherever_it_lies(rank):
    vectors = np.random.default_rng(2).standard_normal((1 + 2 * rank, UNITS)).astype(np.float32)
    whole, part = guarded(np.float32, 200, 0), np.empty((UNITS, 2), np.float32)
    results = np.empty_like(whole)
    run(whole, results, 200, vectors, forward=True)
    for column in range(200):
        part[:, 0] = whole[:, column]
        run(part, part, 1, vectors, forward=True)
        np.testing.assert_array_equal(part[:, 0], results[:, column])
