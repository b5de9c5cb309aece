"""Arithmetic with constants and products of matrices, on either side, agree with the ONNX project's own evaluator."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import fastjac

from .graphs import assert_agrees, layers, model, one_node, random, reference, samples, written

SCALAR, ROW = np.array(0.75), random(5)
AT_LEAST_0, BELOW_0, NEGATED = ["Scale", "ReLU", "Scale"], ["Scale", "HardTanh", "Scale"], ["Scale"]


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
        (["x", SCALAR], ["HardTanh"]),
        ([SCALAR, "x", np.array([0.5])], ["HardTanh"]),
        ([np.abs(ROW), "x"], {"Max": AT_LEAST_0, "Min": [*NEGATED, *BELOW_0, *NEGATED]}),
        (["x", -np.abs(ROW)], {"Max": BELOW_0, "Min": [*NEGATED, *AT_LEAST_0, *NEGATED]}),
        (["x", ROW, np.array([-0.75])], None),
    ],
)
def test_bounds(operator, operands, expected, opset):
    proto = one_node(operator, *operands, opset=opset)
    assert expected is None or layers(proto) == (expected[operator] if isinstance(expected, dict) else expected)
    assert_agrees(proto)


def test_a_bound_that_is_far_away_does_not_round():
    x = np.array([[3e-3, -2e-3, 1.0, 7e7, -3e8]], np.float32)
    for operator in ("Max", "Min"):
        bound = np.array([-1e9, 1e9, 0.0, 7.1e7, -1e-40], np.float32)
        proto = model([helper.make_node(operator, ["x", "c"], ["y"])], element_type=TensorProto.FLOAT, c=bound)
        np.testing.assert_allclose(fastjac.from_onnx(proto)(x), reference(proto, x), rtol=3e-7)


def test_sums_of_many_add_in_order():
    assert layers(one_node("Sum", ROW, SCALAR, "x", SCALAR)) == ["Scale", "Scale"]
    assert_agrees(one_node("Sum", ROW, SCALAR, "x", SCALAR))
    large = np.array(1.5e308)
    assert fastjac.from_onnx(one_node("Sum", "x", large, large))(np.full(5, -1.7e308)).tolist() == [1.3e308] * 5


NUMBERS = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e-40, -3e38])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("text", ["Add(x, c)", "Sub(x, c)", "Sub(c, x)", "Mul(x, c)", "Div(x, c)", "PRelu(x, c)", "Sum(c, x, c)"])
def test_constants_and_inputs_of_any_kind(text, dtype):
    element_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    x = np.repeat(NUMBERS.astype(dtype)[:, None], 2, axis=1)
    for number in NUMBERS.astype(dtype):
        for constant in (np.array(number), np.full(2, number)):
            proto = model([onnx.parser.parse_node(f"y = {text}")], ("N", 2), element_type=element_type, c=constant)
            with np.errstate(all="ignore"):
                expected = reference(proto, x)
            np.testing.assert_allclose(fastjac.from_onnx(proto).astype(dtype)(x), expected, rtol=3e-7, err_msg=str(number))


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
        ((2, 5), ["x", random(5, 3)]),
        ((2, 5), [random(3, 2), "x"]),
        ((2, 5), ["x", random(2, 5, 3)]),
        ((2, 5), [random(4, 3, 2), "x"]),
        ((4, 2, 5), ["x", random(4, 5, 3)]),
        ((4, 2, 5), [random(4, 3, 2), "x"]),
        ((4, 2, 5), [random(2), "x"]),
        ((3, 1, 2, 5), ["x", random(4, 5, 3)]),
    ],
)
def test_matmul_with_the_weight_on_either_side(dims, operands):
    assert_agrees(one_node("MatMul", *operands, dims=dims), dims, fixed=True)


@pytest.mark.parametrize("operator", ["Max", "Min", "Sum", "Mean"])
def test_of_one_operand_nothing_is_left(operator):
    proto = written(f"a = {operator}(x); y = Tanh(a)")
    assert layers(proto) == ["Tanh"]
    assert_agrees(proto)


def test_scaler_of_the_machine_learning_domain():
    offset, scale = np.float32([1.0, -2.0, 0.5]), np.float32([0.5, 3.0, 0.1])
    proto = one_node("Scaler", "x", dims=("N", 3), domain="ai.onnx.ml", offset=offset.tolist(), scale=scale.tolist())
    net = fastjac.from_onnx(proto)
    x = samples((3,)).astype(np.float32)
    np.testing.assert_allclose(net(x), (x - offset) * scale, rtol=1e-6)  # the attributes are float32
