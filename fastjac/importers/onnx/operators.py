"""What each ONNX operator becomes: the table OPERATORS. What becomes of several nodes that are one layer, patterns.py tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..precision import refuse_rounding
from . import affine, bounds, normalization, samples, shapes
from .activations import ACTIVATIONS
from .calls import Call, Converted, Shape
from .samples import BatchCall, Samples
from .tensor import element_type


@dataclass(frozen=True)
class Operator:
    """How fastjac reads an operator whose input depends on that of the network.

    convert : from the call to fastjac layers.
    shape : from the call to the shape of its result.
    samples : from the call in a batch to where the samples lie in its result; see samples.py.
    note : what a user may want to know.
    any_operand : whether that input may stand at another place than the first.
    """

    convert: Callable[[Call], Converted]
    shape: Callable[[Call], Shape] = shapes.elementwise
    samples: Callable[[BatchCall], Samples] = samples.elementwise
    note: str = ""
    any_operand: bool = False


def shape_of_result(call: Call) -> Shape:
    """The shape of what a node gives."""
    return _row_of(call).shape(call)


def samples_of_result(node: BatchCall) -> Samples:
    """Where the samples of a batch lie in what a node gives; UnsupportedLayerError where it mixes them."""
    return _row_of(node.call).samples(node)


def _row_of(call: Call) -> Operator | PatternPart:
    """The row of an operator in one of the two tables."""
    name = call.node.operator
    return PARTS_OF_PATTERNS[name] if name in PARTS_OF_PATTERNS else OPERATORS[name]


def operator_of(call: Call) -> Operator:
    """How fastjac reads a node by itself; UnsupportedLayerError where it takes it as a part of a pattern only."""
    name = call.node.operator
    if name in PARTS_OF_PATTERNS:
        raise UnsupportedLayerError(f"fastjac takes it only as a part of {PARTS_OF_PATTERNS[name].pattern}")
    return OPERATORS[name]


def _nothing(call: Call) -> Converted:
    """`x`, in whatever shape, since fastjac holds it flattened."""
    return []


def _cast(call: Call) -> Converted:
    """`x`, in the other precision of the two that a network may have."""
    kind = element_type(call.node.integer("to", 0)).name
    refuse_rounding({"FLOAT": "float32", "DOUBLE": "float64"}.get(kind, kind))
    return []


def _dropout(call: Call) -> Converted:
    """`x` at inference."""
    training = call.optional(2)
    if training is not None and training.any():
        raise UnsupportedLayerError("it is in training mode, where it drops units at random; export the model in evaluation mode")
    return []


def _transpose(call: Call) -> Converted:
    """`x`, where the units stay in order, because only axes of size 1 change their place."""
    shape = call.shape(0)
    moved = [axis for axis in shapes.permutation(call) if shape[axis] > 1]
    if moved != sorted(moved):
        raise UnsupportedLayerError(f"it reorders the units of a value of shape {shape}; fastjac takes axes of size 1 moved only")
    return []


def _fused_gemm(call: Call) -> Converted:
    """A Gemm with its activation."""
    name = call.node.text("activation", "")
    if name not in FUSED:
        raise UnsupportedLayerError(f"its activation {name!r:.80} is not supported; fastjac takes {', '.join(FUSED)}")
    return [*affine.gemm(call), FUSED[name](call)]


FUSED: dict[str, Callable[[Call], fl.Layer]] = {
    "Relu": lambda call: fl.ReLU(),
    "LeakyRelu": lambda call: fl.LeakyReLU(call.node.real("activation_alpha", 0.01)),
    "Sigmoid": lambda call: fl.Sigmoid(),
    "Tanh": lambda call: fl.Tanh(),
}
"""The activations of a FusedGemm."""

ONLY_SHAPE, NOT_AT_INFERENCE, FOLDED = "only the shape", "nothing at inference", "folded to one scale and shift"
OPERATORS: dict[str, Operator] = {
    **{name: Operator(convert) for name, convert in ACTIVATIONS.items()},
    "Gemm": Operator(affine.gemm, shapes.gemm, samples.gemm, any_operand=True),
    "com.microsoft.FusedGemm": Operator(_fused_gemm, shapes.gemm, samples.gemm, any_operand=True),
    "MatMul": Operator(affine.matmul, shapes.matmul, samples.matmul, any_operand=True),
    "Add": Operator(affine.add, any_operand=True),
    "Sum": Operator(affine.add, any_operand=True),
    "Sub": Operator(affine.sub, any_operand=True),
    "Mul": Operator(affine.mul, any_operand=True),
    "Div": Operator(affine.div, any_operand=True),
    "Neg": Operator(affine.neg),
    "Max": Operator(bounds.maximum, any_operand=True),
    "Min": Operator(bounds.minimum, any_operand=True),
    "ai.onnx.ml.Scaler": Operator(affine.scaler, shapes.first, samples.scaler),
    "Softmax": Operator(normalization.softmax, shapes.first, samples.softmax),
    "LogSoftmax": Operator(normalization.log_softmax, shapes.first, samples.softmax),
    "BatchNormalization": Operator(normalization.batch_normalization, shapes.first, samples.batch_normalization, FOLDED),
    "LayerNormalization": Operator(normalization.layer_normalization, shapes.first, samples.layer_normalization),
    "Identity": Operator(_nothing),
    "Dropout": Operator(_dropout, shapes.first, samples.in_order, NOT_AT_INFERENCE),
    "Cast": Operator(_cast, shapes.first, samples.in_order, "fastjac computes in one precision"),
    "Flatten": Operator(_nothing, shapes.flatten, samples.in_order, ONLY_SHAPE),
    "Reshape": Operator(_nothing, shapes.reshape, samples.in_order, ONLY_SHAPE),
    "Squeeze": Operator(_nothing, shapes.squeeze, samples.in_order, ONLY_SHAPE),
    "Unsqueeze": Operator(_nothing, shapes.unsqueeze, samples.in_order, ONLY_SHAPE),
    "Expand": Operator(_nothing, shapes.expand, samples.in_order, ONLY_SHAPE),
    "Transpose": Operator(_transpose, shapes.transpose, samples.transpose, "moves axes of size 1 only"),
}
"""Every operator that fastjac reads by itself, with what makes fastjac layers of it."""


@dataclass(frozen=True)
class PatternPart:
    """An operator that is no layer by itself: of which layers it is a part, and how it shapes its result; see Operator."""

    pattern: str
    shape: Callable[[Call], Shape] = shapes.elementwise
    samples: Callable[[BatchCall], Samples] = samples.elementwise


CHOICE = "Threshold, Softplus and the shrink functions"
PARTS_OF_PATTERNS = {
    "Erf": PatternPart("GELU"),
    "Pow": PatternPart("GELU and layer normalization"),
    "Sqrt": PatternPart("layer normalization"),
    "Reciprocal": PatternPart("layer normalization"),
    "ReduceMean": PatternPart("layer normalization", shapes.reduced, samples.reduced),
    "Log": PatternPart("LogSigmoid, LogSoftmax and Softplus"),
    "Abs": PatternPart("Softsign and the shrink functions"),
    "Sign": PatternPart("the shrink functions"),
    "Less": PatternPart(CHOICE),
    "Greater": PatternPart(CHOICE),
    "LessOrEqual": PatternPart(CHOICE),
    "Or": PatternPart(CHOICE),
    "Where": PatternPart(CHOICE),
}
"""Operators that fastjac reads only where several nodes are one layer."""
