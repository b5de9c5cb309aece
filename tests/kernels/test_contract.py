"""The tile kernel against the naive product, over every tile shape and every tail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastjac.kernels import target
from fastjac.kernels.contract import Contraction, contract, contract_far, tile_shape
from fastjac.kernels.tile import PREFETCH_DISTANCE
from tests.bits import assert_same_bits
from tests.kernels.from_python import call, callable_piece

DTYPES = (np.float32, np.float64)


tile_shape_from_python = callable_piece(tile_shape)


def naive_product(a, a_index, b, b_index, start, scale):
    """`(start + sum_k a[:, a_index[k]] b[b_index[k], :]) * scale` in float64."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (start + a[:, a_index] @ b[b_index]) * scale


def index_list(places):
    """The places as the kernel reads them, with entries behind the last that it may ask for but must not use."""
    return np.append(places, np.full(PREFETCH_DISTANCE, -1)).astype(np.int32)


def contracted(a, a_index, b, b_index, start, scale, tile=None):
    """The same by the kernel, into the middle of a larger array whose rim must not be touched."""
    dtype = a.dtype
    columns = b.shape[1]
    width = target.padded(columns, dtype)
    padded_b = np.zeros((b.shape[0], width), dtype)
    padded_b[:, :columns] = b
    padded_start, padded_scale = np.zeros(width, dtype), np.zeros(width, dtype)
    padded_start[:columns], padded_scale[:columns] = start, scale
    c = np.full((a.shape[0] + 2, columns + 3), 7.0, dtype)
    c_start = c[1:, 1:].ctypes.data
    a_places, b_places = index_list(a_index), index_list(b_index)
    operands = Contraction(
        a.shape[0], columns,
        a.ctypes.data, a.strides[0] // a.itemsize, a.strides[1] // a.itemsize, a_places.ctypes.data,
        padded_b.ctypes.data, width, 1, b_places.ctypes.data, len(a_index),
        padded_start.ctypes.data, 0, padded_scale.ctypes.data,
        c_start, columns + 3,
    )  # fmt: skip
    call(contract, dtype.type(0), operands, *(tile or tile_shape_from_python(dtype.type(0), *operands[:2])))
    inside = c[1:-1, 1 : 1 + columns].copy()
    c[1:-1, 1 : 1 + columns] = 7.0
    assert (c == 7.0).all(), "the kernel wrote outside its result"
    return inside


