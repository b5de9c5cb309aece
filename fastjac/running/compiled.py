"""What the functions of `fastjac.numba` share: scratch, arrays that are checked where a user's code compiles, and the call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from ..errors import DtypeError
from ..kernels.float_mode import call_kernel
from ..kernels.jit import entry, piece
from ..kernels.memory import address_of, element_address
from ..kernels.target import ALIGNMENT


class Scratch(NamedTuple):
    """Working memory for one thread: numbers and index lists.

    >>> import fastjac.numba
    >>> fastjac.numba.scratch(fj.Network([fj.Tanh()], n_in=2).program()).work.dtype
    dtype('float64')
    """

    work: np.ndarray
    lists: np.ndarray

    def __repr__(self) -> str:
        return f"Scratch({self.work.nbytes + self.lists.nbytes:,} bytes, {self.work.dtype})"


@entry()
def scratch(program):
    """New working memory for one thread that runs `program`; also callable inside `@njit` code.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> fastjac.numba.scratch(program).work.dtype
    dtype('float64')
    """
    layout = program.layout[0]
    lists = np.zeros(layout.list_size, np.int32)
    for unit in range(layout.n_identity):  # np.arange would take Numba 2 s to compile
        lists[unit] = unit
    return Scratch(aligned_zeros(program, layout.work_size), lists)


@piece
def aligned_zeros(program, size):
    """An array of `size` zeros of the network's dtype, which starts on a cache line."""
    itemsize = program.parameters.itemsize
    room = np.zeros(size + ALIGNMENT // itemsize, program.parameters.dtype)
    first = (-address_of(room) % ALIGNMENT) // itemsize
    return room[first : first + size]


@piece
def call(program, task, n, arrays, scratch, kept):
    """Run a task.  kept : the address of a kept state, and the number of inputs that it has room for; (0, 0) if none is kept."""
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
        work = writeable(program.parameters, scratch.work, "scratch")
        memory = (work, address_of(scratch.lists), np.intp(kept[0]), np.intp(kept[1]), np.intp(0))
        call_kernel(
            program.kernel[0][0],
            (addresses, np.intp(task), arrays, n, memory, (np.intp(0), np.intp(0))),
        )


@piece
def count(program, x):
    n_in = program.layout[0].n_in
    if x.shape[-1] != n_in:
        raise ValueError("the last dimension of x must be the network's number of inputs")
    return x.size // n_in


@piece
def check_values(program, x, y):
    if not are_rows(x, y, program.layout[0].n_out):
        raise ValueError("y must be (n_out,) for one x and (n, n_out) for n")


@piece
def are_rows(x, result, size):
    """Whether an array holds a vector of this size for each input."""
    return result.ndim == x.ndim and result.shape[-1] == size and result.size * x.shape[-1] == x.size * size


@piece
def are_matrices(layout, jac, n):
    """Whether an array holds a matrix for each of n inputs, with the rows and columns that the program is for."""
    if jac.ndim < 2 or jac.shape[-1] != layout.out_columns or jac.size != n * layout.out_size:
        return False
    return jac.shape[jac.ndim - 2] * layout.out_columns == layout.out_size


@piece
def stride_of(program, layout, seed, n):
    """The bytes from one input's tangent or cotangent to the next one's, 0 where there is one for all."""
    if seed.shape[-1] != layout.seed_size or (seed.size != layout.seed_size and seed.size != n * layout.seed_size):
        raise ValueError("v or u must hold one vector for each input, or one for all")
    return 0 if seed.size == layout.seed_size else layout.seed_size * program.parameters.itemsize


@intrinsic(prefer_literal=True)
def one_array(typingctx, like, given, name):
    """The array `given` itself.

    For anything else it is a DtypeError at the call, and an empty array, so that the rest compiles.
    """
    if isinstance(given, types.Array) and given.ndim > 0:
        return given(like, given, name), _given
    fix = (
        ": several inputs are one vector, one after another, and so are several outputs"
        if isinstance(given, types.BaseTuple)
        else "; a single number goes into an array of one"
        if isinstance(given, (types.Array, types.Number))
        else ""
    )
    return like(like, given, name), _error(f"{name.literal_value} must be one array here, got {given}{fix}")


def _given(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return impl_ret_borrowed(context, builder, signature.return_type, arguments[1])


@intrinsic(prefer_literal=True)
def readable(typingctx, like, array, name):
    """The address of the array `name` that kernels can read; `like` is the network's parameters."""
    called = name.literal_value
    way = f"convert it before the call, with np.ascontiguousarray(..., np.{like.dtype})"
    return types.intp(like, array, name), _address_or_error(array, _fault(like, array, called, way))


@intrinsic(prefer_literal=True)
def writeable(typingctx, like, array, name):
    """The address of the array `name` that kernels can write to."""
    called = name.literal_value
    # A converted copy would take the result, and the caller would never see it.
    way = f"fastjac writes to it, so make it with np.empty(shape, np.{like.dtype}) and copy from it afterwards"
    fault = _fault(like, array, called, way)
    if fault is None and not array.mutable:
        fault = f"{called} is where fastjac writes a result, but it is read-only"
    return types.intp(like, array, name), _address_or_error(array, fault)


def _fault(like: Any, array: Any, name: str, way: str) -> str | None:
    """What is wrong with an array of this type, if anything, and the way to a right one."""
    if isinstance(array, types.Array) and array.layout == "C" and array.dtype == like.dtype:
        return None
    return f"{name} must be a C-contiguous array of the network's dtype {like.dtype}, got {array}; {way}"


def _address_or_error(array: Any, fault: str | None) -> Any:
    """The code of an array's address, or of a DtypeError."""

    def address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return element_address(context, builder, array, arguments[1])

    return address if fault is None else _error(fault)


def _error(fault: str) -> Any:
    """The code of a DtypeError.

    The compiler's own error would bury this one line among 35 lines about candidates.
    """

    def error(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with builder.if_then(cgutils.true_bit):
            context.call_conv.return_user_exc(builder, DtypeError, (fault,))
        return context.get_constant_null(signature.return_type)

    return error
