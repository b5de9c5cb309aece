"""Pieces of kernels have no machine code of their own, and work in all that calls them."""

import numba
import numpy as np
import pytest

from fastjac.kernels.jit import kernel, piece
from fastjac.kernels.memory import NUMBER, view

from .from_python import call


@piece
def squared(x):
    """`x^2`."""
    return x * x


@piece
def sum_of_squares(zero, address, n):
    """The sum of the squares of n numbers."""
    total = zero
    for x in view(zero, address, n):
        total += squared(x)
    return total


@kernel(NUMBER, NUMBER, kept=False)
def write_sum_of_squares(zero, source, n):
    """Write the sum behind the numbers."""
    view(zero, source, n + 1)[n] = sum_of_squares(zero, source, n)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_takes_in_pieces_of_pieces(dtype):
    numbers = np.array([1, 2, 3, 0], dtype)
    call(write_sum_of_squares, numbers.dtype.type(0), numbers, 3)
    assert numbers[3] == 14
    (compiled, *_) = sum_of_squares.overloads.values()
    name = compiled.fndesc.llvm_func_name
    assert compiled.library.get_pointer_to_function(name) == 0
    assert not compiled.library._codegen._engine.is_symbol_defined(name)


def test_functions_of_users_take_in_pieces():
    @numba.njit
    def cube(x):
        return x * squared(x)

    assert cube(3.0) == 27.0
    (optimized,) = cube.inspect_llvm().values()
    assert not any("squared" in line for line in optimized.splitlines() if " call " in line)
