"""Determinants, inverses and factors equal NumPy's."""

import numpy as np
import pytest

from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.ir import elementwise as el
from fastjac.importers.ir import matrices as mt
from fastjac.importers.ir.contraction import matmul
from fastjac.importers.ir.movement import swap_axes
from fastjac.importers.ir.values import constant

from .tensors import assert_computed, flow_of

FUNCTIONS = {"determinant": (mt.determinant, np.linalg.det), "inverse": (mt.inverse, np.linalg.inv)}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_matrices_of_any_entries(name, size):
    function, twin = FUNCTIONS[name]
    shift = 4 * np.eye(size)
    assert_computed(lambda x: function(el.add(x, constant(shift))), lambda x: twin(x + shift), (1, 2, size, size))
    array = np.random.default_rng(0).normal(size=(2, size, size))
    np.testing.assert_allclose(function(constant(array)).alone, twin(array), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_cholesky_factors(size):
    shift = np.eye(size)

    def product(x):
        return el.add(matmul(x, swap_axes(x, -1, -2)), constant(shift))

    assert_computed(lambda x: mt.cholesky(product(x)), lambda x: np.linalg.cholesky(x @ x.mT + shift), (1, size, size))


def test_solutions():
    shift = 3 * np.eye(3)
    right = np.random.default_rng(0).normal(size=(3, 2))
    assert_computed(
        lambda x: mt.solution(el.add(x, constant(shift)), constant(right)), lambda x: np.linalg.solve(x + shift, right), (1, 3, 3)
    )
    assert_computed(lambda x: mt.solution(constant(shift), x), lambda x: np.linalg.solve(shift, x), (1, 3, 3))


def test_what_cannot_be_inverted_is_reported():
    with pytest.raises(FormatError, match=r"matrix of shape \(2, 2\) does not allow it: Singular matrix"):
        mt.inverse(constant(np.zeros((2, 2))))
    with pytest.raises(UnsupportedLayerError, match="matrix of 5 rows depends on the network's input; fastjac takes up to 4"):
        mt.inverse(flow_of((1, 5, 5)))
    with pytest.raises(UnsupportedLayerError, match="pseudo-inverse of a matrix that depends"):
        mt.pseudo_inverse(flow_of((1, 2, 2)))
    with pytest.raises(FormatError, match=r"takes square matrices, and is given a tensor of shape \(1, 2, 3\)"):
        mt.determinant(flow_of((1, 2, 3)))
