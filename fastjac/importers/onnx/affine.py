"""Operators that are affine maps: products of matrices, and arithmetic with constants."""

from __future__ import annotations

import functools
import math

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ..tensors import float_dtype
from . import shapes
from .calls import Call, Converted


def matmul(call: Call) -> Converted:
    """`x W`, or `W x` with the weight on the left, where x is a vector, a row or a column."""
    return [fl.Affine(matmul_weight(call))]


def matmul_weight(call: Call) -> np.ndarray:
    """The weight (n_out, n_in) of a MatMul of a vector and a constant."""
    on_left = call.flow_position == 0
    x, matrix = call.shape(call.flow_position), call.constant(1 - call.flow_position)
    if math.prod(matrix.shape[:-2]) != 1:
        raise UnsupportedLayerError(f"it multiplies by several matrices, of shape {matrix.shape}; fastjac takes one")
    length = x[-1] if on_left else x[-2:][0]
    _check_vector(x, length)
    return matrix.reshape(length, -1).T if on_left else matrix.reshape(-1, length)


def gemm(call: Call) -> Converted:
    """`alpha A' B' + beta C` where A' is a row that depends on the input, or B' is such a column."""
    on_left = call.flow_position == 0
    if call.flow_position > 1:
        raise UnsupportedLayerError("what it adds depends on the network's input; fastjac takes that as a factor only")
    x, matrix = call.shape(call.flow_position), call.constant(1 - call.flow_position)
    transposed = [bool(call.node.integer(name, 0)) for name in ("transA", "transB")]
    is_row = on_left != transposed[call.flow_position]
    _check_vector(x, x[-1] if is_row else x[0])
    weight = matrix.T if on_left != transposed[1 - call.flow_position] else matrix
    alpha, bias = call.node.real("alpha", 1.0), _gemm_bias(call)
    return [fl.Affine(weight, bias)] if alpha == 1.0 else [fl.Affine(weight), fl.Scale(alpha, 0.0 if bias is None else bias)]


def _gemm_bias(call: Call) -> np.ndarray | None:
    bias = call.optional(2)
    if bias is None:
        return None
    spread = call.spread(bias, shapes.gemm(call), "C")
    beta = call.node.real("beta", 1.0)
    return spread if beta == 1.0 else (np.float64(beta) * spread).astype(float_dtype(bias))


def _check_vector(x: tuple[int, ...], length: int) -> None:
    """Raise UnsupportedLayerError unless x is one row or column, of that length."""
    if math.prod(x) != length:
        raise UnsupportedLayerError(
            f"it acts on each of {math.prod(x) // max(length, 1)} vectors of {length} units of a value of shape {x}; fastjac "
            "takes one, so flatten the sample before; a batch size that is fixed must be 1, or be exported as a symbolic one"
        )


def add_bias(call: Call, weight: np.ndarray) -> Converted:
    """A MatMul of that weight, and this Add of a constant to it."""
    bias = call.constant(1 - call.flow_position)
    return [fl.Affine(weight, call.spread(bias, shapes.elementwise(call), "what it adds"))]


def add(call: Call) -> Converted:
    """`x + c`, or a sum with any number of constants, added from the first operand to the last."""
    position = call.flow_position
    before = [call.constant(i) for i in range(position)]
    behind = [call.constant(i) for i in range(position + 1, len(call.operands))]
    added = [functools.reduce(np.add, before), *behind] if before else behind
    return [fl.Scale(1.0, call.per_unit(constant)) for constant in added]


def sub(call: Call) -> Converted:
    """`x - c` or `c - x`"""
    constant = call.per_unit(_other(call))
    return [fl.Scale(1.0, -constant) if call.flow_position == 0 else fl.Scale(-1.0, constant)]


def mul(call: Call) -> Converted:
    """`x c`"""
    return [fl.Scale(call.per_unit(_other(call)))]


def div(call: Call) -> Converted:
    """`x / c`, as `x` times `1 / c`, which is rounded once from float64."""
    if call.flow_position != 0:
        raise UnsupportedLayerError("it divides by what depends on the network's input, which no fastjac layer does")
    divisor = _other(call)
    power = _power_of_two(divisor)
    inverse = (1.0 / (np.float64(divisor) * power)).astype(power.dtype)
    first = [] if np.all(power == 1.0) else [fl.Scale(call.per_unit(power))]
    return [*first, fl.Scale(call.per_unit(inverse))]


def _power_of_two(divisor: np.ndarray) -> np.ndarray:
    """What x and a divisor are multiplied by first, so that the type of both holds the divisor's inverse; mostly 1."""
    dtype = float_dtype(divisor)
    info, size = np.finfo(dtype), np.abs(divisor)
    power = np.ones(divisor.shape, dtype)
    power[(size < 2 * info.tiny) & (size > 0.0)] = 2.0**info.nmant
    power[(size > 0.25 / info.tiny) & np.isfinite(size)] = 2.0**-info.nmant
    return power


def neg(call: Call) -> Converted:
    """`-x`"""
    return [fl.Scale(-1.0)]


def scaler(call: Call) -> Converted:
    """`(x - offset) scale`, scikit-learn's StandardScaler and its kin. The offset goes first: `scale offset` would round."""
    offset, scale = (call.node.reals(name) for name in ("offset", "scale"))
    if offset is None or scale is None:
        raise FormatError("it has no offset or no scale; the file is damaged")
    return [fl.Scale(1.0, -call.per_unit(offset)), fl.Scale(call.per_unit(scale))]


def _other(call: Call) -> np.ndarray:
    """The other one of two operands."""
    return call.constant(1 - call.flow_position)
