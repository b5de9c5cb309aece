"""Calls through addresses, and tuples that lie in memory."""

from typing import NamedTuple

import numba
import numpy as np
import pytest

from fastjac.kernels.jit import jit, kernel, kernel_address
from fastjac.kernels.memory import NUMBER, call_address, numbers, stored, tuple_reader, tuple_type, view
from tests.kernels.from_python import call

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Pair(NamedTuple):
    first: int
    both: tuple[int, int]


PAIR = tuple_type(Pair, both=2)
read_pair = tuple_reader(PAIR)


@kernel(NUMBER, numbers(3), PAIR)
def weigh(zero, target, factors, pair):
    """A kernel that takes every kind of argument."""
    numbers = view(zero, target, 2)
    numbers[0] = zero + factors[0] * 100 + factors[1] * 10 + factors[2]
    numbers[1] = pair.first + pair.both[0] * pair.both[1]


@both_dtypes
def test_a_kernel_gets_its_arguments_in_their_places(dtype):
    target = np.zeros(2, dtype)
    call(weigh, dtype(0.5), target, (1, 2, 3), Pair(4, (5, 6)))
    assert target.tolist() == [123.5, 34.0]


@pytest.mark.parametrize(
    "argument", [np.int32(1), True, None, np.zeros(3), (1, True)], ids=lambda argument: type(argument).__name__
)
def test_what_a_kernel_would_misread_is_refused(argument):
    @jit
    def call_with(argument):
        call_address(0, (argument,))

    with pytest.raises(numba.TypingError, match="floats, signed integers and tuples"):
        call_with(argument)


@jit
def moved(pair, n):
    """The sum of pairs that lay on the stack."""
    total = 0
    for number in range(n):
        read = read_pair(stored(Pair(pair.first + number, pair.both)))
        total += read.first * read.both[0] - read.both[1]
    return total


def test_a_stored_tuple_is_read_as_it_was():
    assert moved(Pair(7, (3, 2)), 1) == 19
    # In a loop it has one place on the stack, however often.
    assert moved(Pair(0, (1, 0)), 10**6) == 10**6 * (10**6 - 1) // 2


def test_a_kernel_has_one_address_for_each_dtype():
    addresses = {dtype: kernel_address(weigh, np.dtype(dtype)) for dtype in (np.float32, np.float64)}
    assert len(set(addresses.values())) == 2
    assert all(kernel_address(weigh, np.dtype(dtype)) == address for dtype, address in addresses.items())
