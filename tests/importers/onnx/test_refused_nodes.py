"""Nodes that fastjac cannot say, or that contradict themselves, are refused with their name and operator."""

import math

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import one_node, random

ROW = random(5)
BATCH_NORM = ["x", np.abs(ROW), ROW, -ROW, np.abs(ROW)]


REFUSED = {
    "Div.*it divides by what depends on the network's input": one_node("Div", ROW, "x"),
    "Gemm.*acts on each of 4 vectors of 5 units.*that is fixed must be 1": one_node("Gemm", "x", random(5, 3), dims=(4, 5)),
    "Gemm.*what it adds depends": one_node("Gemm", random(1, 2), random(2, 5), "x"),
    "MatMul.*acts on each of 2 vectors of 3 units": one_node("MatMul", "x", random(3, 4), dims=("N", 2, 3)),
    "MatMul.*multiplies by several matrices": one_node("MatMul", "x", random(2, 5, 3)),
    "Add.*spreads 5 units over the shape .3, 5.": one_node("Add", "x", random(3, 5)),
    "Expand.*copies units to fill the shape .3, 5.": one_node("Expand", "x", np.array([3, 5])),
    "Transpose.*reorders the units of a value of shape .1, 2, 3.": one_node("Transpose", "x", dims=("N", 2, 3), perm=[0, 2, 1]),
    "Softmax.*acts over 3 of the 6 units": one_node("Softmax", "x", dims=("N", 2, 3)),
    "Softmax.*acts over 1 of the 5 units": one_node("Softmax", "x", axis=0),
    "LogSoftmax.*acts over 3 of the 6 units": one_node("LogSoftmax", "x", dims=("N", 2, 3), opset=11, axis=2),
    "LayerNormalization.*acts over 3 of the 6 units": one_node("LayerNormalization", "x", random(3), dims=("N", 2, 3)),
    "BatchNormalization.*in training mode": one_node("BatchNormalization", *BATCH_NORM, training_mode=1, opset=15),
    "BatchNormalization.*a value of shape .4, 5.": one_node("BatchNormalization", *BATCH_NORM, dims=(4, 5)),
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
    "Erf.*only as a part of GELU": one_node("Erf", "x"),
    "Pow.*only as a part of GELU and layer normalization": one_node("Pow", "x", np.array(2.0)),
    "Sqrt.*only as a part of layer normalization": one_node("Sqrt", "x"),
    "FusedGemm.*its activation 'Elu' is not supported": one_node(
        "FusedGemm", "x", random(5, 3), domain="com.microsoft", activation="Elu"
    ),
    "com.microsoft.BiasGelu.: fastjac does not have it; it has Add, ": one_node("BiasGelu", "x", ROW, domain="com.microsoft"),
    "Conv.: fastjac does not have it": one_node("Conv", "x", random(1, 1, 1, 1), dims=("N", 1, 2, 2)),
    "PRelu.*its operand 'x' depends on the network's input": one_node("PRelu", ROW, "x"),
    "Reshape.*its operand 'x' depends": one_node("Reshape", ROW, "x"),
    "Clip.*its operand 'x' depends": one_node("Clip", np.array([1.0]), "x", dims=()),
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
    "name a place twice": one_node("Unsqueeze", "x", np.array([0, 0])),
    "must be one number": one_node("Clip", "x", random(1, 5)),
    "must hold whole numbers, it holds float64": one_node("Reshape", "x", np.array([1.0, 5.0])),
    "attribute axis must be of type 2 of AttributeProto": one_node("Softmax", "x", axis=0.5),
    "one entry for each of 5 channels": one_node("BatchNormalization", "x", *[random(4)] * 4),
    "it has no offset or no scale": one_node("Scaler", "x", domain="ai.onnx.ml"),
}


@pytest.mark.parametrize(("message", "proto"), DAMAGED.items(), ids=range(len(DAMAGED)))
def test_a_node_that_contradicts_itself_is_told(message, proto):
    with pytest.raises(FormatError, match=f"node 0 'y' .*{message}"):
        fastjac.from_onnx(proto)
