"""Values and derivatives from inside `@njit` code: no Python in between, and no memory allocated.

    program = net.program()                    # the network as a NamedTuple of arrays: an argument, not a constant
    memory = fastjac.numba.scratch(program)    # for one thread

    @numba.njit
    def linearize(program, x, y, jac, memory):
        fastjac.numba.value_and_jacobian(program, x, y, jac, memory)

Every function takes one input `x (n_in,)` or several `(n, n_in)`, and writes its results to arrays that the caller owns, of
x's leading shape. All are C-contiguous and of the network's dtype: an array of another kind is a DtypeError at the call, and one
of a wrong size a ValueError. Where a network has several inputs or outputs, they are one vector here, one after another;
`net.program(wrt=..., of=...)` is for some columns and rows of J. The bits are those of the Network's methods. Each thread needs
scratch of its own, in a `prange` too. A program holds addresses of its process and is not pickled; a function that takes one may
be cached on disk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.typeof import Purpose
from numba.extending import intrinsic, typeof_impl

from .errors import DtypeError
from .kernels.float_mode import call_kernel
from .kernels.jit import entry, jit, piece
from .kernels.memory import address_of, element_address
from .kernels.tables import JACOBIAN, JVP, VJP, Program
from .kernels.target import ALIGNMENT

__all__ = ["Scratch", "jacobian", "jvp", "scratch", "value", "value_and_jacobian", "vjp"]


@typeof_impl.register(Program)
def _typeof_program(program: Program, context: Any) -> Any:
    """Refuse a global Program: its address would be frozen into code that a cache brings to other processes."""
    if context.purpose is Purpose.constant:
        raise TypingError("a Program must be an argument of the compiled function, not a global or enclosed variable")
    return typeof_impl.dispatch(tuple)(program, context)


class Scratch(NamedTuple):
    """Working memory for one thread: numbers and index lists."""

    work: np.ndarray
    lists: np.ndarray

    def __repr__(self) -> str:
        return f"Scratch({self.work.nbytes + self.lists.nbytes:,} bytes, {self.work.dtype})"


@entry()
def scratch(program):
    """New working memory for one thread that runs `program`; also callable inside `@njit` code."""
    layout, itemsize = program.layout[0], program.parameters.itemsize
    room = np.zeros(layout.work_size + ALIGNMENT // itemsize, program.parameters.dtype)
    first = (-address_of(room) % ALIGNMENT) // itemsize
    lists = np.zeros(layout.list_size, np.int32)
    for unit in range(layout.n_identity):  # np.arange would take Numba 2 s to compile
        lists[unit] = unit
    return Scratch(room[first : first + layout.work_size], lists)


@jit
def value(program, x, y, scratch):
    """Write the outputs `y (..., n_out)` at `x (..., n_in)`."""
    n = _count(program, x)
    _check_rows(x, y, program.layout[0].n_out)
    like = program.parameters
    _call(program, JACOBIAN, n, (_readable(like, x, "x"), 0, _writeable(like, y, "y"), 0, 0), scratch)


@jit
def jacobian(program, x, jac, scratch):
    """Write the Jacobians `jac (..., n_out, n_in)` at `x (..., n_in)`: `jac[..., i, j] = d y_i / d x_j`."""
    n = _count(program, x)
    _check_matrices(program, x, jac)
    like = program.parameters
    _call(program, JACOBIAN, n, (_readable(like, x, "x"), 0, 0, _writeable(like, jac, "jac"), 0), scratch)


@jit
def value_and_jacobian(program, x, y, jac, scratch):
    """Write both `y (..., n_out)` and `jac (..., n_out, n_in)`, by one primal sweep."""
    n = _count(program, x)
    _check_rows(x, y, program.layout[0].n_out)
    _check_matrices(program, x, jac)
    like = program.parameters
    _call(program, JACOBIAN, n, (_readable(like, x, "x"), 0, _writeable(like, y, "y"), _writeable(like, jac, "jac"), 0), scratch)


@jit
def jvp(program, x, v, y, t, scratch):
    """Write `y (..., n_out)` and the tangents `t = J v (..., n_out)` for a tangent `v` at each x, or `v (n_in,)` for all."""
    _product(program, JVP, x, v, y, t, scratch)


@jit
def vjp(program, x, u, y, g, scratch):
    """Write `y (..., n_out)` and the cotangents `g = u J (..., n_in)` for a cotangent `u` at each x, or `u (n_out,)` for all."""
    _product(program, VJP, x, u, y, g, scratch)


@piece
def _product(program, task, x, seed, y, out, scratch):
    layout, like = program.layout[task], program.parameters
    n = _count(program, x)
    _check_rows(x, y, layout.n_out)
    _check_rows(x, out, layout.out_size)
    if seed.shape[-1] != layout.seed_size or (seed.size != layout.seed_size and seed.size != n * layout.seed_size):
        raise ValueError("v or u must hold one vector for each input, or one for all")
    stride = 0 if seed.size == layout.seed_size else layout.seed_size * like.itemsize
    arrays = (
        _readable(like, x, "x"),
        _readable(like, seed, "v or u"),
        _writeable(like, y, "y"),
        _writeable(like, out, "t or g"),
        stride,
    )
    _call(program, task, n, arrays, scratch)


@piece
def _count(program, x):
    n_in = program.layout[0].n_in
    if x.shape[-1] != n_in:
        raise ValueError("the last dimension of x must be the network's number of inputs")
    return x.size // n_in


@piece
def _check_rows(x, result, size):
    if result.ndim != x.ndim or result.shape[-1] != size or result.size * x.shape[-1] != x.size * size:
        raise ValueError("a result must have x's leading shape, then the size of the network's outputs, or inputs for vjp")


@piece
def _check_matrices(program, x, jac):
    layout = program.layout[JACOBIAN]
    fits = jac.ndim == x.ndim + 1 and jac.shape[-1] == layout.out_columns and jac.size * layout.n_in == x.size * layout.out_size
    if not fits or jac.shape[jac.ndim - 2] * layout.out_columns != layout.out_size:
        raise ValueError("jac must have x's leading shape, then the network's outputs and inputs, those that the program is for")


@piece
def _call(program, task, n, arrays, scratch):
    layout = program.layout[0]
    if (
        scratch.work.itemsize != program.parameters.itemsize
        or scratch.work.size != layout.work_size
        or scratch.lists.size != layout.list_size
    ):
        raise ValueError("the scratch was made for another program: each needs its own, from scratch(program)")
    if n > 0:
        addresses = (
            address_of(program.parameters), address_of(program.primal), address_of(program.live),
            address_of(program.steps), address_of(program.layout),
        )  # fmt: skip
        memory = (_writeable(program.parameters, scratch.work, "scratch"), address_of(scratch.lists))
        call_kernel(
            program.kernel[0][0],
            (addresses, np.intp(task), arrays, n, memory, np.intp(0), np.intp(1)),
        )


@intrinsic(prefer_literal=True)
def _readable(typingctx, like, array, name):
    """The address of the array `name` that kernels can read; `like` is the network's parameters."""
    return types.intp(like, array, name), _address_or_error(like, array, _fault(like, array, name.literal_value))


@intrinsic(prefer_literal=True)
def _writeable(typingctx, like, array, name):
    """The address of the array `name` that kernels can write to."""
    fault = _fault(like, array, name.literal_value)
    if fault is None and not array.mutable:
        fault = f"{name.literal_value} is where fastjac writes a result, but it is read-only"
    return types.intp(like, array, name), _address_or_error(like, array, fault)


def _fault(like: Any, array: Any, name: str) -> str | None:
    """What is wrong with an array of this type, if anything."""
    if isinstance(array, types.Array) and array.layout == "C" and array.dtype == like.dtype:
        return None
    return (
        f"{name} must be a C-contiguous array of the network's dtype {like.dtype}, got {array}; "
        f"convert it before the call, with np.ascontiguousarray(..., np.{like.dtype})"
    )


def _address_or_error(like: Any, array: Any, fault: str | None) -> Any:
    """The code of an array's address, or of a DtypeError.

    An error of the compiler itself would say in the middle of 35 lines about candidates what this says in one.
    """

    def address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return element_address(context, builder, array, arguments[1])

    def error(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with builder.if_then(cgutils.true_bit):
            context.call_conv.return_user_exc(builder, DtypeError, (fault,))
        return context.get_constant(types.intp, 0)

    return address if fault is None else error
