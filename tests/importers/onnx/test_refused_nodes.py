"""Nodes that fastjac cannot say, or that contradict themselves, are refused with their name and operator."""

import math

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import assert_agrees, one_node, random

ROW = random(5)
BATCH_NORM = ["x", np.abs(ROW), ROW, -ROW, np.abs(ROW)]


REFUSED = {
    "Add.*its operands of shapes .N, 5., .3, 5., where N counts": one_node("Add", "x", random(3, 5)),
    "Softmax.*it acts over axis 0 of a value of shape .N, 5.": one_node("Softmax", "x", axis=0),
    "Equal.*are equal, by which no derivative goes": one_node("Equal", "x", ROW),
    "Where.*must be what a comparison gives": one_node("Where", "x", ROW, "x"),
    "Gather.*by numbers that depend on the network's input": one_node("Gather", ROW, "x"),
    "LpNormalization.*norm of order 3": one_node("LpNormalization", "x", p=3),
    "ai.onnx.ml.Normalizer.*by the norm 'MAX'": one_node("Normalizer", "x", domain="ai.onnx.ml"),
    "ConvTranspose.*auto_pad='SAME_UPPER' does not say": one_node(
        "ConvTranspose", "x", random(2, 1, 2), dims=("N", 2, 3), strides=[4], auto_pad="SAME_UPPER"
    ),
    "Upsample.*its scales are not stated, or are below 1": one_node("Upsample", "x", opset=9, dims=("N", 1, 3)),
    "Pad.*pads by 'mirror'": one_node("Pad", "x", np.array([0, 1, 0, 1]), mode="mirror"),
    "BatchNormalization.*in training mode": one_node("BatchNormalization", *BATCH_NORM, training_mode=1, opset=15),
    "BatchNormalization.*one number a channel": one_node(
        "BatchNormalization", "x", *[random(2, 3)] * 4, dims=("N", 2, 3), opset=7, spatial=0
    ),
    "Dropout.*in training mode": one_node("Dropout", "x", np.array(0.5), np.array(True)),
    "Clip.*leave nothing between them": one_node("Clip", "x", np.array(1.0), np.array(-1.0)),
    "Shrink.*lambd=0.5 with bias=1.0": one_node("Shrink", "x", bias=1.0),
    "Shrink.*lambd=-1.0": one_node("Shrink", "x", lambd=-1.0),
    "Max.*takes none beyond 1e.30; one of them is inf": one_node("Max", "x", np.array([1.0, 2.0, math.inf, 0.0, 0.0])),
    "Cast.*rounds to INT64; fastjac computes in float32 or float64 throughout": one_node("Cast", "x", to=7),
    "Cast.*rounds to FLOAT16; .*take the cast out, or import the model from before its conversion": one_node("Cast", "x", to=10),
    "Cast.*rounds to BFLOAT16": one_node("Cast", "x", to=16),
    "Cast.*rounds to BOOL": one_node("Cast", "x", to=9),
    "FusedGemm.*its activation 'Elu' is not supported": one_node(
        "FusedGemm", "x", random(5, 3), domain="com.microsoft", activation="Elu"
    ),
    "com.microsoft.BiasGelu.: fastjac does not have it; it has Abs, ": one_node("BiasGelu", "x", ROW, domain="com.microsoft"),
    "Reshape.*its operand 'x' depends": one_node("Reshape", ROW, "x"),
    "DequantizeLinear.*it is quantized": one_node("DequantizeLinear", "x", np.array(0.5)),
    "QLinearMatMul.*it is quantized": one_node("QLinearMatMul", "x"),
    "MatMulInteger.*it is quantized": one_node("MatMulInteger", "x", ROW),
}


@pytest.mark.parametrize(
    ("message", "proto"), REFUSED.items(), ids=[message.split(".")[0] + str(i) for i, message in enumerate(REFUSED)]
)
def test_what_cannot_be_said_is_refused_with_its_node(message, proto):
    with pytest.raises(UnsupportedLayerError, match=f"node 0 'y' .*{message}"):
        fastjac.from_onnx(proto)


