"""Kernels and their pieces, as Python can call them."""

from typing import Any

import numpy as np

from fastjac.kernels.jit import jit, kernel_address
from fastjac.kernels.memory import call_address


@jit
def _call(address, arguments):
    call_address(address, arguments)


def call(kernel: Any, zero: Any, *arguments: Any) -> None:
    """Call a kernel for numbers of the type of `zero`; where it takes an address it may be given an array."""
    places = tuple(argument.ctypes.data if isinstance(argument, np.ndarray) else argument for argument in arguments)
    _call(kernel_address(kernel, np.dtype(type(zero))), (zero, *places))


def callable_piece(piece: Any) -> Any:
    """A piece of kernels, compiled so that Python can call it."""
    return jit(piece.py_func)
