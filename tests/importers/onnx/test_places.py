"""Operators that write to places, put in order or sum up to a place agree with the ONNX project's own evaluator."""

import numpy as np
import onnx
import pytest
from onnx import helper

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import assert_agrees, assert_values_agree, model, one_node, random, samples

ROWS = np.array([[4, 0, 0]])
PAIRS = np.array([[0, 1], [0, 3]])
CASES = {
    "ScatterElements": (["x", ROWS[:, :2], random(1, 2)], {"axis": 1}, (1, 5)),
    "ScatterElements that adds, twice to one place": (["x", ROWS, random(1, 3)], {"axis": 1, "reduction": "add"}, (1, 5)),
    "ScatterElements of the input": ([random(1, 5), np.array([[4, 0, 1, 2, 3]]), "x"], {"axis": 1}, (1, 5)),
    "ScatterElements that adds the input": (
        [random(1, 5), np.array([[4, 0, 1, 0, 0]]), "x"],
        {"axis": 1, "reduction": "add"},
        (1, 5),
    ),
    "ScatterElements that multiplies": (["x", ROWS, random(1, 3)], {"axis": 1, "reduction": "mul"}, (1, 5)),
    "ScatterElements to the larger": (["x", ROWS, random(1, 3)], {"axis": 1, "reduction": "max"}, (1, 5)),
    "ScatterND": (["x", PAIRS, random(2)], {}, (1, 5)),
    "ScatterND that adds": (["x", PAIRS, random(2)], {"reduction": "add"}, (1, 5)),
    "GatherND": (["x", PAIRS], {}, (1, 5)),
    "CumSum": (["x", np.array(1)], {}, ("N", 5)),
    "CumSum exclusive": (["x", np.array(-1)], {"exclusive": 1}, ("N", 5)),
    "CumSum in reverse": (["x", np.array(1)], {"reverse": 1, "exclusive": 1}, ("N", 5)),
    "Trilu": (["x"], {}, ("N", 3, 4)),
    "Trilu below": (["x", np.array(-1)], {"upper": 0}, ("N", 3, 4)),
    "DepthToSpace": (["x"], {"blocksize": 2}, ("N", 8, 2, 3)),
    "DepthToSpace by columns": (["x"], {"blocksize": 2, "mode": "CRD"}, ("N", 8, 2, 3)),
    "SpaceToDepth": (["x"], {"blocksize": 2}, ("N", 2, 4, 6)),
    "ReduceLogSumExp": (["x", np.array([1])], {"keepdims": 0}, ("N", 5)),
}


@pytest.mark.parametrize(("operands", "attributes", "dims"), CASES.values(), ids=CASES)
def test_values_and_jacobians(operands, attributes, dims, request):
    operator = request.node.callspec.id.split()[0]
    proto = one_node(operator, *operands, dims=dims, opset=18, **attributes)
    assert_agrees(proto, [size for size in dims if size != "N"], fixed="N" not in dims)


def test_reduce_log_sum_exp_of_large_numbers():
    net = fastjac.from_onnx(one_node("ReduceLogSumExp", "x", np.array([1]), opset=18))
    y, jac = net.value_and_jacobian([-1000.0, -1001.0, -999.0, -5000.0, -1000.0])
    shares = np.exp(np.array([-1.0, -2.0, 0.0, -4001.0, -1.0]))
    np.testing.assert_allclose(y, [-999.0 + np.log(shares.sum())])
    np.testing.assert_allclose(jac, [shares / shares.sum()], atol=1e-15)


def top(count, **attributes):
    node = helper.make_node("TopK", ["x", "k"], ["y", "places"], **attributes)
    return model([node], k=np.array([count]))


@pytest.mark.parametrize("attributes", [{}, {"largest": 0}, {"axis": 1}])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_the_largest_entries(count, attributes):
    assert_agrees(top(count, **attributes))


