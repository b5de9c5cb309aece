"""What each ONNX operator becomes: the table OPERATORS. What becomes of several nodes that are one layer, patterns.py tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ... import layers as fl
from ...errors import UnsupportedLayerError
from . import affine, normalization, shapes
from .activations import ACTIVATIONS
from .calls import Call, Converted, Shape
from .tensor import FLOATS, element_type


@dataclass(frozen=True)
class Operator:
    """How fastjac reads an operator whose input depends on that of the network.

    convert : from the call to fastjac layers.
    shape : from the call to the shape of its result.
    note : what a user may want to know.
    any_operand : whether that input may stand at another place than the first.
    """

    convert: Callable[[Call], Converted]
    shape: Callable[[Call], Shape] = shapes.elementwise
    note: str = ""
    any_operand: bool = False


def shape_of_result(call: Call) -> Shape:
    """The shape of what a node gives; UnsupportedLayerError where fastjac does not have its operator."""
    name = call.node.operator
    if name in PARTS_OF_PATTERNS:
        return PARTS_OF_PATTERNS[name].shape(call)
    return operator_of(call).shape(call)


def operator_of(call: Call) -> Operator:
    """How fastjac reads a node by itself; UnsupportedLayerError where it does not."""
    name = call.node.operator
    if name in PARTS_OF_PATTERNS:
        raise UnsupportedLayerError(f"fastjac takes it only as a part of {PARTS_OF_PATTERNS[name].pattern}")
    if name not in OPERATORS:
        raise UnsupportedLayerError(f"fastjac does not have it; it has {', '.join(sorted(OPERATORS))}")
    return OPERATORS[name]


def _nothing(call: Call) -> Converted:
    """`x`, in whatever shape, since fastjac holds it flattened."""
    return []


def _cast(call: Call) -> Converted:
    """`x`, in another precision."""
    kind = element_type(call.node.integer("to", 0)).name
    if kind not in FLOATS:
        raise UnsupportedLayerError(
            f"it rounds to {kind}, which has no derivative; fastjac takes casts between {', '.join(FLOATS)}"
        )
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

ONLY_SHAPE, NOT_AT_INFERENCE = "only the shape", "nothing at inference"
OPERATORS: dict[str, Operator] = {
    **{name: Operator(convert) for name, convert in ACTIVATIONS.items()},
    "Gemm": Operator(affine.gemm, shapes.gemm, any_operand=True),
    "com.microsoft.FusedGemm": Operator(_fused_gemm, shapes.gemm, any_operand=True),
    "MatMul": Operator(affine.matmul, shapes.matmul, any_operand=True),
    "Add": Operator(affine.add, any_operand=True),
    "Sum": Operator(affine.add, any_operand=True),
    "Sub": Operator(affine.sub, any_operand=True),
    "Mul": Operator(affine.mul, any_operand=True),
    "Div": Operator(affine.div, any_operand=True),
    "Neg": Operator(affine.neg),
    "Max": Operator(affine.maximum, any_operand=True),
    "Min": Operator(affine.minimum, any_operand=True),
    "ai.onnx.ml.Scaler": Operator(affine.scaler),
    "Softmax": Operator(normalization.softmax),
    "LogSoftmax": Operator(normalization.log_softmax),
    "BatchNormalization": Operator(normalization.batch_normalization, shapes.first, "folded to one scale and shift"),
    "LayerNormalization": Operator(normalization.layer_normalization, shapes.first),
    "Identity": Operator(_nothing),
    "Dropout": Operator(_dropout, shapes.first, NOT_AT_INFERENCE),
    "Cast": Operator(_cast, shapes.first, "fastjac computes in one precision"),
    "Flatten": Operator(_nothing, shapes.flatten, ONLY_SHAPE),
    "Reshape": Operator(_nothing, shapes.reshape, ONLY_SHAPE),
    "Squeeze": Operator(_nothing, shapes.squeeze, ONLY_SHAPE),
    "Unsqueeze": Operator(_nothing, shapes.unsqueeze, ONLY_SHAPE),
    "Expand": Operator(_nothing, shapes.expand, ONLY_SHAPE),
    "Transpose": Operator(_transpose, shapes.transpose, "moves axes of size 1 only"),
}
"""Every operator that fastjac reads by itself, with what makes fastjac layers of it."""


@dataclass(frozen=True)
class PatternPart:
    """An operator that is no layer by itself: of which layers it is a part, and how it shapes its result."""

    pattern: str
    shape: Callable[[Call], Shape] = shapes.elementwise


CHOICE = "Threshold, Softplus and the shrink functions"
PARTS_OF_PATTERNS = {
    "Erf": PatternPart("GELU"),
    "Pow": PatternPart("GELU and layer normalization"),
    "Sqrt": PatternPart("layer normalization"),
    "Reciprocal": PatternPart("layer normalization"),
    "ReduceMean": PatternPart("layer normalization", shapes.reduced),
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
