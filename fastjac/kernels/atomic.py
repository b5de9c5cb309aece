"""What threads that share work need: words in memory that several of them change, and requests to the system's scheduler."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)
ALIGNMENT = 8
_IS_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


@intrinsic
def fetch_add(typingctx, address, amount):
    """Add to the word at `address` and return its former value; other threads see all that was written before this."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", builder.inttoptr(args[0], WORD.as_pointer()), args[1], "acq_rel")

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def exchange(typingctx, address, value):
    """Set the word at `address` and return its former value."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("xchg", builder.inttoptr(args[0], WORD.as_pointer()), args[1], "acq_rel")

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def load(typingctx, address):
    """The word at `address`; whoever loads it also sees all that was written before it was stored."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(args[0], WORD.as_pointer()), "acquire", ALIGNMENT)

    return types.intp(types.intp), codegen


@intrinsic
def store(typingctx, address, value):
    """Set the word at `address`; whoever loads it sees all that was written before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], builder.inttoptr(args[0], WORD.as_pointer()), "release", ALIGNMENT)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def pause(typingctx):
    """Hint to the CPU, if it knows such a hint, that this thread reads one word again and again."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _IS_X86:
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), [])), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def give_way(typingctx):
    """Let another thread have this core for a while, where the system can be asked for that."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if os.name == "posix":
            function = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, function, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def current_core(typingctx):
    """The number of the core that this thread runs on, or -1 where the system cannot be asked."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if sys.platform != "linux":
            return context.get_constant(types.intp, -1)
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), "sched_getcpu")
        return builder.sext(builder.call(function, []), WORD)

    return types.intp(), codegen
