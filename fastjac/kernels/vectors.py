"""The pieces of LLVM code for vector registers that intrinsics share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .target import has_masks, vector_unit

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


def load_index(builder: Any, base: Any, place: Any) -> Any:
    """An entry, by its place, of an index list at an address."""
    address = builder.add(base, builder.shl(place, INDEX(2)))
    return builder.sext(builder.load(builder.inttoptr(address, INT32.as_pointer())), INDEX)


def first_lanes(builder: Any, count: Any, lanes: int) -> Any:
    """The mask of the first `count` lanes of a register."""
    return builder.icmp_unsigned("<", lane_numbers(INDEX, lanes), splat(builder, count, lanes))


def load_masked(builder: Any, address: Any, kind: ir.VectorType, itemsize: int, mask: Any) -> Any:
    """The numbers at an address in the lanes of a mask, and zeros in the others, whose memory is not read."""
    taken = [kind.as_pointer(), INT32, mask.type, kind]
    load = declared(builder, f"llvm.masked.load.{suffix(kind, itemsize)}.p0", kind, taken)
    none = ir.Constant(kind, [0.0] * kind.count)
    return builder.call(load, [builder.inttoptr(address, kind.as_pointer()), INT32(itemsize), mask, none])


def store_first(builder: Any, stores: Sequence[tuple[Any, Any]], itemsize: int, count: Any) -> None:
    """Write the first `count` numbers of registers to an address each, and nothing else; `count` is at least 1.

    Only AVX-512 masks stores at no cost. A masked store of AVX2 takes AMD's Zen 1 to 3 twelve cycles, as uops.info has measured.
    """
    lanes = stores[0][0].type.count
    if has_masks():
        mask = first_lanes(builder, count, lanes)
        for value, address in stores:
            _store_masked(builder, value, address, itemsize, mask)
        return
    with builder.if_else(builder.icmp_unsigned(">=", count, INDEX(lanes)), likely=True) as (whole, part):
        with whole:
            for value, address in stores:
                store_vector(builder, value, address, itemsize)
        with part:
            for value, address in stores:
                builder.call(_halves(builder.module, value.type, itemsize), [value, address, count])


def _halves(module: ir.Module, kind: ir.VectorType, itemsize: int) -> ir.Function:
    """The function that writes the first numbers of a register, fewer than it holds; a part of each module that calls it.

    It writes half a register, a quarter and so on, as the bits of the numbers' count say.
    """
    name = f"fastjac_store_first_{suffix(kind, itemsize)}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [kind, INDEX, INDEX]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    value, address, count = function.args
    lanes = kind.count
    while lanes > 1:
        lanes //= 2
        low, high = (_lanes_of(builder, value, first, lanes) for first in (0, lanes))
        is_in = builder.icmp_unsigned("!=", builder.and_(count, INDEX(lanes)), INDEX(0))
        with builder.if_then(is_in):
            store_vector(builder, low, address, itemsize)
        value = builder.select(is_in, high, low)
        address = builder.add(address, builder.select(is_in, INDEX(lanes * itemsize), INDEX(0)))
    builder.ret_void()
    return function


def _lanes_of(builder: Any, value: Any, first: int, count: int) -> Any:
    """Some lanes of a register that follow one another."""
    places = ir.Constant(ir.VectorType(INT32, count), list(range(first, first + count)))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), places)


def _store_masked(builder: Any, value: Any, address: Any, itemsize: int, mask: Any) -> None:
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
