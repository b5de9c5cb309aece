"""Intrinsics on float32 and float64 scalars that a loop around them can vectorize.

Everything here stays in the dtype of its argument: a float32 loop keeps sixteen lanes where a stray float64 would leave eight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import FROM_KERNELS_ALONE, OPTIONS

Coefficients = tuple[float, ...]

# 1.5 * 2^m for an m-bit mantissa: adding it leaves an integer in the low bits of the sum.
_ROUNDING = {types.float32: 1.5 * 2.0**23, types.float64: 1.5 * 2.0**52}
_MANTISSA_BITS = {types.float32: 23, types.float64: 52}
_EXPONENT_BIAS = {types.float32: 127, types.float64: 1023}


def _multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    # llvm.fmuladd fuses only where the CPU can, and there in vector body and scalar remainder alike. llvm.fma would call libm on
    # other CPUs, and a plain `a * b + c` never fuses without fast-math.
    signature = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [a.type], signature), [a, b, c])


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a scalar function that is always inlined: a loop with a call left in it does not vectorize."""
    return numba.njit(**OPTIONS, **FROM_KERNELS_ALONE, forceinline=True)(function)


@intrinsic
def fmuladd(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """`a * b + c`, fused where the CPU has the instruction; all three of one float type."""
    if a not in _ROUNDING or not a == b == c:
        return None

    def codegen(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
        return _multiply_add(builder, *arguments)

    return a(a, b, c), codegen


@intrinsic
def round_to_integer(_context: Any, x: Any) -> Any:
    """The integer nearest to x, as a float, for |x| up to 2^21 (float32) or 2^50 (float64); nan stays nan."""
    if x not in _ROUNDING:
        return None

    def codegen(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
        rounding = ir.Constant(arguments[0].type, _ROUNDING[x])
        return builder.fsub(builder.fadd(arguments[0], rounding), rounding)

    return x(x), codegen


@intrinsic
def power_of_two(_context: Any, k: Any) -> Any:
    """`2^k` for an integral float k in the range of normal numbers, from its exponent bits; anything for other k."""
    if k not in _ROUNDING:
        return None
    bits = ir.IntType(k.bitwidth)

    def codegen(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
        float_type = arguments[0].type
        biased = builder.fadd(arguments[0], ir.Constant(float_type, _ROUNDING[k] + _EXPONENT_BIAS[k]))
        exponent = builder.shl(builder.bitcast(biased, bits), ir.Constant(bits, _MANTISSA_BITS[k]))
        return builder.bitcast(exponent, float_type)

    return k(k), codegen


@intrinsic
def split_exponent(_context: Any, x: Any) -> Any:
    """Floats m in [sqrt(1/2), sqrt(2)) and k, integral, with `x = m 2^k`; anything for x that is not positive and normal."""
    if x not in _ROUNDING:
        return None
    bits = ir.IntType(x.bitwidth)

    def codegen(context: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
        float_type, mantissa = arguments[0].type, ir.Constant(bits, _MANTISSA_BITS[x])
        pattern = builder.bitcast(arguments[0], bits)
        lowest = builder.bitcast(ir.Constant(float_type, 0.5**0.5), bits)
        k = builder.ashr(builder.sub(pattern, lowest), mantissa)
        m = builder.bitcast(builder.sub(pattern, builder.shl(k, mantissa)), float_type)
        return context.make_tuple(builder, pair, [m, builder.sitofp(k, float_type)])

    pair = types.UniTuple(x, 2)
    return pair(x), codegen


@intrinsic
def order_key(_context: Any, x: Any) -> Any:
    """An integer for a float, such that integers are ordered as the floats are, -0 below 0 and nan beyond both ends.

    The largest of many keys is found in vector lanes; comparisons of floats are not reordered, because they must heed nan.
    """
    if x not in _ROUNDING:
        return None
    bits = ir.IntType(x.bitwidth)

    def codegen(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
        return _mirrored(builder, builder.bitcast(arguments[0], bits))

    return (types.int32 if x == types.float32 else types.int64)(x), codegen


@intrinsic
def of_order_key(_context: Any, key: Any) -> Any:
    """The float of an `order_key`."""
    if key not in (types.int32, types.int64):
        return None
    result = types.float32 if key == types.int32 else types.float64

    def codegen(context: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(_mirrored(builder, arguments[0]), context.get_value_type(result))

    return result(key), codegen


def _mirrored(builder: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    """The same bits, but of a negative number all except the sign are inverted, since a float's bits count away from 0."""
    width = bits.type.width
    sign = builder.ashr(bits, ir.Constant(bits.type, width - 1))
    return builder.xor(bits, builder.and_(sign, ir.Constant(bits.type, 2 ** (width - 1) - 1)))


def polynomial(*, float32: Coefficients, float64: Coefficients) -> Callable[..., Any]:
    """An intrinsic `x -> c[0] + c[1] x + c[2] x^2 + ...` by Horner's rule, with the coefficients of x's own dtype."""
    table = {types.float32: float32, types.float64: float64}

    @intrinsic
    def evaluate(_context: Any, x: Any) -> Any:
        if x not in table:
            return None

        def codegen(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> ir.Value:
            *lower, highest = (ir.Constant(arguments[0].type, c) for c in table[x])
            total = highest
            for coefficient in reversed(lower):
                total = _multiply_add(builder, total, arguments[0], coefficient)
            return total

        return x(x), codegen

    return evaluate


def constant(*, float32: float, float64: float) -> Callable[..., Any]:
    """An intrinsic that gives, for any x, the constant of x's dtype."""
    return polynomial(float32=(float32,), float64=(float64,))