ACCEPTED = {
    "a Floor": (one_node("Floor", "x"), (5,), False),
    "a remainder by numbers": (one_node("Mod", "x", np.array([0.5, -0.5, 0.3, 0.5, 2.0]), fmod=1), (5,), False),
    "a quotient by the input": (one_node("Div", ROW, "x"), (5,), False),
    "a Gemm of four rows": (one_node("Gemm", "x", random(5, 3), dims=(4, 5)), (4, 5), True),
    "a Gemm that adds the input": (one_node("Gemm", random(1, 2), random(2, 5), "x", dims=(1, 5)), (1, 5), True),
    "a MatMul of two rows": (one_node("MatMul", "x", random(3, 4), dims=("N", 2, 3)), (2, 3), False),
    "a MatMul of several matrices": (one_node("MatMul", "x", random(2, 5, 3), dims=("N", 2, 3, 5)), (2, 3, 5), False),
    "a sum that spreads the input": (one_node("Add", "x", random(3, 5), dims=(1, 5)), (1, 5), True),
    "an Expand that copies": (one_node("Expand", "x", np.array([3, 5])), (1, 5), True),
    "a Transpose of units": (one_node("Transpose", "x", dims=("N", 2, 3), perm=[0, 2, 1]), (2, 3), False),
    "a Softmax of some units": (one_node("Softmax", "x", dims=("N", 2, 3)), (2, 3), False),
    "a Softmax along the first axis": (one_node("Softmax", "x", dims=(4, 5), axis=0), (4, 5), True),
    "a LogSoftmax of some units": (one_node("LogSoftmax", "x", dims=("N", 2, 3), opset=11, axis=2), (2, 3), False),
    "a LayerNormalization of some units": (one_node("LayerNormalization", "x", random(3), dims=("N", 2, 3)), (2, 3), False),
    "a BatchNormalization of four rows": (one_node("BatchNormalization", *BATCH_NORM, dims=(4, 5), opset=15), (4, 5), True),
    "an Erf": (one_node("Erf", "x"), (5,), False),
    "a square": (one_node("Pow", "x", np.array(2.0)), (5,), False),
    "a convolution of one place": (one_node("Conv", "x", random(4, 3, 1, 1), dims=("N", 3, 2, 2)), (3, 2, 2), False),
    "a convolution that covers": (one_node("Conv", "x", random(4, 3, 2, 2), random(4), dims=("N", 3, 2, 2)), (3, 2, 2), False),
    "slopes that depend on the input": (one_node("PRelu", ROW, "x"), (5,), False),
    "bounds that depend on the input": (one_node("Clip", np.array(1.0), "x", dims=()), (), True),
}
"""What a chain of layers could not say, and a graph does: each with the shape of a sample, and whether the batch is fixed."""


@pytest.mark.parametrize(("proto", "shape", "fixed"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_a_graph_says_agrees(proto, shape, fixed):
    assert_agrees(proto, shape, fixed=fixed)


DAMAGED = {
    "matrices of shapes .1, 5. and .4, 3., transposed as it says": one_node("Gemm", "x", random(4, 3)),
    "it multiplies matrices, got shapes": one_node("Gemm", "x", random(5)),
    "C of shape .4,. does not fit": one_node("Gemm", "x", random(5, 3), random(4)),
    "matrices of shapes .1, 5. and .4, 3. have no product": one_node("MatMul", "x", random(4, 3)),
    "operands of shapes .1, 5., .4,. do not fit each other": one_node("Add", "x", random(4)),
    "cannot take the shape .1, 7.; if a batch size is fixed": one_node("Reshape", "x", np.array([1, 7])),
    "it has no operand 1, which its operator needs": one_node("MatMul", "x"),
    "axis 7 is none of a value of 2 axes": one_node("Softmax", "x", axis=7),
    "perm=.0, 0. is no order of 2 axes": one_node("Transpose", "x", perm=[0, 0]),
    "are not all of size 1": one_node("Squeeze", "x", np.array([1])),
    "name an axis twice": one_node("Unsqueeze", "x", np.array([0, 0])),
    "must be one number": one_node("Clip", "x", random(1, 5)),
    "must hold whole numbers, it holds float64": one_node("Reshape", "x", np.array([1.0, 5.0])),
    "attribute axis must be of type 2 of AttributeProto": one_node("Softmax", "x", axis=0.5),
    "one entry for each of 5 channels": one_node("BatchNormalization", "x", *[np.abs(random(4))] * 4),
    "output_padding=.1, 1. does not fit a window": one_node(
        "ConvTranspose", "x", random(2, 1, 2), dims=("N", 2, 3), output_padding=[1, 1]
    ),
    "it gives scales of shape .1,. for 2 axes": one_node("Resize", "x", None, np.array([2.0])),
    "it gives sizes of shape .1,. for 2 axes": one_node("Resize", "x", None, None, np.array([5])),
    "it makes 0 places of 5": one_node("Resize", "x", None, np.array([1.0, 0.1])),
    "it has no offset or no scale": one_node("Scaler", "x", domain="ai.onnx.ml"),
}


@pytest.mark.parametrize(("message", "proto"), DAMAGED.items(), ids=range(len(DAMAGED)))
def test_a_node_that_contradicts_itself_is_reported(message, proto):
    with pytest.raises(FormatError, match=f"node 0 'y' .*{message}"):
        fastjac.from_onnx(proto)
