"""Sums, products and extremes so far, and triangles, equal NumPy's."""

import numpy as np
import pytest

from fastjac.importers.ir import accumulation as ac
from fastjac.importers.ir import elementwise as el
from fastjac.importers.ir.values import MixedSamplesError, constant

from .tensors import assert_computed, flow_of


@pytest.mark.parametrize(("function", "twin"), [(el.maximum, np.maximum), (el.multiply, np.multiply)])
def test_extremes_so_far(function, twin):
    assert_computed(lambda x: ac.running(x, 2, function), lambda x: twin.accumulate(x, 2), (1, 2, 5))


@pytest.mark.parametrize("axis", [1, 2])
def test_sums_so_far(axis):
    assert_computed(lambda x: ac.running_sum(x, axis), lambda x: np.cumsum(x, axis), (1, 2, 5))
    assert_computed(lambda x: ac.running_sum(x, axis, exclusive=True), lambda x: np.cumsum(x, axis) - x, (1, 2, 5))
    backwards = (lambda x: ac.running_sum(x, axis, reverse=True), lambda x: np.flip(np.cumsum(np.flip(x, axis), axis), axis))
    assert_computed(*backwards, (1, 2, 5))
    array = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(ac.running_sum(constant(array), 1).alone, np.cumsum(array, 1))


def test_a_sum_along_the_samples_is_refused():
    with pytest.raises(MixedSamplesError, match="sums along axis 0, which counts the samples"):
        ac.running_sum(flow_of((1, 3)), 0)


@pytest.mark.parametrize("diagonal", [-1, 0, 2])
def test_triangles(diagonal):
    for is_lower, twin in ((True, np.tril), (False, np.triu)):
        assert_computed(lambda x, side=is_lower: ac.triangle(x, diagonal, side), lambda x, of=twin: of(x, diagonal), (1, 3, 4))
