"""Operators that leave the units as they are, and those of other domains than ONNX's own; and that all are tested."""

from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.importers.onnx.operators import OPERATORS

from .graphs import assert_agrees, layers, one_node, random, samples

SHAPING = {
    "Flatten": (("N", 2, 3), [], {}, 7),
    "Flatten of axis 2": (("N", 1, 6), [], {"axis": 2}, 9),
    "Flatten of a negative axis": (("N", 1, 6), [], {"axis": -1}, 13),
    "Flatten of all": (("N", 2, 3), [], {"axis": 0}, 9),
    "Reshape": (("N", 2, 3), [np.array([-1, 6])], {}, 7),
    "Reshape that keeps sizes": (("N", 2, 3), [np.array([0, 0, 3, -1])], {}, 13),
    "Reshape with allowzero": (("N", 2, 3), [np.array([-1, 6])], {"allowzero": 1}, 14),
    "Squeeze": (("N", 1, 6), [], {"axes": [1]}, 11),
    "Squeeze by operand": (("N", 1, 6), [np.array([-2])], {}, 13),
    "Squeeze of all": ((1, 1, 6), [], {}, 13),
    "Unsqueeze": (("N", 6), [], {"axes": [1, 3]}, 11),
    "Unsqueeze by operand": (("N", 6), [np.array([-1, 0])], {}, 13),
    "Transpose": (("N", 1, 6), [], {"perm": [0, 2, 1]}, 13),
    "Transpose without an order": ((6, 1), [], {}, 13),
    "Expand": (("N", 6), [np.array([1, 1, 6])], {}, 13),
    "Identity": (("N", 6), [], {}, 7),
    "Dropout": (("N", 6), [], {}, 7),
    "Dropout with a ratio": (("N", 6), [np.array(0.5)], {}, 12),
    "Dropout set to inference": (("N", 6), [np.array(0.5), np.array(False)], {}, 13),
    "Cast to DOUBLE": (("N", 6), [], {"to": 11}, 9),
    "Cast to FLOAT": (("N", 6), [], {"to": 1}, 13),
}


@pytest.mark.parametrize(("dims", "operands", "attributes", "opset"), SHAPING.values(), ids=SHAPING)
def test_what_leaves_the_units_in_order_falls_away(dims, operands, attributes, opset, request):
    operator = request.node.callspec.id.split()[0]
    proto = one_node(operator, "x", *operands, dims=dims, opset=opset, **attributes)
    proto.graph.node[0].output[0] = "h"
    proto.graph.node.add(op_type="Tanh", input=["h"], output=["y"])
    net = fastjac.from_onnx(proto)
    assert [type(layer).__name__ for layer in net] == ["Tanh"]
    assert net.n_in == 6
    if operator != "Cast":  # which rounds
        assert_agrees(proto, [1 if size == "N" else size for size in dims], fixed=True)


MICROSOFT = {
    "Gelu": (["x"], {}, ["GELU"]),
    "QuickGelu": (["x"], {}, ["Scale", "SiLU", "Scale"]),
    "FusedGemm": (["x", random(3, 5), random(3)], {"transB": 1, "activation": "Relu"}, ["Affine", "ReLU"]),
    "FusedGemm with a slope": (
        ["x", random(5, 3)],
        {"activation": "LeakyRelu", "activation_alpha": 0.25},
        ["Affine", "LeakyReLU"],
    ),
    "FusedGemm with Tanh": (["x", random(5, 3)], {"activation": "Tanh"}, ["Affine", "Tanh"]),
    "FusedGemm with Sigmoid": (["x", random(5, 3)], {"activation": "Sigmoid"}, ["Affine", "Sigmoid"]),
}
"""Operators of onnxruntime, which the ONNX project's evaluator does not have."""


@pytest.mark.parametrize(("operands", "attributes", "expected"), MICROSOFT.values(), ids=MICROSOFT)
def test_operators_of_onnxruntime(operands, attributes, expected, request):
    operator = request.node.callspec.id.split()[0]
    assert layers(one_node(operator, *operands, domain="com.microsoft", **attributes)) == expected


def test_quick_gelu_is_a_sigmoid_times_its_input():
    net = fastjac.from_onnx(one_node("QuickGelu", "x", domain="com.microsoft", alpha=1.5))
    x = samples((5,))
    np.testing.assert_allclose(net(x), x / (1.0 + np.exp(-1.5 * x)), rtol=1e-12)


def test_fused_gemm_is_a_gemm_with_its_activation():
    weight, bias = random(3, 5), random(3)
    proto = one_node("FusedGemm", "x", weight, bias, domain="com.microsoft", transB=1, alpha=0.5, activation="Tanh")
    x = samples((5,))
    np.testing.assert_allclose(fastjac.from_onnx(proto)(x), np.tanh(0.5 * x @ weight.T + bias), rtol=1e-12)


def test_every_operator_of_the_table_is_tested():
    tested = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in OPERATORS if f'"{name.split(".")[-1]}' not in tested] == []
