"""Sums, differences, products and quotients of a tensor and constants, such as the normalization of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ...layers import Parameter
from ..tensors import as_numpy
from .sample import Sample, Shape, Size

Converted = Sequence[fl.Layer]


def add(input: Any, other: Any, alpha: float = 1.0) -> Converted:
    """`input + alpha other`"""
    if isinstance(input, Sample):
        return [fl.Scale(1.0, alpha * constant(other))]
    return [fl.Scale(alpha, constant(input))]


def subtract(input: Any, other: Any, alpha: float = 1.0) -> Converted:
    """`input - alpha other`"""
    if isinstance(input, Sample):
        return [fl.Scale(1.0, -alpha * constant(other))]
    return [fl.Scale(-alpha, constant(input))]


def multiply(input: Any, other: Any) -> Converted:
    """`input other`"""
    return [fl.Scale(constant(other if isinstance(input, Sample) else input))]


def divide(input: Any, other: Any, rounding_mode: str | None = None) -> Converted:
    """`input / other`"""
    check_not_rounding(rounding_mode)
    if isinstance(input, Sample):
        return [fl.Scale(_inverse(constant(other)))]
    return [fl.Reciprocal(), fl.Scale(constant(input))]


def power(input: Any, exponent: Any) -> Converted:
    """`input ** exponent`"""
    if not isinstance(input, Sample):
        raise UnsupportedLayerError("its exponent depends on the input; fastjac has x ** number, and torch.exp")
    value = constant(exponent)
    if isinstance(value, np.ndarray):
        raise UnsupportedLayerError("it has an exponent for each feature; fastjac has x ** number")
    return [fl.Power(value)]


def check_not_rounding(mode: str | None) -> None:
    """Raise UnsupportedLayerError for a division that rounds."""
    if mode is not None:
        raise UnsupportedLayerError(f"rounding_mode={mode!r} is not supported; fastjac divides without rounding")


def negative(input: Sample) -> Converted:
    """`-input`"""
    return [fl.Scale(-1.0)]


def matmul(input: Any, other: Any) -> Converted:
    """`input other` with a matrix on the right, (n_in, n_out)"""
    if not isinstance(input, Sample):
        raise UnsupportedLayerError("a matrix on the left of x mixes the samples of a batch; fastjac takes x @ matrix")
    return [fl.Affine(matrix(other).T)]


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1.0, alpha: float = 1.0) -> Converted:
    """`beta input + alpha mat1 mat2`, where mat1 depends on the input"""
    if not isinstance(mat1, Sample):
        raise UnsupportedLayerError("a matrix on the left of x mixes the samples of a batch; fastjac takes x @ matrix")
    return [fl.Affine(alpha * matrix(mat2).T), fl.Scale(1.0, beta * constant(input))]


def linear(input: Sample, weight: Any, bias: Any = None) -> Converted:
    """`input weight^T + bias`"""
    return [fl.Affine(matrix(weight), None if bias is None else as_numpy(bias))]


def constant(value: Any) -> Parameter:
    """A number, or one number for each feature of a flat sample."""
    array = _real_array(value, "it computes with something that depends on the input; fastjac takes constants beside x")
    if array.size == 1:
        return float(array.reshape(()))
    shape = array.shape[np.argmax(np.not_equal(array.shape, 1)) :]
    if 1 in shape:
        raise UnsupportedLayerError(
            f"a constant of shape {array.shape} is spread along an axis of the samples, which fastjac holds flat; expand it to "
            "the shape of one sample"
        )
    # Whole numbers must not make a network of float32 weights one of float64.
    return (array if array.dtype.kind == "f" else array.astype(np.float32)).ravel()


def matrix(value: Any) -> Any:
    """A constant with two axes."""
    array = _real_array(value, "its weight depends on the input; fastjac takes weights that are constant")
    if array.ndim != 2:
        raise UnsupportedLayerError(
            f"its weight has shape {array.shape}; fastjac takes a matrix, so write w[:, None] for a vector"
        )
    return array


def _real_array(value: Any, depends: str) -> np.ndarray:
    """A constant's entries; UnsupportedLayerError, for a value that depends on the input with the message `depends`."""
    if isinstance(value, (Sample, Shape, Size)):
        raise UnsupportedLayerError(depends)
    array = as_numpy(value)
    if array.dtype.kind not in "fiub":
        what = f"whole number of {len(str(value))} digits" if isinstance(value, int) else f"constant of type {array.dtype}"
        raise UnsupportedLayerError(f"it computes with a {what}; fastjac takes real numbers that fit a float64")
    return array


def _inverse(value: Parameter) -> Parameter:
    """One over the constant, taken in float64 and rounded once."""
    with np.errstate(divide="ignore"):
        inverse = 1.0 / np.asarray(value, np.float64)
    return inverse.astype(value.dtype) if isinstance(value, np.ndarray) else float(inverse)
