"""Left-packing against NumPy, at every length around the vectors', and with its room fenced in."""

import numpy as np
import pytest

from fastjac.kernels import compress
from fastjac.kernels.jit import jit
from fastjac.kernels.target import lanes, padded

DTYPES = (np.float32, np.float64)
LENGTHS = range(1, 71)
GUARD = 77
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


@jit
def call_list(zero, row, size, target):
    return compress.list_nonzero(zero, row, size, target)


@jit
def call_pack(zero, row, size, source, target):
    return compress.pack_nonzero(zero, row, size, source, target)


def fenced(room, dtype):
    """An array of guards, and the view of `room` entries in its middle that a kernel may write to."""
    whole = np.full(room + 2 * GUARD, GUARD, dtype)
    return whole, whole[GUARD : GUARD + room]


def padded_row(values, dtype, padding=np.nan):
    """The values, and behind them up to a whole vector what a kernel may read but must not count."""
    row = np.full(padded(len(values), np.dtype(dtype)), padding, dtype)
    row[: len(values)] = values
    return row


def listed(values, dtype, padding=np.nan):
    """What `list_nonzero` writes for a row, after a look at the bytes around its room: a vector more than the places."""
    row = padded_row(values, dtype, padding)
    whole, target = fenced(len(values) + lanes(np.dtype(dtype)), np.int32)
    count = call_list(dtype(0), row.ctypes.data, len(values), target.ctypes.data)
    assert (np.delete(whole, np.s_[GUARD : GUARD + len(target)]) == GUARD).all(), "wrote outside its room"
    return target[:count]


def packed(values, source, dtype, padding=np.nan):
    """The same for `pack_nonzero`, in the room that the engine gives it: the padded row."""
    row, source = padded_row(values, dtype, padding), padded_row(source, dtype)
    whole, target = fenced(len(row), dtype)
    count = call_pack(dtype(0), row.ctypes.data, len(values), source.ctypes.data, target.ctypes.data)
    assert (np.delete(whole, np.s_[GUARD : GUARD + len(target)]) == GUARD).all(), "wrote outside its room"
    return target[:count]


def rows_of(length, dtype):
    """Rows of this length with few, half, most, none and all of their entries 0."""
    rng = np.random.default_rng(length)
    values = rng.standard_normal(length).astype(dtype)
    return [np.where(rng.random(length) < share, values, 0).astype(dtype) for share in (0.1, 0.5, 0.9)] + [0 * values, values]


@both_dtypes
@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_lists_what_numpy_finds(length, dtype):
    for values in rows_of(length, dtype):
        for padding in (np.nan, 0.0, 1.0):
            np.testing.assert_array_equal(listed(values, dtype, padding), np.flatnonzero(values))


@both_dtypes
@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_packs_what_numpy_picks(length, dtype):
    source = np.random.default_rng(0).standard_normal(length).astype(dtype)
    for values in rows_of(length, dtype):
        np.testing.assert_array_equal(packed(values, source, dtype), source[values != 0])


@both_dtypes
def test_the_live_entry_at_any_place_is_found(dtype):
    source = np.arange(70, dtype=dtype)
    for place in range(70):
        values = np.zeros(70, dtype)
        values[place] = 1
        assert listed(values, dtype).tolist() == [place]
        assert packed(values, source, dtype).tolist() == [place]


@both_dtypes
def test_nan_inf_and_the_smallest_numbers_are_not_0_and_both_zeros_are(dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    values = np.array([0.0, np.nan, -0.0, np.inf, -np.inf, smallest, -smallest, 0.0, -np.nan, 1.0, -0.0], dtype)
    expected = [1, 3, 4, 5, 6, 8, 9]
    assert listed(values, dtype).tolist() == expected
    assert packed(values, np.arange(11, dtype=dtype), dtype).tolist() == expected


@both_dtypes
def test_packing_keeps_every_bit(dtype):
    source = np.array([-0.0, np.nan, -np.inf, np.finfo(dtype).smallest_subnormal, 1 / 3], dtype)
    unsigned = f"u{source.itemsize}"
    np.testing.assert_array_equal(packed(np.ones(5, dtype), source, dtype).view(unsigned), source.view(unsigned))


@both_dtypes
def test_a_row_may_start_anywhere(dtype):
    whole = np.random.default_rng(0).integers(0, 2, 200).astype(dtype)
    target = np.zeros(100, np.int32)
    for first in range(1, 40):
        count = call_list(dtype(0), whole[first:].ctypes.data, 61, target[first % 3 :].ctypes.data)
        np.testing.assert_array_equal(target[first % 3 :][:count], np.flatnonzero(whole[first : first + 61]))


@pytest.mark.parametrize("n_lanes", [4, 8])
def test_the_table_of_permutations_packs_the_words_of_every_mask(n_lanes):
    words = np.arange(compress.WORDS).reshape(n_lanes, -1)
    for mask, order in enumerate(compress.packing_table(n_lanes)):
        live = words[[bool(mask >> lane & 1) for lane in range(n_lanes)]].ravel()
        np.testing.assert_array_equal(order[: len(live)], live)