def test_the_places_of_the_largest_entries_are_refused():
    proto = top(2)
    proto.graph.output[0].name = "z"
    proto.graph.node.extend(
        [helper.make_node("Cast", ["places"], ["p"], to=onnx.TensorProto.DOUBLE), helper.make_node("Mul", ["p", "y"], ["z"])]
    )
    with pytest.raises(UnsupportedLayerError, match="'places', not the first output"):
        fastjac.from_onnx(proto)


def test_more_entries_than_there_are_cannot_be_the_largest():
    with pytest.raises(FormatError, match="takes 6 entries along axis -1"):
        fastjac.from_onnx(top(6))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_determinants(size):
    assert_agrees(one_node("Det", "x", dims=("N", size, size), opset=22), (size, size))


def test_a_large_determinant_is_refused():
    with pytest.raises(UnsupportedLayerError, match="matrix of 5 rows depends"):
        fastjac.from_onnx(one_node("Det", "x", dims=("N", 5, 5), opset=22))


def test_an_identity_beside_the_input():
    nodes = [helper.make_node("EyeLike", ["c"], ["e"], k=1), helper.make_node("MatMul", ["x", "e"], ["y"])]
    assert_agrees(model(nodes, ("N", 3), c=np.zeros((3, 4))), (3,))


def test_one_or_the_other():
    nodes = [
        helper.make_node("Greater", ["x", "zero"], ["a"]),
        helper.make_node("Greater", ["x", "one"], ["b"]),
        helper.make_node("Xor", ["a", "b"], ["c"]),
        helper.make_node("Where", ["c", "x", "zero"], ["y"]),
    ]
    assert_values_agree(model(nodes, zero=np.array(0.0), one=np.array(1.0)))


NORMS = {
    "InstanceNormalization": (["x", random(2), -random(2)[::-1].copy()], {}, 18),
    "GroupNormalization": (["x", random(2), -random(2)[::-1].copy()], {"num_groups": 1}, 21),
    "RMSNormalization": (["x", random(3)], {"axis": -1}, 23),
}


@pytest.mark.parametrize("name", NORMS)
def test_normalizations_by_hand(name):
    operands, attributes, opset = NORMS[name]
    net = fastjac.from_onnx(one_node(name, *operands, dims=("N", 2, 3), opset=opset, **attributes))
    x = samples((2, 3))
    axes = {"InstanceNormalization": (2,), "GroupNormalization": (1, 2), "RMSNormalization": (2,)}[name]
    arrays = [np.reshape(one, (-1, 1)) if one.size == 2 else one for one in operands[1:]]
    centred = x if name == "RMSNormalization" else x - x.mean(axes, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5) * arrays[0]
    expected = expected + arrays[1] if len(arrays) > 1 else expected
    np.testing.assert_allclose(net(x.reshape(6, -1)), expected.reshape(6, -1), rtol=1e-12, atol=1e-12)


def test_old_group_normalization_has_a_scale_for_each_group():
    scale, bias = random(2), -random(2)[::-1].copy()
    old = fastjac.from_onnx(one_node("GroupNormalization", "x", scale, bias, dims=("N", 4, 3), opset=18, num_groups=2))
    wide = [np.repeat(array, 2) for array in (scale, bias)]
    new = fastjac.from_onnx(one_node("GroupNormalization", "x", *wide, dims=("N", 4, 3), opset=21, num_groups=2))
    x = samples((12,))
    np.testing.assert_allclose(old(x), new(x), rtol=1e-14)


def test_mean_variance_normalization_of_one_sample():
    net = fastjac.from_onnx(one_node("MeanVarianceNormalization", "x", dims=("N", 2, 3), opset=13, axes=[1, 2]))
    x = samples((6,))
    expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(net(x), expected, rtol=1e-8)


def test_an_old_scatter_is_that_of_elements():
    net = fastjac.from_onnx(one_node("Scatter", "x", ROWS[:, :2], random(1, 2), dims=(1, 5), opset=9, axis=1))
    expected = samples((5,))
    x = expected.copy()
    expected[:, [4, 0]] = random(1, 2)
    np.testing.assert_array_equal(net(x), expected)
