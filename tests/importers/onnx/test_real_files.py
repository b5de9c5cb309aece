"""Networks that others trained and wrote as ONNX agree with the evaluator, and their Jacobians with its differences."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import fastjac

from .graphs import assert_graph_agrees, real, samples


def in_double_precision(path: Path) -> onnx.ModelProto:
    """The model with its float32 constants as float64, as a network in float64 has them, and without a ZipMap at its end."""
    proto = onnx.load(path)
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for node in list(proto.graph.node):
        for attribute in node.attribute:
            if attribute.name == "value" and attribute.t.data_type == onnx.TensorProto.FLOAT:
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(np.float64)))
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.DOUBLE
        if node.op_type == "ZipMap":
            for output in proto.graph.output:
                output.name = node.input[0] if output.name == node.output[0] else output.name
            proto.graph.node.remove(node)
    return proto


def assert_file_agrees(name: str, shape: tuple[int, ...], *, fixed: bool = True, spread: float = 1.0) -> fastjac.Network:
    """The network of a file agrees in double precision; that network is returned."""
    path = real(name)
    proto = in_double_precision(path)
    net = fastjac.load(path)
    assert net.dtype == np.float32
    is_number = [output.type.tensor_type.elem_type != onnx.TensorProto.INT64 for output in proto.graph.output]
    outputs = [output.name for output, wanted in zip(proto.graph.output, is_number, strict=True) if wanted]
    given = {source.name: shape for source in proto.graph.input if source.name not in {t.name for t in proto.graph.initializer}}
    return assert_graph_agrees(proto, given, net.astype(np.float64), fixed=fixed, outputs=outputs, spread=spread)


def test_a_policy_whose_last_step_keeps_half_of_the_outputs():
    net = assert_file_agrees("playground_go1_policy.onnx", (1, 48), spread=0.5)
    assert (net.n_in, net.n_out) == (48, 12)
    assert sum(type(layer).__name__ == "SiLU" for layer in net.layers) == 3


def test_the_power_flow_equations_of_a_grid_behind_a_network():
    net = assert_file_agrees("ml4acopf_14_ieee.onnx", (1, 22), spread=0.3)
    assert (net.inputs, net.outputs) == ((22,), (186,))


def test_a_controller_of_convolutions_over_images_of_one_place():
    net = assert_file_agrees("unicycle_controllerB.onnx", (1, 1, 1, 4))
    assert [type(layer).__name__ for layer in net] == ["Scale", "Affine", "ReLU", "Affine", "ReLU"]


def test_a_classifier_by_skl2onnx_is_the_network_of_its_probabilities():
    net = assert_file_agrees("heart_disease_mlp.onnx", (13,), fixed=False)
    x = samples((13,))
    np.testing.assert_allclose(net(x).sum(axis=1), 1.0, rtol=1e-12)


def test_a_controller_of_opset_6():
    """The evaluator lacks that opset: its Gemm takes any axes, and its operands are spread as `broadcast` says."""
    path = real("ACC_controller_5_20.onnx")
    arrays = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in onnx.load(path).graph.initializer}
    nodes = onnx.load(path).graph.node
    x = samples((5,))
    h = x - arrays[nodes[0].input[1]].ravel()
    for node in nodes[1:]:
        if node.op_type == "Relu":
            h = np.maximum(h, 0.0)
        else:
            weight = arrays[node.input[1]]
            turned = {a.name: a.i for a in node.attribute}.get("transB", 0) or weight.shape[0] != h.shape[1]
            h = h @ (weight.T if turned else weight) + arrays[node.input[2]].ravel()
    net = fastjac.load(path).astype(np.float64)
    np.testing.assert_allclose(net(x), h, rtol=1e-12, atol=1e-12)
    assert fastjac.check_jacobian(net, x).passed


def test_the_collision_avoidance_network():
    path = real("ACASXU_run2a_1_1_batch_2000.onnx")
    arrays = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in onnx.load(path).graph.initializer}
    x = samples((5,))
    expected = x - arrays["input_AvgImg"].ravel()
    for i in range(1, 7):
        expected = np.maximum(expected @ arrays[f"Operation_{i}_MatMul_W"] + arrays[f"Operation_{i}_Add_B"], 0.0)
    expected = expected @ arrays["linear_7_MatMul_W"] + arrays["linear_7_Add_B"]
    net = fastjac.load(path)
    assert net.widths[0] == 5
    assert net.dtype == np.float32
    np.testing.assert_allclose(net.astype(np.float64)(x), expected, rtol=1e-12, atol=1e-12)
    assert fastjac.check_jacobian(net.astype(np.float64), x).passed


def test_the_collision_avoidance_network_is_that_of_its_text_file():
    first = fastjac.load(real("ACASXU_run2a_1_1_batch_2000.onnx")).astype(np.float64)
    second = fastjac.load(real("ACASXU_run2a_1_1_batch_2000.nnet"), scaling="none")
    x = samples((5,))
    np.testing.assert_allclose(first(x), second(x), rtol=1e-4, atol=1e-5)  # the text holds six digits of each weight


def test_the_network_with_weights_on_the_left():
    path = real("TestNetwork2.onnx")
    arrays = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in onnx.load(path).graph.initializer}
    x = samples((5,))
    expected = x.T
    for i in range(7):
        expected = arrays[f"W{i}"] @ expected + arrays[f"B{i}"][:, None]
        expected = np.maximum(expected, 0.0) if i < 6 else expected
    net = fastjac.load(path).astype(np.float64)
    assert [type(layer).__name__ for layer in net] == ["Affine", "ReLU"] * 6 + ["Affine"]
    np.testing.assert_allclose(net(x), expected.T, rtol=1e-12, atol=1e-12)
    assert fastjac.check_jacobian(net, x).passed
