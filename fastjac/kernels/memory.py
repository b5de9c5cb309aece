"""Addresses and bits: the few things that kernels do below the level of arrays.

A Program's operands lie in four places (parameters, workspace, and the caller's seed and result), chosen by its step
table at run time. An address is the one form that names them all without a branch for each and without reference counts.
A `zero`, the first argument of most kernels, has the type of the numbers that lie there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, from_dtype, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .jit import piece

NUMBER = types.intp
WORD = np.int64(0)
"""A zero of the type of a word, which holds an address or a count."""
WORD_BYTES = WORD.itemsize


def numbers(count: int) -> types.UniTuple:
    """The type of a tuple of so many integers."""
    return types.UniTuple(types.intp, count)


@intrinsic
def itemsize(typingctx, zero):
    """Bytes of a number of `zero`'s type."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, signature.args[0].bitwidth // 8)

    return types.intp(zero), codegen


@intrinsic
def address_of(typingctx, array):
    """The address of an array's first element, without touching its reference count: that is atomic, and threads share it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return element_address(context, builder, signature.args[0], args[0])

    return types.intp(array), codegen


def element_address(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """The code for the address of the first element of an array of this type."""
    return builder.ptrtoint(context.make_array(kind)(context, builder, array).data, context.get_value_type(types.intp))


@intrinsic
def pointer_to(typingctx, zero, address):
    """A pointer to numbers of `zero`'s type at `address`."""
    result = types.CPointer(zero)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[1], context.get_value_type(result))

    return result(zero, types.intp), codegen


def record_reader(kind: np.dtype) -> Any:
    """An intrinsic `(address, number) -> record` for a table of records of this kind; it reads a record where it lies."""
    record = from_dtype(kind)

    @intrinsic
    def read(typingctx, address, number):
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            offset = builder.mul(args[1], context.get_constant(types.intp, kind.itemsize))
            return builder.inttoptr(builder.add(args[0], offset), context.get_value_type(record))

        return record(types.intp, types.intp), codegen

    return read


def tuple_type(kind: Any, **tuples: int) -> types.NamedTuple:
    """The type of a NamedTuple of integers, some of whose fields are tuples of so many."""
    return types.NamedTuple([numbers(tuples[name]) if name in tuples else NUMBER for name in kind._fields], kind)


def tuple_reader(kind: types.NamedTuple) -> Any:
    """An intrinsic `address -> tuple` for tuples of this type that `stored` has put there."""

    @intrinsic
    def read(typingctx, address):
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(builder.inttoptr(args[0], context.get_value_type(kind).as_pointer()))

        return kind(types.intp), codegen

    return read


@intrinsic
def stored(typingctx, numbers):
    """The address of a copy of a tuple on the stack, which is good until the caller returns."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(cgutils.alloca_once_value(builder, args[0]), context.get_value_type(types.intp))

    return types.intp(numbers), codegen


@intrinsic
def call_address(typingctx, address, arguments):
    """Call the compiled kernel at `address`, which returns nothing, with a tuple of arguments of the types it takes.

    LLVM optimizes a kernel again, for seconds, in every caller that names it; through an address it does not.
    """
    # Arguments are not converted on the way: a number of another type would be read as an integer.
    kinds = [types.unliteral(kind) for kind in arguments.types]
    if not all(_is_passed(kind) for kind in kinds):
        raise TypingError(f"a kernel takes floats, signed integers and tuples of these, got {arguments}")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(types.none, kinds)
        result, error = (cgutils.alloca_once(builder, pointer.pointee) for pointer in kind.args[:2])
        values = context.get_arg_packer(kinds).as_arguments(builder, cgutils.unpack_tuple(builder, args[1]))
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [result, error, *values])
        return context.get_dummy_value()

    return types.void(types.intp, types.Tuple(kinds)), codegen


def _is_passed(kind: Any) -> bool:
    if isinstance(kind, types.BaseTuple):
        return all(_is_passed(part) for part in kind.types)
    return kind in (types.intp, types.float32, types.float64)


@intrinsic
def copy_bytes(typingctx, target, source, count):
    """Copy so many bytes from one address to another; the two places do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointers = [builder.inttoptr(address, cgutils.voidptr_t) for address in args[:2]]
        cgutils.raw_memcpy(builder, *pointers, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@piece
def view(zero, address, size):
    """The `size` numbers of `zero`'s type at `address` as a one-dimensional array."""
    return carray(pointer_to(zero, address), size)
