"""The pieces of LLVM code for vector registers that intrinsics share."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .target import vector_unit

INDEX, INT32 = ir.IntType(64), ir.IntType(32)


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
