"""Every activation and its options, at several opsets, agree with the ONNX project's own evaluator in float64."""

import math

import numpy as np
import pytest

import fastjac

from .graphs import assert_agrees, assert_values_agree, layers, one_node, random

ROW = random(5)


@pytest.mark.parametrize("opset", [7, 13, 21])
@pytest.mark.parametrize(
    ("operator", "expected", "attributes"),
    [
        ("Relu", ["ReLU"], {}),
        ("LeakyRelu", ["LeakyReLU"], {}),
        ("LeakyRelu", ["LeakyReLU"], {"alpha": 0.3}),
        ("Elu", ["ELU"], {}),
        ("Elu", ["ELU"], {"alpha": 0.7}),
        ("Selu", ["ELU", "Scale"], {"alpha": 1.5, "gamma": 2.0}),
        ("Sigmoid", ["Sigmoid"], {}),
        ("HardSigmoid", ["Scale", "HardTanh"], {}),
        ("HardSigmoid", ["Scale", "HardTanh"], {"alpha": 0.1, "beta": 0.4}),
        ("Tanh", ["Tanh"], {}),
        ("Softplus", ["Softplus"], {}),
        ("Softsign", ["Softsign"], {}),
        ("Exp", ["Exp"], {}),
        ("Neg", ["Scale"], {}),
        ("Softmax", ["Softmax"], {}),
        ("Softmax", ["Softmax"], {"axis": 1}),
        ("LogSoftmax", ["LogSoftmax"], {}),
        ("LogSoftmax", ["LogSoftmax"], {"axis": 1}),
    ],
)
def test_operator_of_one_operand(operator, expected, attributes, opset):
    proto = one_node(operator, "x", opset=opset, **attributes)
    assert layers(proto) == expected
    assert_agrees(proto)


@pytest.mark.parametrize(
    ("operator", "opset", "attributes"),
    [
        ("ThresholdedRelu", 10, {}),
        ("ThresholdedRelu", 22, {"alpha": 0.5}),
        ("Shrink", 9, {}),
        ("Shrink", 9, {"lambd": 0.75}),
        ("Shrink", 21, {"lambd": 0.75, "bias": 0.75}),
        ("Shrink", 21, {"lambd": 0.75, "bias": 0.25}),
        ("Gelu", 20, {}),
        ("Gelu", 21, {"approximate": "none"}),
        ("Gelu", 21, {"approximate": "tanh"}),
        ("HardSwish", 14, {}),
        ("Mish", 18, {}),
        ("Swish", 24, {}),
        ("Swish", 24, {"alpha": 1.5}),
        ("Swish", 24, {"alpha": 0.0}),
        ("Swish", 28, {"alpha": -0.5}),
        ("Clip", 7, {"min": -0.5}),
        ("Clip", 10, {"max": 1.5}),
        ("Clip", 10, {"min": -0.5, "max": 1.5}),
    ],
)
def test_operator_of_some_opsets(operator, opset, attributes):
    proto = one_node(operator, "x", opset=opset, **attributes)
    if operator in EVALUATED_WITH_FLOAT32:
        assert_values_agree(proto, tolerance=1e-6)
    else:
        assert_agrees(proto)


EVALUATED_WITH_FLOAT32 = ("Gelu", "HardSwish")
"""The evaluator replaces these by other operators with float32 constants; test_torch_export.py has them to 1e-12."""


def test_a_clip_without_bounds_falls_away():
    with pytest.raises(fastjac.errors.LayerError, match="no layer is left"):
        fastjac.from_onnx(one_node("Clip", "x", opset=7))


@pytest.mark.parametrize(
    ("operator", "opset", "expected", "attributes"),
    [
        ("Selu", 6 + 1, ["SELU"], {}),
        ("Selu", 22, ["SELU"], {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}),
        ("HardSigmoid", 13, ["HardSigmoid"], {"alpha": 1 / 6, "beta": 0.5}),
    ],
)
def test_an_attribute_that_stands_for_a_constant_beyond_float32(operator, opset, expected, attributes):
    proto = one_node(operator, "x", opset=opset, **attributes)
    assert layers(proto) == expected
    assert_values_agree(proto, tolerance=1e-6)  # the evaluator takes the float32 number, fastjac the constant it stands for


@pytest.mark.parametrize(("opset", "alpha"), [(12, 1.0), (13, 0.5), (22, 2.0)])
def test_celu(opset, alpha):
    proto = one_node("Celu", "x", opset=opset, alpha=alpha)
    assert_agrees(proto)


@pytest.mark.parametrize(
    ("operands", "bounds"),
    [
        (["x", np.array(-0.5)], (-0.5, math.inf)),
        (["x", None, np.array([1.5])], (-math.inf, 1.5)),
        (["x", np.array(-0.5), np.array(1.5)], (-0.5, 1.5)),
    ],
)
@pytest.mark.parametrize("opset", [11, 13])
def test_clip_by_operands(operands, bounds, opset):
    net = assert_agrees(one_node("Clip", *operands, opset=opset))
    assert (net[0].min_val, net[0].max_val) == bounds


@pytest.mark.parametrize("slope", [np.array([0.2]), np.array(0.2), ROW, ROW.reshape(1, 5)], ids=lambda slope: str(slope.shape))
@pytest.mark.parametrize("opset", [9, 16])
def test_prelu(slope, opset):
    assert_agrees(one_node("PRelu", "x", slope, opset=opset))


def test_prelu_by_channels():
    assert_agrees(one_node("PRelu", "x", random(3, 1, 1), dims=("N", 3, 2, 2)), (3, 2, 2))
