"""Sorted entries equal NumPy's, and their derivative is that of a stable sort where entries are equal."""

import numpy as np
import pytest

from fastjac.errors import FormatError
from fastjac.importers.ir import sorting as st
from fastjac.importers.ir.values import constant

from .tensors import assert_computed, flow_of


@pytest.mark.parametrize("count", [2, 3, 4, 7, 16])
@pytest.mark.parametrize("descending", [False, True])
def test_any_number_of_entries(count, descending):
    step = -1 if descending else 1
    assert_computed(lambda x: st.ordered(x, 1, descending), lambda x: np.sort(x, 1)[:, ::step], (1, count, 2))
    array = np.random.default_rng(0).normal(size=(2, count))
    np.testing.assert_array_equal(st.ordered(constant(array), -1, descending).alone, np.sort(array)[:, ::step])


def test_equal_entries_keep_their_order():
    net = assert_computed(lambda x: st.ordered(x, 1), lambda x: np.sort(x, 1), (1, 5))
    x = np.array([2.0, 1.0, 2.0, 1.0, 1.0])
    np.testing.assert_array_equal(net.jacobian(x), np.eye(5)[np.argsort(x, kind="stable")])


def test_infinite_entries_stand_at_the_ends():
    net = assert_computed(lambda x: st.ordered(x, 1), lambda x: np.sort(x, 1), (1, 4))
    np.testing.assert_array_equal(net([np.inf, 0.0, np.inf, -np.inf]), [-np.inf, 0.0, np.inf, np.inf])


def test_one_of_the_sorted_entries():
    assert_computed(lambda x: st.ranked(x, 1, 2), lambda x: np.sort(x, 1)[:, [2]], (1, 5))


def test_too_many_entries_are_refused():
    with pytest.raises(FormatError, match="entries that are sorted"):
        st.ordered(flow_of((1, 200)), 1)


@pytest.mark.parametrize("largest", [True, False])
def test_the_first_of_the_sorted_entries(largest):
    step = -1 if largest else 1
    assert_computed(lambda x: st.top(x, 1, 2, largest), lambda x: np.sort(x, 1)[:, ::step][:, :2], (1, 4, 3))
    with pytest.raises(FormatError, match=r"takes 4 entries along axis -1 of a value of shape \(2, 3\)"):
        st.top(constant(np.zeros((2, 3))), -1, 4)
