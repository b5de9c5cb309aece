"""Dot products with the rows of some units, against the naive product, for every number of rows, units and lanes left over."""

import numpy as np
import pytest

from fastjac.kernels import dots
from fastjac.kernels.dots import MOST_ROWS, DotOperands
from fastjac.kernels.jit import jit
from fastjac.kernels.target import lanes, padded

N_UNITS, GUARD = 13, 77.0


@jit
def units_together():
    return dots.units_together()


@jit
def compute_dots(zero, rows, operands):
    dots.compute_dots(zero, rows, operands)


def added(a, b, units, scale, c):
    """What the kernel makes of C, in the middle of guards."""
    dtype, (rows, depth) = c.dtype, a.shape
    right = np.zeros((len(b), padded(depth, dtype)), dtype)
    right[:, :depth] = b
    whole = np.full((rows + 2, c.shape[1] + 2), GUARD, dtype)
    whole[1:-1, 1:-1] = c
    listed = np.array(units, np.int32)
    operands = DotOperands(
        a.ctypes.data, a.strides[0] // a.itemsize, right.ctypes.data, right.shape[1], listed.ctypes.data, len(units), depth,
        scale.ctypes.data, whole[1:, 1:].ctypes.data, whole.shape[1],
    )  # fmt: skip
    compute_dots(dtype.type(0), rows, operands)
    found = whole[1:-1, 1:-1].copy()
    whole[1:-1, 1:-1] = GUARD
    assert (whole == GUARD).all(), "wrote outside of the result"
    return found


def drawn(dtype, rows, depth):
    rng = np.random.default_rng([rows, depth])
    shapes = (rows, depth), (N_UNITS, depth), (N_UNITS,), (rows, N_UNITS)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", range(1, MOST_ROWS + 1))
def test_every_number_of_units_and_every_depth(rows, dtype):
    """Only the first units of a list are taken, and each once, however few are left."""
    width = lanes(np.dtype(dtype))
    for depth in (1, width - 1, width, width + 1, 3 * width, 5 * width + 2):
        a, b, scale, c = drawn(dtype, rows, depth)
        for units in ([4], [0, 12], [1, 5, 6], [2, 3, 7, 11], [0, 1, 2, 3, 9, 10]):
            taken = units[: units_together()]
            expected = c.astype(float)
            expected[:, taken] += a.astype(float) @ b[taken].T.astype(float) * scale[taken]
            tolerance = (1e-5 if dtype is np.float32 else 1e-13) * max(1, depth)
            np.testing.assert_allclose(added(a, b, units, scale, c), expected, rtol=0, atol=tolerance)


def test_nothing_behind_the_last_number_of_a_row_counts():
    """The numbers behind a row of A belong to the caller."""
    a, b, scale, c = drawn(np.float64, 3, 11)
    wide = np.full((3, 30), np.nan)
    wide[:, :11] = a
    np.testing.assert_array_equal(added(wide[:, :11], b, [3, 8], scale, c), added(a, b, [3, 8], scale, c))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_element_has_the_same_bits_wherever_it_is_computed(dtype):
    a, b, scale, c = drawn(dtype, MOST_ROWS, 100)
    together = added(a, b, [0, 5], scale, c)
    for row in range(MOST_ROWS):
        alone = added(a[row : row + 1], b, [5], scale, c[row : row + 1])
        np.testing.assert_array_equal(alone[0, 5], together[row, 5])
