"""Constants that nodes compute: the table FOLDS of NumPy functions, each of whose results is bounded before it is made.

Exporters leave such nodes for the shape of a reshape, for transposed weights, and for weights that are normalized.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FastjacError, FormatError, UnsupportedLayerError
from . import shapes
from .calls import Call, Shape
from .constants import arange, arange_size, cast, constant, constant_of_shape, constant_of_shape_size, shape_of
from .indexing import concat, gather, gather_size, slice_

PRODUCTS_PER_ENTRY = 128
"""Multiplications of a matrix product that are counted as one entry, since they take time and no memory."""


@dataclass(frozen=True)
class Fold:
    """How an operator computes a constant from constants.

    compute : from the call to the array.
    size : from the call to the number of entries that the array will have, or to one that is not smaller.
    """

    compute: Callable[[Call], Any]
    size: Callable[[Call], int]


def fold(call: Call) -> np.ndarray:
    """The constant that a node of an operator in FOLDS computes from constants.

    Raises FormatError where its operands do not fit it or what the model computes would be far larger than its file.
    """
    operator = call.node.operator
    try:
        taken = sum(operand.size for operand in call.operands if isinstance(operand, np.ndarray))
        call.reader.account.make(FOLDS[operator].size(call) + taken)
        return np.asarray(FOLDS[operator].compute(call))
    except FastjacError:
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        told = ", ".join(map(str, call.shapes))
        raise FormatError(f"it cannot be computed from operands of shapes {told} ({error}); the file is damaged") from error


# How many entries there will be


def _few(call: Call) -> int:
    return 0


def _all(call: Call) -> int:
    return sum(math.prod(shape) for shape in call.shapes)


def _spread(call: Call) -> int:
    return math.prod(shapes.broadcast(call.shapes))


def _expanded(call: Call) -> int:
    return math.prod(shapes.expand(call))


def _matmul_size(call: Call) -> int:
    left, right = call.constant(0), call.constant(1)
    products = math.prod(shapes.matmul(call)) * left.shape[-1]
    if left.dtype.kind != "f" or right.dtype.kind != "f":
        raise UnsupportedLayerError("it multiplies matrices of whole numbers; fastjac does so with floating-point ones only")
    return math.prod(shapes.matmul(call)) + products // PRODUCTS_PER_ENTRY


# What is computed


def _of_one(function: Callable[[Any], Any]) -> Fold:
    """A NumPy function of each entry."""
    return Fold(lambda call: function(call.constant(0)), _spread)


def _of_two(function: Callable[[Any, Any], Any]) -> Fold:
    """A NumPy function of the entries of two operands, spread over one another."""
    return Fold(lambda call: function(call.constant(0), call.constant(1)), _spread)


def _combined(function: np.ufunc) -> Fold:
    """A NumPy function of two, over any number of operands."""
    return Fold(lambda call: functools.reduce(function, [call.constant(i) for i in range(len(call.operands))]), _spread)


def _reduced(function: Callable[..., Any]) -> Fold:
    """A NumPy function that takes the entries along some axes together."""

    def compute(call: Call) -> Any:
        return function(call.constant(0), axis=shapes.reduced_axes(call)).reshape(shapes.reduced(call))

    return Fold(compute, _all)


def _reshaped(shape: Callable[[Call], Shape]) -> Fold:
    """The same entries in another shape."""
    return Fold(lambda call: call.constant(0).reshape(shape(call)), _few)


def _divided(a: np.ndarray, b: np.ndarray) -> Any:
    """The quotient; that of whole numbers is cut towards zero."""
    if a.dtype.kind == "f":
        return a / b
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def _mean(array: np.ndarray, axis: tuple[int, ...]) -> Any:
    return np.sum(array, axis=axis) / math.prod(array.shape[i] for i in axis)


def _power(a: np.ndarray, b: np.ndarray) -> Any:
    return np.power(a, b).astype(a.dtype)


FOLDS: dict[str, Fold] = {
    "Constant": Fold(constant, _few),
    "ConstantOfShape": Fold(constant_of_shape, constant_of_shape_size),
    "Range": Fold(arange, arange_size),
    "Shape": Fold(shape_of, _few),
    "Size": Fold(lambda call: np.int64(math.prod(call.shape(0))), _few),
    "Identity": Fold(lambda call: call.constant(0), _few),
    "Cast": Fold(cast, _all),
    "Reshape": _reshaped(shapes.reshape),
    "Flatten": _reshaped(shapes.flatten),
    "Squeeze": _reshaped(shapes.squeeze),
    "Unsqueeze": _reshaped(shapes.unsqueeze),
    "Transpose": Fold(lambda call: call.constant(0).transpose(shapes.permutation(call)), _all),
    "Expand": Fold(lambda call: np.broadcast_to(call.constant(0), shapes.expand(call)), _expanded),
    "Concat": Fold(concat, _all),
    "Gather": Fold(gather, gather_size),
    "Slice": Fold(slice_, _all),
    "Where": Fold(lambda call: np.where(*(call.constant(i) for i in range(3))), _spread),
    "Equal": _of_two(np.equal),
    "Less": _of_two(np.less),
    "Greater": _of_two(np.greater),
    "Not": _of_one(np.logical_not),
    "And": _of_two(np.logical_and),
    "Or": _of_two(np.logical_or),
    "Add": _of_two(np.add),
    "Sub": _of_two(np.subtract),
    "Mul": _of_two(np.multiply),
    "Div": _of_two(_divided),
    "Pow": _of_two(_power),
    "Sum": _combined(np.add),
    "Min": _combined(np.minimum),
    "Max": _combined(np.maximum),
    "Neg": _of_one(np.negative),
    "Abs": _of_one(np.abs),
    "Reciprocal": _of_one(np.reciprocal),
    "Sqrt": _of_one(np.sqrt),
    "Exp": _of_one(np.exp),
    "Log": _of_one(np.log),
    "Tanh": _of_one(np.tanh),
    "Sigmoid": _of_one(lambda x: 1.0 / (1.0 + np.exp(-x))),
    "Softplus": _of_one(lambda x: np.logaddexp(x, 0.0)),
    "Relu": _of_one(lambda x: np.maximum(x, 0.0)),
    "Floor": _of_one(np.floor),
    "Ceil": _of_one(np.ceil),
    "MatMul": Fold(lambda call: call.constant(0) @ call.constant(1), _matmul_size),
    "ReduceSum": _reduced(np.sum),
    "ReduceMean": _reduced(_mean),
    "ReduceMin": _reduced(np.min),
    "ReduceMax": _reduced(np.max),
    "ReduceProd": _reduced(np.prod),
    "ReduceL2": _reduced(lambda x, axis: np.sqrt(np.sum(x * x, axis=axis))),
    "ReduceSumSquare": _reduced(lambda x, axis: np.sum(x * x, axis=axis)),
}
"""Every operator that fastjac computes on constants."""
