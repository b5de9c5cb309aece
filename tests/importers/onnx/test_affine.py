"""Arithmetic with constants and products of matrices, on either side, agree with the ONNX project's own evaluator."""

import numpy as np
import pytest

import fastjac
from fastjac.errors import UnsupportedLayerError

from .graphs import assert_agrees, layers, one_node, random, samples

SCALAR, ROW = np.array(0.75), random(5)


@pytest.mark.parametrize("opset", [7, 13, 14])
@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize(
    "constant", [SCALAR, SCALAR.reshape(1, 1), ROW, ROW.reshape(1, 5)], ids=["()", "(1, 1)", "(5,)", "(1, 5)"]
)
def test_arithmetic_with_a_constant(operator, constant, opset):
    assert_agrees(one_node(operator, "x", constant, opset=opset))
    if operator != "Div":
        assert_agrees(one_node(operator, constant, "x", opset=opset))


@pytest.mark.parametrize("operator", ["Max", "Min"])
@pytest.mark.parametrize("opset", [8, 13])
@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        (["x"], ["HardTanh"]),
        (["x", SCALAR], ["HardTanh"]),
        ([SCALAR, "x", np.array([0.5])], ["HardTanh"]),
        ([ROW, "x"], ["Scale", "ReLU", "Scale"]),
        (["x", ROW, SCALAR], ["Scale", "ReLU", "Scale"]),
    ],
)
def test_bounds(operator, operands, expected, opset):
    proto = one_node(operator, *operands, opset=opset)
    assert layers(proto) == expected
    assert_agrees(proto)


def test_sum_of_many():
    assert layers(one_node("Sum", ROW, "x", SCALAR)) == ["Scale"]
    assert_agrees(one_node("Sum", ROW, "x", SCALAR))


@pytest.mark.parametrize("opset", [7, 9, 11, 13])
@pytest.mark.parametrize(
    ("operands", "attributes"),
    [
        (["x", random(5, 3), random(3)], {}),
        (["x", random(3, 5), random(1, 3)], {"transB": 1}),
        (["x", random(3, 5), random(1)], {"transB": 1, "alpha": 0.5, "beta": -2.0}),
        (["x", random(5, 3), np.array(0.5)], {"alpha": 2.0}),
    ],
)
def test_gemm(operands, attributes, opset):
    assert_agrees(one_node("Gemm", *operands, opset=opset, **attributes))


@pytest.mark.parametrize(
    ("dims", "operands", "attributes"),
    [
        ((1, 5), ["x", random(5, 3)], {}),
        ((5, 1), ["x", random(5, 3)], {"transA": 1}),
        ((5, 1), [random(3, 5), "x", random(3, 1)], {"beta": 0.5}),
        ((5, 1), [random(5, 3), "x"], {"transA": 1}),
        ((1, 5), [random(3, 5), "x"], {"transB": 1}),
        ((1, 5), [random(5, 3), "x"], {"transA": 1, "transB": 1, "alpha": 0.5}),
    ],
)
def test_gemm_with_the_weight_on_either_side(dims, operands, attributes):
    assert_agrees(one_node("Gemm", *operands, dims=dims, **attributes), dims, fixed=True)


@pytest.mark.parametrize("weight", [random(5, 3), random(1, 5, 3), random(5)], ids=lambda weight: str(weight.shape))
@pytest.mark.parametrize("opset", [7, 13])
def test_matmul(weight, opset):
    assert_agrees(one_node("MatMul", "x", weight, dims=("N", 1, 5), opset=opset), (1, 5))


@pytest.mark.parametrize(
    ("dims", "operands"),
    [
        ((5,), [random(3, 5), "x"]),
        ((5,), ["x", random(5, 3)]),
        ((5,), [random(5), "x"]),
        ((5, 1), [random(3, 5), "x"]),
        ((1, 5, 1), [random(3, 5), "x"]),
        ((1, 5), [random(5, 1), "x"]),
    ],
)
def test_matmul_with_the_weight_on_either_side(dims, operands):
    proto = one_node("MatMul", *operands, dims=dims)
    if dims == (1, 5) and operands[1] == "x":
        with pytest.raises(UnsupportedLayerError, match="it acts on each of 5 vectors of 1 units of a value of shape"):
            fastjac.from_onnx(proto)
    else:
        assert_agrees(proto, dims, fixed=True)


def test_scaler_of_the_machine_learning_domain():
    offset, scale = np.float32([1.0, -2.0, 0.5]), np.float32([0.5, 3.0, 0.1])
    proto = one_node("Scaler", "x", dims=("N", 3), domain="ai.onnx.ml", offset=offset.tolist(), scale=scale.tolist())
    net = fastjac.from_onnx(proto)
    x = samples((3,)).astype(np.float32)
    np.testing.assert_allclose(net(x), (x - offset) * scale, rtol=1e-6)  # the attributes are float32
