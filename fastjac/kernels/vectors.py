"""The pieces of LLVM code for vector registers that intrinsics share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .target import vector_unit

INDEX, INT32 = ir.IntType(64), ir.IntType(32)


@intrinsic
def lanes_of(typingctx, zero):
    """How many numbers of `zero`'s type a register holds."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return INDEX(vector_of(signature.args[0].bitwidth // 8).count)

    return types.intp(zero), codegen


def vector_of(itemsize: int) -> ir.VectorType:
    """A register of float32 or float64, by their size in bytes."""
    return ir.VectorType(ir.FloatType() if itemsize == 4 else ir.DoubleType(), vector_unit()[0] // itemsize)


def lane_numbers(element: ir.Type, lanes: int) -> ir.Constant:
    """0, 1, 2, ... in the lanes of a register."""
    return ir.Constant(ir.VectorType(element, lanes), list(range(lanes)))


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """A register that holds `value` in every lane."""
    kind = ir.VectorType(value.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, INT32(0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes))


def load_vector(builder: Any, address: Any, kind: ir.VectorType, itemsize: int) -> Any:
    """The register's worth of numbers at an address, which need only be aligned as one of them."""
    load = builder.load(builder.inttoptr(address, kind.as_pointer()))
    load.align = itemsize
    return load


def first_lanes(builder: Any, count: Any, lanes: int) -> Any:
    """The mask of the first `count` lanes of a register."""
    return builder.icmp_unsigned("<", lane_numbers(INDEX, lanes), splat(builder, count, lanes))


def load_masked(builder: Any, address: Any, kind: ir.VectorType, itemsize: int, mask: Any) -> Any:
    """The numbers at an address in the lanes of a mask, and zeros in the others, whose memory is not read."""
    taken = [kind.as_pointer(), INT32, mask.type, kind]
    load = declared(builder, f"llvm.masked.load.{suffix(kind, itemsize)}.p0", kind, taken)
    none = ir.Constant(kind, [0.0] * kind.count)
    return builder.call(load, [builder.inttoptr(address, kind.as_pointer()), INT32(itemsize), mask, none])


def store_masked(builder: Any, value: Any, address: Any, itemsize: int, mask: Any) -> None:
    """Write the lanes of a mask to an address, and nothing else."""
    kind = value.type
    taken = [kind, kind.as_pointer(), INT32, mask.type]
    store = declared(builder, f"llvm.masked.store.{suffix(kind, itemsize)}.p0", ir.VoidType(), taken)
    builder.call(store, [value, builder.inttoptr(address, kind.as_pointer()), INT32(itemsize), mask])


def store_vector(builder: Any, value: Any, address: Any, itemsize: int) -> None:
    """Write a whole register to an address, which need only be aligned as one of its numbers."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = itemsize


def cases(builder: Any, value: Any, numbers: Iterable[int]) -> Iterator[int]:
    """Each number in turn, for the code that runs where `value` is that number; what follows runs behind that code."""
    done = builder.append_basic_block("cases.done")
    switch = builder.switch(value, done)
    for number in numbers:
        block = builder.append_basic_block(f"case.{number}")
        switch.add_case(INDEX(number), block)
        builder.position_at_end(block)
        yield number
        builder.branch(done)
    builder.position_at_end(done)


def suffix(kind: ir.VectorType, itemsize: int) -> str:
    """What an LLVM function's name says of a register that it takes."""
    return f"v{kind.count}f{8 * itemsize}"


def declared(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """An LLVM function by its name and types."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)