def random_operands(rows, inner, columns, depth, dtype, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((rows, inner)).astype(dtype), rng.standard_normal((inner, columns)).astype(dtype)
    index = np.sort(rng.permutation(inner)[:depth])
    return a, index, b, index, rng.standard_normal(columns).astype(dtype), rng.standard_normal(columns).astype(dtype)


def tolerance(dtype):
    return {np.float32: 1e-4, np.float64: 1e-13}[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [*range(1, 15), 23])
def test_every_tile_shape_and_tail_agrees_with_the_naive_product(dtype, rows):
    lanes = target.lanes(np.dtype(dtype))
    for vectors in range(1, 20):
        for columns in {lanes * vectors, lanes * vectors - 1, lanes * (vectors - 1) + 1}:
            operands = random_operands(rows, 9, columns, 5, dtype)
            np.testing.assert_allclose(contracted(*operands), naive_product(*operands), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@settings(deadline=None, max_examples=60)
@given(rows=st.integers(1, 40), inner=st.integers(1, 60), columns=st.integers(1, 90), share=st.floats(0, 1))
def test_any_size_and_any_live_share(dtype, rows, inner, columns, share):
    operands = random_operands(rows, inner, columns, int(share * inner), dtype, seed=rows)
    np.testing.assert_allclose(contracted(*operands), naive_product(*operands), atol=tolerance(dtype))


def pieces(total, size):
    return -(-total // size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_result_is_cut_into_the_fewest_tiles_of_nearly_equal_size(dtype):
    lanes = target.lanes(np.dtype(dtype))
    for rows in range(1, 50):
        for columns in range(1, 20 * lanes, 7):
            tile_rows, tile_columns = tile_shape_from_python(dtype(0), rows, columns)
            vectors, tile_vectors = pieces(columns, lanes), tile_columns / lanes
            tallest = target.max_rows(min(vectors, target.MAX_TILE_VECTORS))
            for total, size, largest in [(rows, tile_rows, tallest), (vectors, tile_vectors, target.max_vectors(tile_rows))]:
                assert size in range(1, largest + 1)
                assert pieces(total, size) == pieces(total, largest)
                assert size == 1 or pieces(total, size - 1) > pieces(total, size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_the_shape_of_the_tiles(dtype):
    operands = random_operands(13, 33, 5 * target.lanes(np.dtype(dtype)) - 3, 20, dtype)
    expected = contracted(*operands)
    for tile_rows in range(1, target.MAX_TILE_ROWS + 1):
        for vectors in range(1, target.max_vectors(tile_rows) + 1):
            tile = tile_rows, vectors * target.lanes(np.dtype(dtype))
            np.testing.assert_array_equal(contracted(*operands, tile), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_of_nothing_but_zeros_is_plus_zero(dtype):
    """Whether zeros were added or skipped must not show, so no sum keeps the sign of a zero."""
    zero, a, b = dtype(-0.0), np.zeros((2, 3), dtype), -np.ones((3, 5), dtype)
    start, one = np.full(5, zero), np.ones(5, dtype)
    for places in (np.arange(0), np.arange(3)):
        found = contracted(a, places, b, places, start, one)
        assert not np.signbit(found).any()
        assert (found == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_live_unit_gives_the_start(dtype):
    a, _, b, _, start, scale = random_operands(3, 4, 5, 4, dtype)
    nothing = np.zeros(0, np.int64)
    np.testing.assert_array_equal(contracted(a, nothing, b, nothing, start, scale), np.tile(start * scale, (3, 1)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_left_operand_of_any_strides(dtype):
    a, index, b, _, start, scale = random_operands(7, 12, 20, 6, dtype)
    expected = contracted(a, index, b, index, start, scale)
    np.testing.assert_array_equal(contracted(np.asfortranarray(a), index, b, index, start, scale), expected)
    np.testing.assert_array_equal(contracted(np.repeat(a, 2, axis=1)[:, ::2], index, b, index, start, scale), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_different_indices_into_the_two_operands(dtype):
    a, index, b, _, start, scale = random_operands(7, 12, 20, 6, dtype)
    packed = np.ascontiguousarray(a[:, index])
    expected = contracted(a, index, b, index, start, scale)
    np.testing.assert_array_equal(contracted(packed, np.arange(6), b, index, start, scale), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_a_row_do_not_depend_on_the_tile_it_is_in(dtype):
    a, index, b, _, start, scale = random_operands(48, 33, 70, 20, dtype)
    whole = contracted(a, index, b, index, start, scale)
    for first, last in ((0, 1), (3, 5), (7, 20), (40, 48)):
        np.testing.assert_array_equal(contracted(a[first:last], index, b, index, start, scale), whole[first:last])


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_a_column_do_not_depend_on_the_tile_it_is_in(dtype):
    a, index, b, _, start, scale = random_operands(9, 33, 170, 20, dtype)
    whole = contracted(a, index, b, index, start, scale)
    for first, last in ((0, 1), (3, 50), (64, 131)):
        part = contracted(a, index, b[:, first:last], index, start[first:last], scale[first:last])
        np.testing.assert_array_equal(part, whole[:, first:last])


def in_panels(b, panel):
    """B in panels of so many columns, one behind the other."""
    rows, columns = b.shape
    padded = np.zeros((rows, -(-columns // panel) * panel), b.dtype)
    padded[:, :columns] = b
    return np.ascontiguousarray(padded.reshape(rows, -1, panel).swapaxes(0, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", [contract, contract_far], ids=["near", "far"])
@pytest.mark.parametrize("rows", [1, 2, 5, 6, 13, 48])
def test_panels_give_the_same_bits(rows, kernel, dtype):
    """Also where the next panel is asked for meanwhile, behind the last of which nothing lies."""
    lanes, columns = target.lanes(np.dtype(dtype)), 83
    for depth in (0, 1, 20, 33):
        a, index, b, _, start, scale = random_operands(rows, 33, columns, depth, dtype)
        expected = contracted(a, index, b, index, start, scale)
        places, c = index_list(index), np.full((rows, columns), np.nan, dtype)
        rim = np.zeros(8 * lanes, dtype)
        starts, scales = np.append(start, rim), np.append(scale, rim)
        for vectors in range(1, target.max_vectors(target.TILE_ROWS_WIDER) + 1):
            panels = in_panels(b, vectors * lanes)
            operands = Contraction(
                rows, columns, a.ctypes.data, 33, 1, places.ctypes.data,
                panels.ctypes.data, vectors * lanes, 33, places.ctypes.data, depth,
                starts.ctypes.data, 0, scales.ctypes.data, c.ctypes.data, columns,
            )  # fmt: skip
            call(kernel, dtype(0), operands, min(rows, target.TILE_ROWS_WIDER), vectors * lanes)
            np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("depth", range(6))
def test_few_products_for_long_rows_have_the_bits_of_tiles(depth, dtype):
    """Tiles compute short rows, so a part of a long one is computed by them."""
    lanes = target.lanes(np.dtype(dtype))
    long, short = 20 * lanes + 3, 3 * lanes + 1
    for rows in (1, 7):
        a, index, b, _, start, scale = random_operands(rows, 9, long, depth, dtype, seed=depth)
        a[0], b[:, 1] = -0.0, np.inf
        start[2], scale[3] = -0.0, np.nan
        with np.errstate(all="ignore"):
            whole, expected = contracted(a, index, b, index, start, scale), naive_product(a, index, b, index, start, scale)
        np.testing.assert_allclose(whole, expected, atol=tolerance(dtype))
        for first in (0, 5, long - short):
            part = slice(first, first + short)
            assert_same_bits([contracted(a, index, b[:, part], index, start[part], scale[part])], [whole[:, part]])
