"""Pieces of kernels have no machine code of their own, and kernels show nothing but themselves."""

import numba
import numpy as np
import pytest

from fastjac.kernels.compilers import KernelLibrary
from fastjac.kernels.jit import FROM_KERNELS_ALONE, entry, kernel, piece
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


def test_a_kernel_hides_the_pieces_that_it_has_taken_in(monkeypatch):
    """Else it could call a piece of the same name that a kernel from another process has taken in."""
    monkeypatch.setattr(KernelLibrary.__base__, "_optimize_final_module", lambda library: None)  # which leaves no piece
    compiled = entry(kept=False, **FROM_KERNELS_ALONE)(write_sum_of_squares.py_func)
    compiled.compile((numba.float64, NUMBER, NUMBER))
    (code,) = compiled.inspect_llvm().values()
    defined = [line for line in code.splitlines() if line.startswith("define")]
    assert any("squared" in line for line in defined)
    assert [line for line in defined if "internal" not in line] == [line for line in defined if "write_sum_of_squares" in line]
