"""Large new arrays begin at a page."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.pages import LARGE, PAGE_BYTES, new_array

FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@pytest.mark.parametrize("size", [0, LARGE - 8, LARGE, LARGE + 8, 3 * PAGE_BYTES])
def test_an_array_is_as_any_other(size, dtype):
    shape = (2, size // (2 * dtype.itemsize), 1)
    array = new_array(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.carray
    array[...] = 1.0
    assert array.sum() == array.size


@pytest.mark.parametrize("size", [LARGE, LARGE + 8, 3 * PAGE_BYTES + 4, 2**26])
def test_a_large_array_begins_at_a_page_and_its_last_page_is_whole(size):
    array = new_array((size // 4,), FLOAT32)
    memory = array.base
    assert array.ctypes.data % PAGE_BYTES == 0
    end = array.ctypes.data + -(-size // PAGE_BYTES) * PAGE_BYTES
    assert memory.ctypes.data <= array.ctypes.data
    assert end <= memory.ctypes.data + memory.nbytes


def test_jacobians_lie_so_and_belong_to_the_caller():
    net = fj.Network([fj.Affine(np.random.default_rng(0).standard_normal((300, 200))), fj.Tanh()])
    x = np.linspace(-1.0, 1.0, 20)[:, None] * np.ones(200)
    first = net.jacobian(x)
    assert first.nbytes > LARGE
    assert first.ctypes.data % PAGE_BYTES == 0
    copy = first.copy()
    assert not np.may_share_memory(first, net.jacobian(-2.0 * x))
    np.testing.assert_array_equal(first, copy)
