"""Integers that are ordered as floats are."""

from itertools import pairwise

import numpy as np
import pytest

from fastjac.kernels.floating import of_order_key, order_key
from fastjac.kernels.jit import jit

KEYS = {np.float32: np.int32, np.float64: np.int64}


@jit
def key_of(x):
    return order_key(x)


@jit
def float_of(key):
    return of_order_key(key)


def ascending(dtype):
    """Numbers of every kind, from the least to the largest, a nan at either end."""
    info = np.finfo(dtype)
    positive = np.array([0.0, info.smallest_subnormal, info.tiny, 1.0, 1.0 + info.eps, info.max, np.inf, np.nan], dtype)
    return np.concatenate([np.negative(positive)[::-1], positive])


@pytest.mark.parametrize("dtype", KEYS)
def test_keys_are_ordered_as_floats_are(dtype):
    keys = [key_of(x) for x in ascending(dtype)]
    assert all(low < high for low, high in pairwise(keys))


@pytest.mark.parametrize("dtype", KEYS)
def test_a_key_gives_its_float_back_bit_by_bit(dtype):
    numbers = ascending(dtype)
    back = np.array([float_of(KEYS[dtype](key_of(x))) for x in numbers], dtype)
    assert back.tobytes() == numbers.tobytes()
