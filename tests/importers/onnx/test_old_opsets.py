"""Operators as opsets 1 to 6 have them, which the ONNX project's evaluator lacks: the expected values are NumPy's."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import one_node, random, samples, written

ROW, CHANNELS, POSITIVE = random(5), random(3), np.abs(random(5)) + 0.5
SQUARE = samples((3, 5))
FLAT = samples((5,))


def spread(array: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """The array with its axes from `axis` on of so many."""
    return array.reshape([1] * axis + list(array.shape) + [1] * (rank - axis - array.ndim))


ARITHMETIC = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}


@pytest.mark.parametrize("opset", [1, 6])
@pytest.mark.parametrize("operator", ARITHMETIC)
def test_a_second_operand_is_spread_as_the_node_says(operator, opset):
    function = ARITHMETIC[operator]
    cases = {
        "the last axes": (one_node(operator, "x", ROW, dims=("N", 3, 5), opset=opset, broadcast=1), ROW),
        "axis 1": (
            one_node(operator, "x", CHANNELS, dims=("N", 3, 5), opset=opset, broadcast=1, axis=1),
            spread(CHANNELS, 1, 3),
        ),
        "a negative axis": (
            one_node(operator, "x", CHANNELS, dims=("N", 3, 5), opset=opset, broadcast=1, axis=-2),
            spread(CHANNELS, 1, 3),
        ),
        "no axis": (one_node(operator, "x", np.array(0.75), dims=("N", 3, 5), opset=opset, broadcast=1), 0.75),
    }
    for name, (proto, constant) in cases.items():
        net = fastjac.from_onnx(proto)
        expected = function(SQUARE, constant).reshape(6, -1)
        np.testing.assert_allclose(net(SQUARE.reshape(6, -1)), expected, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("opset", [1, 6])
def test_two_values_of_the_network_are_spread_too(opset):
    proto = written("a = Tanh(x); y = Mul <broadcast = 1, axis = 0> (x, a)", opset=opset)
    np.testing.assert_allclose(fastjac.from_onnx(proto)(FLAT), FLAT * np.tanh(FLAT), rtol=1e-12)


@pytest.mark.parametrize("opset", [1, 6])
@pytest.mark.parametrize("dims", [("N", 5), (1, 1, 1, 5), (1, 5)])
def test_gemm(dims, opset):
    if dims[0] == "N" and opset == 1:
        dims = (1, 5)
    weight, bias = random(5, 3), random(3)
    proto = one_node("Gemm", "x", weight, bias, dims=dims, opset=opset, broadcast=1)
    np.testing.assert_allclose(fastjac.from_onnx(proto)(FLAT), FLAT @ weight + bias, rtol=1e-12)
    turned = one_node("Gemm", "x", weight.T, bias, dims=dims, opset=opset, broadcast=1, transB=1, alpha=0.5, beta=2.0)
    np.testing.assert_allclose(fastjac.from_onnx(turned)(FLAT), 0.5 * FLAT @ weight + 2 * bias, rtol=1e-12)


MOVES = {
    "Reshape": (1, {"shape": [0, 15]}, lambda x: x.reshape(6, 15)),
    "Reshape of opset 4": (4, {"shape": [-1, 5, 3]}, lambda x: x.reshape(6, 5, 3)),
    "Slice": (1, {"starts": [1], "ends": [3], "axes": [1]}, lambda x: x[:, 1:3]),
    "Slice of all axes": (6, {"starts": [0, 0, -4], "ends": [9999, 2, -1]}, lambda x: x[:, :2, -4:-1]),
    "Pad of opset 1": (
        1,
        {"paddings": [0, 1, 0, 0, 0, 2], "value": 0.5},
        lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2)], constant_values=0.5),
    ),
    "Pad": (2, {"pads": [0, 1, 0, 0, 0, 2]}, lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2)])),
    "Pad by the edge": (
        2,
        {"pads": [0, 1, 0, 0, 0, 2], "mode": "edge"},
        lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2)], mode="edge"),
    ),
    "Transpose": (1, {"perm": [0, 2, 1]}, lambda x: x.transpose(0, 2, 1)),
    "Squeeze": (1, {"axes": [0]}, None),
    "Flatten": (1, {"axis": 1}, lambda x: x),
    "Unsqueeze": (1, {"axes": [1]}, lambda x: x),
}


@pytest.mark.parametrize("name", [name for name, case in MOVES.items() if case[2] is not None])
def test_what_moves_entries(name):
    opset, attributes, twin = MOVES[name]
    proto = one_node(name.split()[0], "x", dims=("N", 3, 5), opset=min(opset, 4) if name == "Reshape" else opset, **attributes)
    proto.graph.node[0].output[0] = "h"
    proto.graph.node.append(helper.make_node("Tanh", ["h"], ["y"]))
    net = fastjac.from_onnx(proto)
    np.testing.assert_allclose(net(SQUARE.reshape(6, -1)), np.tanh(twin(SQUARE)).reshape(6, -1), rtol=1e-12)


@pytest.mark.parametrize(("opset", "attributes"), [(1, {}), (4, {"axis": 1})])
def test_concat_joins_along_axis_1_unless_it_says_another(opset, attributes):
    node = helper.make_node("Concat", ["x", "a"], ["y"], **attributes)
    proto = written("a = Tanh(x); y = Neg(a)", opset=opset)
    proto.graph.node[1].CopyFrom(node)
    np.testing.assert_allclose(fastjac.from_onnx(proto)(FLAT), np.hstack([FLAT, np.tanh(FLAT)]), rtol=1e-12)


@pytest.mark.parametrize("opset", [2, 6])
def test_split_by_an_attribute_and_into_halves(opset):
    uneven = written("a, b = Split <axis = 1, split = [2, 3]> (x); c = Tanh(a); y = Concat <axis = 1> (b, c)", opset=opset)
    np.testing.assert_allclose(fastjac.from_onnx(uneven)(FLAT), np.hstack([FLAT[:, 2:], np.tanh(FLAT[:, :2])]), rtol=1e-12)
    even = written("a, b = Split <axis = 1> (x); y = Mul(a, b)", ("N", 6), opset=opset)
    x = samples((6,))
    np.testing.assert_allclose(fastjac.from_onnx(even)(x), x[:, :3] * x[:, 3:], rtol=1e-12)


def test_split_by_an_operand_of_opset_1():
    proto = written("a, b = Split <axis = 1> (x, sizes); y = Concat <axis = 1> (b, a)", opset=1, sizes=np.array([2.0, 3.0]))
    np.testing.assert_array_equal(fastjac.from_onnx(proto)(FLAT), np.hstack([FLAT[:, 2:], FLAT[:, :2]]))


@pytest.mark.parametrize("opset", [1, 6])
@pytest.mark.parametrize("bounds", [{"min": -0.5}, {"max": 1.5}, {"min": -0.5, "max": 1.5}])
def test_clip(bounds, opset):
    net = fastjac.from_onnx(one_node("Clip", "x", opset=opset, **bounds))
    np.testing.assert_array_equal(net(FLAT), np.clip(FLAT, bounds.get("min"), bounds.get("max")))


@pytest.mark.parametrize("opset", [1, 6])
def test_batch_normalization_at_inference(opset):
    arrays = [POSITIVE, ROW, -ROW, POSITIVE]
    net = fastjac.from_onnx(one_node("BatchNormalization", "x", *arrays, opset=opset, is_test=1, epsilon=0.125))
    expected = POSITIVE * (FLAT + ROW) / np.sqrt(POSITIVE + 0.125) + ROW
    np.testing.assert_allclose(net(FLAT), expected, rtol=1e-12)
    with pytest.raises(UnsupportedLayerError, match="in training mode"):
        fastjac.from_onnx(one_node("BatchNormalization", "x", *arrays, opset=opset))


@pytest.mark.parametrize("opset", [1, 6])
def test_dropout_at_inference(opset):
    proto = written("a = Dropout <is_test = 1, ratio = 0.5> (x); y = Tanh(a)", opset=opset)
    np.testing.assert_allclose(fastjac.from_onnx(proto)(FLAT), np.tanh(FLAT), rtol=1e-12)
    for training in ("a = Dropout <is_test = 0> (x); y = Tanh(a)", "a = Dropout(x); y = Tanh(a)"):
        with pytest.raises(UnsupportedLayerError, match=r"node 0 'a' .Dropout.: it is in training mode"):
            fastjac.from_onnx(written(training, opset=opset))


def test_cast_by_name():
    proto = written('a = Cast <to = "DOUBLE"> (x); y = Tanh(a)', opset=5)
    np.testing.assert_allclose(fastjac.from_onnx(proto)(FLAT), np.tanh(FLAT), rtol=1e-12)
    with pytest.raises(UnsupportedLayerError, match="it rounds to INT64"):
        fastjac.from_onnx(written('a = Cast <to = "INT64"> (x); y = Tanh(a)', opset=5))
    with pytest.raises(UnsupportedLayerError, match="element type 0 is not supported"):
        fastjac.from_onnx(written('a = Cast <to = "NOTHING"> (x); y = Tanh(a)', opset=5))


def test_tile_along_one_axis():
    proto = written("y = Tile(x, times, axis)", opset=1, times=np.array(2.0), axis=np.array(1.0))
    proto.graph.node.append(helper.make_node("Tanh", ["y"], ["z"]))
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.DOUBLE, None))
    np.testing.assert_allclose(fastjac.from_onnx(proto)(FLAT), np.tanh(np.hstack([FLAT, FLAT])), rtol=1e-12)


def test_a_softmax_and_reductions_as_later():
    soft = fastjac.from_onnx(one_node("Softmax", "x", opset=1))
    exponentials = np.exp(FLAT)
    np.testing.assert_allclose(soft(FLAT), exponentials / exponentials.sum(axis=1, keepdims=True), rtol=1e-12)
    mean = fastjac.from_onnx(one_node("ReduceMean", "x", opset=1, axes=[1], keepdims=0))
    np.testing.assert_allclose(mean(FLAT), FLAT.mean(axis=1, keepdims=True), rtol=1e-12)


def test_what_does_not_fit_is_reported():
    with pytest.raises(FormatError, match="axis 7 is none of a value of 3 axes"):
        fastjac.from_onnx(one_node("Add", "x", CHANNELS, dims=("N", 3, 5), opset=6, broadcast=1, axis=7))
    with pytest.raises(FormatError, match="it does not state where it starts and ends"):
        fastjac.from_onnx(one_node("Slice", "x", opset=1, axes=[1]))
