"""Matrices in memory: their transposes, their strides in a result, and which steps can scale what they make."""

import numpy as np
import pytest

from fastjac import Affine
from fastjac.kernels.tables import CONTRACT, COPY, DENSE, OUT, PARAMETERS, WORK
from fastjac.lowering.matrix import Matrix, can_scale, result_of, row_stride
from fastjac.planning.chain import chain_of
from fastjac.planning.product import product_of

FULL = product_of(chain_of((Affine(np.ones((3, 5))),), 5, np.dtype(np.float64)))


def test_a_transpose_is_the_same_numbers_seen_the_other_way():
    matrix = Matrix(3, 5, WORK, 64, 8, 1)
    turned = matrix.transpose
    assert (turned.rows, turned.columns, turned.row, turned.column) == (5, 3, 1, 8)
    assert turned.transposed
    assert not matrix.transposed
    assert turned.transpose == matrix
    assert turned.size == matrix.size == 24
    place = {"c_place": WORK, "c": 64, "c_first": 0}
    assert turned.stored == matrix.stored == {"rows": 3, "columns": 5, "c_sample": 24, "c_row": 8} | place


def test_a_result_is_row_major_without_gaps():
    result = result_of(FULL)
    assert (result.rows, result.columns, result.place, result.row, result.column) == (3, 5, OUT, 5, 1)


@pytest.mark.parametrize(
    ("matrix", "stride"),
    [
        (Matrix(3, 5, WORK, 0, 8, 1), 8),
        (Matrix(3, 5, WORK, 0, 1, 4), 4),
        (Matrix(3, 5, OUT, 0, 5, 1), 5),
        (result_of(FULL).transpose, 5),
        (Matrix(1, 5, WORK, 0, 8, 1), 8),
        (Matrix(1, 5, OUT, 0, 1, 5), 5),
    ],
)
def test_rows_of_a_result_follow_one_another(matrix, stride):
    assert row_stride(matrix) == stride


@pytest.mark.parametrize(
    ("maker", "masks"),
    [
        ({"operation": CONTRACT, "stacked": 0, "a_place": WORK}, False),
        ({"operation": CONTRACT, "stacked": 4, "a_place": WORK}, True),
        ({"operation": COPY, "a_place": PARAMETERS}, True),
        ({"operation": COPY, "a_place": WORK}, False),
    ],
)
def test_a_step_that_scales_nothing_yet_can_scale_what_it_makes(maker, masks):
    assert can_scale(maker | {"state": DENSE}, masks=False)
    assert can_scale(maker | {"state": DENSE}, masks=True) == masks
    assert not can_scale(maker | {"state": 128}, masks=False)
    assert not can_scale(maker | {"state": 128}, masks=True)
