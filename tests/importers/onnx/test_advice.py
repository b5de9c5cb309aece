"""What is missing is named, all of it, and the way out that a message gives is one: its statements are run here."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastjac
from fastjac.errors import UnsupportedLayerError

from .graphs import assert_graph_agrees, assert_values_agree, model, one_node, random, written

WEIGHTS = {"w": random(5, 3), "b": random(3)}


def advised(proto: onnx.ModelProto, message: str) -> onnx.ModelProto:
    """The model after the statements at the end of the message that refuses it."""
    with pytest.raises(UnsupportedLayerError, match=message) as refusal:
        fastjac.from_onnx(proto)
    names = {"model": proto, "onnx": onnx}
    exec(str(refusal.value).rpartition(": ")[2], names)
    return names["model"]


@pytest.mark.parametrize("dims", [("N", 5), (1, 5)])
def test_opset_6(dims):
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["a"], broadcast=1),
        helper.make_node("Add", ["a", "b"], ["h"], broadcast=1, axis=1),
        helper.make_node("Softmax", ["h"], ["y"]),
    ]
    proto = model(nodes, dims, opset=6, element_type=TensorProto.FLOAT, **{k: np.float32(v) for k, v in WEIGHTS.items()})
    proto.graph.output[0].type.tensor_type.shape.SetInParent()
    net = fastjac.from_onnx(proto)
    logits = random(4, 5) @ WEIGHTS["w"] + 2 * WEIGHTS["b"]
    np.testing.assert_allclose(net(random(4, 5)), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rtol=1e-5)


def test_several_outputs():
    proto = written("y = MatMul(x, w); z = Tanh(y)", output="y z", **WEIGHTS)
    net = assert_graph_agrees(proto, {"x": (5,)})
    assert len(net.outputs) == 2


def test_functions_of_the_model():
    proto = one_node("Mine", "x", domain="own")
    body = [helper.make_node("Tanh", ["a"], ["b"])]
    proto.functions.append(helper.make_function("own", "Mine", ["a"], ["b"], body, [helper.make_opsetid("", 21)]))
    assert_values_agree(advised(proto, "it is a function that the model defines by other nodes"))


REASONS = {
    "If": "it chooses between two graphs when the model runs",
    "Loop": "it repeats a graph inside the graph",
    "Scan": "it runs a graph inside the graph along a sequence",
}


@pytest.mark.parametrize(("operator", "reason"), REASONS.items())
def test_each_has_a_sentence_of_its_own(operator, reason):
    proto = written(f"h = Unsqueeze(x, zero); y = {operator}(h)", zero=np.array([0]))
    with pytest.raises(UnsupportedLayerError, match=rf"^node 1 'y' \({operator}\): {reason}[^:]*$"):
        fastjac.from_onnx(proto)


def test_all_missing_operators_are_named_with_their_counts():
    sizes = "b = GridSample(a, w); c = GridSample(b, w); d = GridSample(c, w)"
    proto = written(f"h = Unsqueeze(x, w); a = Loop(h); {sizes}; k = DFT(w); e = Hardmax(d, w); y = MatMul(e, k)", w=[0])
    counts = r"in all 6 nodes are missing: GridSample \(3\), Loop \(1\), DFT \(1\), Hardmax \(1\)$"
    with pytest.raises(UnsupportedLayerError, match=rf"^node 1 'a' \(Loop\): it repeats a graph inside the graph; .*; {counts}"):
        fastjac.from_onnx(proto)


def test_bfloat16_and_sparse_weights_are_read():
    weight = np.array([[1.0, 0.0], [-0.5, 0.0], [0.0, 3.0]], np.float32)
    halves = model([helper.make_node("MatMul", ["x", "w"], ["y"])], ("N", 3), element_type=TensorProto.BFLOAT16)
    bits = (weight.view(np.uint32) >> 16).astype(np.uint16)
    halves.graph.initializer.append(TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[3, 2], raw_data=bits.tobytes()))
    few = model([helper.make_node("MatMul", ["x", "w"], ["y"])], ("N", 3), element_type=TensorProto.FLOAT)
    values, indices = (numpy_helper.from_array(weight[weight != 0], "w"), numpy_helper.from_array(np.flatnonzero(weight), "i"))
    few.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3, 2]))
    for proto in (halves, few):
        np.testing.assert_array_equal(fastjac.from_onnx(proto)[0].weight, weight.T)
