"""The CPU's float mode: how it rounds, and what it does with denormal numbers.

Every thread has a mode of its own, which other libraries change (`torch.set_flush_denormal`, C's `fesetround`, libraries built
with -ffast-math) and which a thread inherits from the one that starts it. Whatever the mode outside, fastjac computes in the
default one: round to nearest, keep denormals, stop at no exception. So results have the same bits on every thread.

LLVM takes the default mode for granted and may move arithmetic across a change of the mode. It cannot move any across a call
through an address, which is why a change always stands around such a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import entry, piece
from .memory import call_address

WORD, HALF, POINTER = ir.IntType(64), ir.IntType(32), ir.IntType(8).as_pointer()
PROCESSOR = llvm.get_process_triple().partition("-")[0]
MODE_BITS = 0xFFFFFFC0
"""Those of MXCSR, whose lowest six record exceptions instead."""


class _X86:
    """The register MXCSR, which is moved by way of memory."""

    default = WORD(0x1F80)

    def read(self, builder: Any) -> Any:
        place = self._place(builder)
        self._move(builder, "stmxcsr", place)
        return builder.zext(builder.and_(builder.load(place), HALF(MODE_BITS)), WORD)

    def write(self, builder: Any, mode: Any) -> None:
        place = self._place(builder)
        builder.store(builder.trunc(mode, HALF), place)
        self._move(builder, "ldmxcsr", place)

    def _place(self, builder: Any) -> Any:
        with builder.goto_entry_block():
            return builder.alloca(HALF)

    def _move(self, builder: Any, name: str, place: Any) -> None:
        function = builder.module.declare_intrinsic(f"llvm.x86.sse.{name}", (), ir.FunctionType(ir.VoidType(), [POINTER]))
        builder.call(function, [builder.bitcast(place, POINTER)])


class _Arm:
    """The register FPCR."""

    default = WORD(0)

    def read(self, builder: Any) -> Any:
        return builder.call(self._intrinsic(builder, "get", ir.FunctionType(WORD, [])), [])

    def write(self, builder: Any, mode: Any) -> None:
        builder.call(self._intrinsic(builder, "set", ir.FunctionType(ir.VoidType(), [WORD])), [mode])

    def _intrinsic(self, builder: Any, name: str, kind: ir.FunctionType) -> Any:
        return builder.module.declare_intrinsic(f"llvm.aarch64.{name}.fpcr", (), kind)


REGISTERS = {"x86_64": _X86(), "aarch64": _Arm(), "arm64": _Arm()}
"""The register that holds the mode, by the processor; on any other the mode is left alone."""


@intrinsic
def take_default(typingctx):
    """Enter the default mode, and give the one before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        register = REGISTERS.get(PROCESSOR)
        return WORD(0) if register is None else exchange_mode(register, builder)

    return types.intp(), codegen


@intrinsic
def give_back(typingctx, mode):
    """Leave the default mode for the one that `take_default` gave."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        register = REGISTERS.get(PROCESSOR)
        if register is not None:
            restore_mode(register, builder, args[0])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


def exchange_mode(register: Any, builder: Any) -> Any:
    """Emit: set the default mode where it is another one; the one before."""
    held = register.read(builder)
    # Writing the register stalls the CPU, so it is not written where it is right already.
    with builder.if_then(builder.icmp_unsigned("!=", held, register.default), likely=False):
        register.write(builder, register.default)
    return held


def restore_mode(register: Any, builder: Any, held: Any) -> None:
    """Emit: set this mode, where it is not the default one."""
    with builder.if_then(builder.icmp_unsigned("!=", held, register.default), likely=False):
        register.write(builder, held)


@piece
def call_kernel(address, arguments):
    """Call the kernel at `address`, as `call_address` does, in the default mode."""
    held = take_default()
    call_address(address, arguments)
    give_back(held)


@entry()
def enter():
    """Enter the default mode on this thread, and give the one before, for `leave`."""
    return take_default()


@entry()
def leave(mode):
    """Leave the default mode for this one."""
    give_back(mode)


@contextmanager
def default_mode() -> Iterator[None]:
    """Python and NumPy in the default mode: for the numbers that kernels are given, which NumPy folds and casts."""
    held = enter()
    try:
        yield
    finally:
        leave(held)
