"""Where numbers lie: parameters stored once and in panels, and workspace regions that do not overlap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastjac.kernels.target import lanes, padded
from fastjac.lowering.memory import LARGE_WEIGHT, LINE, STRIP_BYTES, Arena, Parameters, aligned_zeros, panel_of, strip_of
from tests.kernels.test_contract import tile_shape_from_python

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def read_panels(flat, offset, shape, panel):
    """The matrix that a kernel reads, which goes from panel to panel and in each from row to row."""
    i, j = np.indices(shape)
    return flat[offset + j // panel * shape[0] * panel + i * panel + j % panel]


def test_equal_arrays_are_stored_once():
    parameters = Parameters(np.dtype(np.float32))
    first = parameters.add(np.arange(6.0).reshape(2, 3))
    assert parameters.add(np.arange(6.0).reshape(2, 3)) == first
    assert parameters.add(np.arange(6.0).reshape(3, 2)) != first
    assert parameters.array().dtype == np.float32


def test_arrays_that_are_equal_but_for_the_sign_of_a_zero_are_not_the_same():
    parameters = Parameters(np.dtype(np.float64))
    assert parameters.add(np.array([0.0])) != parameters.add(np.array([-0.0]))


@both_dtypes
def test_the_same_weight_in_other_panels_is_stored_again(dtype):
    parameters, weight = Parameters(dtype), np.ones((2, 3 * lanes(dtype)))
    assert parameters.add(weight) == parameters.add(weight, 3 * lanes(dtype))
    assert parameters.add(weight) != parameters.add(weight, lanes(dtype))


@both_dtypes
@given(rows=st.integers(1, 9), columns=st.integers(1, 150), vectors=st.integers(1, 5))
def test_a_matrix_is_read_back_from_its_panels(dtype, rows, columns, vectors):
    panel = vectors * lanes(dtype)
    weight = np.random.default_rng(columns).standard_normal((rows, columns)).astype(dtype)
    parameters = Parameters(dtype)
    before = parameters.add(np.full(3, 7.0))
    offset = parameters.add(weight, panel)
    after = parameters.add(np.full(3, 8.0))
    flat = parameters.array()
    np.testing.assert_array_equal(read_panels(flat, offset, weight.shape, panel), weight)
    assert (flat[before : before + 3] == 7.0).all()
    assert (flat[after : after + 3] == 8.0).all()
    # Whole vectors are read from the last column on, up to the end of its panel.
    assert offset + rows * -(-columns // panel) * panel <= after


@both_dtypes
def test_parameters_start_every_row_on_a_whole_vector_and_pad_with_zeros(dtype):
    parameters, n = Parameters(dtype), lanes(dtype)
    offset = parameters.add(np.ones((3, n + 1)))
    flat = parameters.array()
    assert flat.ctypes.data % 64 == 0
    np.testing.assert_array_equal(flat[offset:].reshape(3, 2 * n), np.tile([1.0] * (n + 1) + [0.0] * (n - 1), (3, 1)))


@both_dtypes
def test_a_number_stands_for_every_unit_of_a_block(dtype):
    parameters, row = Parameters(dtype), padded(5, dtype)
    offset, vector = parameters.add_blocks([2.5, np.arange(5.0)], 5, 4)
    flat = parameters.array()
    np.testing.assert_array_equal(flat[offset : offset + 4 * row].reshape(4, row), np.full((4, row), 2.5))
    expected = np.pad(np.arange(5.0), (0, row - 5), "edge")
    np.testing.assert_array_equal(flat[vector : vector + 4 * row].reshape(4, row), np.tile(expected, (4, 1)))


@both_dtypes
@pytest.mark.parametrize("count", [3, 4])
def test_more_than_two_parameters_lie_as_far_apart_as_the_first_two(dtype, count):
    parameters = Parameters(dtype)
    parameters.add(np.ones((2, 5)))
    values = [np.full(5, float(number)) for number in range(count)]
    first, second = parameters.add_blocks(values, 5, 2)
    flat = parameters.array()
    for number in range(count):
        start = first + number * (second - first)
        np.testing.assert_array_equal(flat[start : start + second - first], np.full(second - first, number))


@both_dtypes
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 10, 48])
def test_a_panel_is_as_wide_as_the_tiles_of_the_product(dtype, rows):
    zero = dtype.type(0)
    for columns in range(1, 20 * lanes(dtype), 5):
        assert panel_of(rows, columns, dtype) == tile_shape_from_python(zero, rows, columns)[1]


@both_dtypes
@given(depth=st.integers(1, 3000), columns=st.integers(1, 3000), vectors=st.integers(1, 8))
def test_a_strip_is_whole_panels_and_all_of_a_weight_that_stays_in_the_cache(dtype, depth, columns, vectors):
    panel = vectors * lanes(dtype)
    strip = strip_of(depth, columns, panel, dtype)
    assert strip % panel == 0
    if depth * -(-columns // panel) * panel * dtype.itemsize <= LARGE_WEIGHT:
        assert strip >= columns
    else:
        assert strip == panel or depth * strip * dtype.itemsize <= STRIP_BYTES


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_aligned_zeros_start_on_a_cache_line(size):
    array = aligned_zeros(size, np.dtype(np.float32))
    assert array.ctypes.data % 64 == 0
    assert array.shape == (size,)
    assert not array.any()


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=30))
def test_arena_never_hands_out_a_region_twice(requests):
    arena, taken = Arena(), {}
    for size, give_back in requests:
        offset = arena.take(size)
        assert offset >= 0
        assert arena.end >= offset + size
        for other, other_size in taken.items():
            assert offset + size <= other or other + other_size <= offset
        taken[offset] = size
        if give_back:
            oldest = next(iter(taken))
            arena.free(oldest)
            del taken[oldest]


def test_arena_reuses_what_was_given_back():
    arena = Arena()
    first = arena.take(10)
    arena.take(10)
    arena.free(first)
    assert arena.take(10) == first
    assert arena.end == 2 * LINE


def test_arena_hands_out_whole_cache_lines():
    arena = Arena()
    assert [arena.take(size) % LINE for size in (1, LINE, LINE + 1, 5)] == [0] * 4
