"""The CPU's float mode: how it rounds, and what it does with denormal numbers.

Every thread has a mode of its own. Other libraries change it (`torch.set_flush_denormal`, C's `fesetround`, libraries built with
-ffast-math), and a thread inherits it from the thread that starts it. Whatever the mode outside, fastjac computes in the default
mode: round to nearest, keep denormals, stop at no exception. So results have the same bits on every thread.

LLVM takes the default mode for granted and may move arithmetic across a change of the mode. It cannot move arithmetic across a
call through an address, so the mode is always changed around such a call.
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
"""The bits of MXCSR that set the mode; its lowest six record exceptions."""


class _X86:
    """The register MXCSR, which is read and written through memory."""

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
"""The register that holds the mode, by processor; on any other processor the mode is left alone."""


@intrinsic
def take_default(typingctx):
    """Enter the default mode, and return the mode before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        register = REGISTERS.get(PROCESSOR)
        return WORD(0) if register is None else exchange_mode(register, builder)

    return types.intp(), codegen


@intrinsic
def give_back(typingctx, mode):
    """Leave the default mode for the mode that `take_default` returned."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        register = REGISTERS.get(PROCESSOR)
        if register is not None:
            restore_mode(register, builder, args[0])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


def exchange_mode(register: Any, builder: Any) -> Any:
    """Emit code that sets the default mode where another is set; returns the mode before."""
    held = register.read(builder)
    # Writing the register stalls the CPU, so it is not written where the mode is right already.
    with builder.if_then(builder.icmp_unsigned("!=", held, register.default), likely=False):
        register.write(builder, register.default)
    return held


def restore_mode(register: Any, builder: Any, held: Any) -> None:
    """Emit code that sets this mode, where it is not the default."""
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
    """Enter the default mode on this thread, and return the mode before, for `leave`."""
    return take_default()


@entry()
def leave(mode):
    """Leave the default mode for this mode."""
    give_back(mode)


@contextmanager
def default_mode() -> Iterator[None]:
    """Run Python and NumPy in the default mode, because NumPy folds and casts numbers that kernels are given."""
    held = enter()
    try:
        yield
    finally:
        leave(held)
