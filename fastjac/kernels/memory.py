"""Addresses and bits: the few things that kernels do below the level of arrays.

A Program's operands lie in four places (parameters, workspace, and the caller's seed and result), chosen by its step
table at run time. An address is the one form that names them all without a branch for each and without reference counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import jit


@intrinsic
def pointer_to(typingctx, like, address):
    """A typed pointer to `address`; `like` is an array of the element type."""
    result = types.CPointer(like.dtype)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[1], context.get_value_type(result))

    return result(like, types.intp), codegen


@intrinsic
def call_address(typingctx, address, arguments):
    """Call the compiled kernel at `address`, which returns nothing, with a tuple of arguments of the types it takes.

    A caller that names a kernel has LLVM optimize it again as a part of itself, for seconds; through an address it does not.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = cgutils.unpack_tuple(builder, args[1])
        kinds = [context.get_value_type(kind) for kind in signature.args[1].types]
        function = ir.FunctionType(context.get_value_type(types.none), kinds)
        builder.call(builder.inttoptr(args[0], function.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.intp, arguments), codegen


@jit
def view(like, address, size):
    """The `size` numbers at `address` as a one-dimensional array of `like`'s dtype."""
    return carray(pointer_to(like, address), size)


@jit
def address_of(array):
    """The address of an array's first element, signed: an unsigned one plus a signed offset would become a float."""
    return np.intp(array.ctypes.data)
