"""What a model as a whole must be: a graph from inputs to outputs that are numbers, of an opset that fastjac knows."""

import sys

import numpy as np
import onnx
import onnx.inliner
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, MissingDependencyError, OptionError, UnsupportedLayerError
from fastjac.importers import Options, read
from fastjac.importers.onnx.graph import NEWEST_OPSET

from .graphs import (
    assert_agrees,
    assert_graph_agrees,
    layers,
    model,
    one_node,
    random,
    reference,
    reference_of,
    samples,
    saved,
    written,
)

AFFINE = {"w": random(5, 3), "b": random(3)}


def test_a_live_model_its_bytes_and_its_file_are_the_same_network(tmp_path):
    proto = written("a = Gemm(x, w, b); y = Softmax(a)", **AFFINE)
    nets = [fastjac.from_onnx(proto), fastjac.from_onnx(proto.SerializeToString()), fastjac.load(saved(proto, tmp_path))]
    for net in nets:
        np.testing.assert_array_equal(net[0].weight, AFFINE["w"].T)
        np.testing.assert_array_equal(net(samples((5,))), nets[0](samples((5,))))


def test_the_weights_are_copied():
    proto = written("y = Gemm(x, w, b)", **AFFINE)
    net = fastjac.from_onnx(proto)
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((5, 3)), "w"))
    np.testing.assert_array_equal(net[0].weight, AFFINE["w"].T)


@pytest.mark.parametrize("value", [{}, "model.onnx", None, onnx.GraphProto()])
def test_what_is_no_model_is_reported(value):
    with pytest.raises(DtypeError, match=r"from_onnx takes an onnx.ModelProto or bytes, got "):
        fastjac.from_onnx(value)


def test_bytes_without_the_package_are_reported(monkeypatch):
    content = written("y = Gemm(x, w, b)", **AFFINE).SerializeToString()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install --upgrade '\.\[onnx\]'"):
        fastjac.from_onnx(content)


def test_options_that_say_nothing_here_are_reported(tmp_path):
    with pytest.raises(OptionError, match="leave layers out; it takes n_in and external_data"):
        fastjac.load(saved(one_node("Tanh", "x"), tmp_path), ["relu"])


# The input


@pytest.mark.parametrize(
    ("dims", "n_in"),
    [
        (("N", 5), 5),
        ((None, 5), 5),
        ((0, 5), 5),
        ((-1, 5), 5),
        ((1, 5), 5),
        ((5,), 5),
        ((), 1),
        (("N", 1, 5), 5),
        ((1, 3, 2, 2), 12),
        (("N", 3, 2, 2), 12),
        ((4, 5), 20),
    ],
)
def test_the_number_of_inputs_is_that_of_a_batch_of_one(dims, n_in):
    assert fastjac.from_onnx(one_node("Tanh", "x", dims=dims)).n_in == n_in


@pytest.mark.parametrize("dims", [("N", "M"), (None, None), ("N", 2, None), ("N",), None])
def test_an_open_axis_takes_n_in(dims, tmp_path):
    path = saved(one_node("Tanh", "x", dims=dims), tmp_path)
    assert fastjac.load(path, n_in=6).n_in == 6
    with pytest.raises(LayerError, match=r"input 'x' (is of shape|does not state its shape).* pass it as n_in"):
        fastjac.load(path)


@pytest.mark.parametrize("dims", [("N", None, None), ("N", 4, None)])
def test_several_open_axes_are_reported(dims):
    with pytest.raises(LayerError, match=r"is of shape \(N, .*export the model with a fixed input"):
        fastjac.from_onnx(one_node("Tanh", "x", dims=dims), n_in=6)


def test_an_n_in_that_contradicts_the_model_is_reported():
    with pytest.raises(LayerError, match="n_in=6 was given, but input 'x' has 5 entries; leave n_in out"):
        fastjac.from_onnx(one_node("Tanh", "x"), n_in=6)
    assert fastjac.from_onnx(one_node("Tanh", "x"), n_in=5).n_in == 5
    with pytest.raises(DtypeError, match="n_in must be a positive integer"):
        fastjac.from_onnx(one_node("Tanh", "x"), n_in="6")


@pytest.mark.parametrize("element_type", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_an_input_of_any_floating_point_type(element_type):
    assert fastjac.from_onnx(model([helper.make_node("Tanh", ["x"], ["y"])], element_type=element_type)).n_in == 5


@pytest.mark.parametrize("mean", [np.array(1e6), np.array([1e6]), np.full(5, 1e6)], ids=["()", "(1,)", "(5,)"])
def test_the_precision_is_that_of_the_widest_constant(mean):
    arrays = {"mean": mean, "w": random(5, 3, dtype=np.float32)}
    proto = written("d = Sub(x, mean); f = Cast <to = 1> (d); y = MatMul(f, w)", **arrays)
    x = 1e6 + random(4, 5)
    net = fastjac.from_onnx(proto)
    assert net.dtype == np.float64
    np.testing.assert_allclose(net(x), reference(proto, x), atol=1e-6)


@pytest.mark.parametrize("element_type", [TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL])
def test_an_input_of_whole_numbers_is_refused(element_type):
    proto = model([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)], element_type=element_type)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(UnsupportedLayerError, match=r"input 'x' holds (int64|uint8|bool), by which a network has no derivative"):
        fastjac.from_onnx(proto)


def test_initializers_listed_among_the_inputs_do_not_count():
    proto = written("y = Gemm(x, w, b)", **AFFINE)
    proto.ir_version = 3
    for name, array in AFFINE.items():
        proto.graph.input.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, array.shape))
    assert layers(proto) == ["Affine"]


def test_an_input_without_a_name_does_not_count():
    proto = written("y = Clip(x, , high)", high=1.0)
    proto.graph.input.insert(0, helper.make_tensor_value_info("", TensorProto.DOUBLE, ["N", 5]))
    assert fastjac.from_onnx(proto)[0].min_val == -np.inf


def test_an_input_that_nothing_uses_does_not_count():
    proto = one_node("Tanh", "x")
    proto.graph.input.insert(0, helper.make_tensor_value_info("unused", TensorProto.INT64, [3]))
    assert fastjac.from_onnx(proto).n_in == 5


TWO = {"x": ("N", 5), "z": ("N", 2, 3)}
TWO_OF_BOTH = "a = Gemm(x, w); f = Flatten(z); b = Gemm(f, v); y = Mul(a, b); u = Tanh(b)"


def two_of_both() -> onnx.ModelProto:
    """A model of two inputs and two outputs."""
    return written(TWO_OF_BOTH, TWO, output="y u", w=random(5, 3), v=random(6, 3))


def test_several_inputs_are_those_of_the_network_by_name():
    net = assert_graph_agrees(written("y = Add(x, z)", {"x": ("N", 5), "z": ("N", 5)}), {"x": (5,), "z": (5,)})
    assert "Input 'x'" in str(net)
    assert "Input 'z'" in str(net)
    assert_graph_agrees(two_of_both(), {"x": (5,), "z": (2, 3)})


def test_inputs_chooses_their_order(tmp_path):
    proto = two_of_both()
    for net in (fastjac.from_onnx(proto, inputs=["z", "x"]), fastjac.load(saved(proto, tmp_path), inputs=["z", "x"])):
        assert net.inputs == (6, 5)
        assert_graph_agrees(proto, {"z": (2, 3), "x": (5,)}, net)


@pytest.mark.parametrize("names", [[], ["x"], ["x", "x"], ["x", "z", "z"], ["x", "w"], ["x", "y"]])
def test_other_inputs_than_those_that_are_used_are_refused(names):
    with pytest.raises(OptionError, match=r"inputs must name 'x', 'z', each once, which the outputs depend on; got "):
        fastjac.from_onnx(two_of_both(), inputs=names)


def test_inputs_of_a_fixed_and_of_an_open_batch_stand_side_by_side():
    proto = written("a = MatMul(x, w); y = Add(a, z)", {"x": ("N", 5), "z": (3,)}, w=random(5, 3))
    net, x, z = fastjac.from_onnx(proto), samples((5,)), samples((3,))
    for one, other in zip(x, z, strict=True):
        expected = reference_of(proto, {"x": one[None, None], "z": other[None]}, fixed=True)[0][0]
        np.testing.assert_allclose(net((one, other)), expected, rtol=1e-12)


def test_inputs_whose_samples_lie_along_different_axes_are_refused():
    proto = written("t = Transpose(z); y = Add(x, t)", {"x": ("N", 1), "z": ("N", 1)})
    with pytest.raises(
        UnsupportedLayerError, match=r"node 1 'y' .Add.: the number of units that it gives depends on the number of samples"
    ):
        fastjac.from_onnx(proto)


# The output


def test_several_outputs_are_those_of_the_network():
    net = assert_graph_agrees(written("y = Tanh(x); z = Relu(y)", output="y z"), {"x": (5,)})
    assert net.outputs == (5, 5)


@pytest.mark.parametrize("names", [["u"], ["y"], ["u", "y"]])
def test_outputs_chooses_some_and_their_order(names, tmp_path):
    proto, of_z = (
        two_of_both(),
        written("f = Flatten(z); b = Gemm(f, v); u = Tanh(b)", {"z": TWO["z"]}, output="u", v=random(6, 3)),
    )
    shapes = {"x": (5,), "z": (2, 3)} if "y" in names else {"z": (2, 3)}
    for net in (fastjac.from_onnx(proto, outputs=names), fastjac.load(saved(proto, tmp_path), outputs=names)):
        assert_graph_agrees(proto if "y" in names else of_z, shapes, net, outputs=names)


@pytest.mark.parametrize("names", [[], ["x"], ["a"], ["y", "nothing"]])
def test_other_outputs_than_the_models_are_refused(names):
    with pytest.raises(OptionError, match=r"outputs must name some of the model's, which are 'y', 'u'; got "):
        fastjac.from_onnx(two_of_both(), outputs=names)


def test_a_label_is_left_out_and_info_says_so(tmp_path):
    proto = written("y = Tanh(x); z = Cast <to = 7> (y)", output="y z")
    proto.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    imported = read(saved(proto, tmp_path), Options())[1]
    assert [type(layer).__name__ for layer in imported.network] == ["Tanh"]
    assert ("z (output)", (), "left out: it holds int64") in [(p.source, p.layers, p.note) for p in imported.parts]


def test_outputs_that_are_labels_alone_are_refused():
    proto = written("y = Cast <to = 7> (x)")
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    with pytest.raises(
        UnsupportedLayerError, match=r"its outputs \('y'\) hold no floating-point numbers, which alone have a deriv"
    ):
        fastjac.from_onnx(proto)


def test_what_the_output_does_not_depend_on_is_not_looked_at():
    proto = written("z = MaxPool(x, x); v = Tanh(nowhere); y = Tanh(x)")
    assert layers(proto) == ["Tanh"]


def test_a_branch_that_ends_nowhere_is_not_looked_at():
    assert layers(written("a = Tanh(x); b = Relu(a); y = Exp(a)")) == ["Tanh", "Exp"]


def test_an_output_that_is_constant_is_refused():
    proto = written("y = Add(w, w)", w=random(3))
    with pytest.raises(UnsupportedLayerError, match="its output does not depend on its input"):
        fastjac.from_onnx(proto)
    with pytest.raises(UnsupportedLayerError, match="output 'y' does not depend on the inputs; fastjac takes networks"):
        fastjac.from_onnx(written("y = Shape(x)"))


def test_an_output_that_is_the_input_has_no_layers():
    with pytest.raises(LayerError, match="no layer is left"):
        fastjac.from_onnx(model([], output="x"))


# The opset


def test_the_newest_opset_is_the_one_that_the_package_knows():
    assert onnx.defs.onnx_opset_version() <= NEWEST_OPSET


@pytest.mark.parametrize("opset", [1, 7, NEWEST_OPSET])
def test_the_oldest_and_the_newest_opset_are_read(opset):
    assert layers(one_node("Tanh", "x", opset=opset)) == ["Tanh"]


@pytest.mark.parametrize("opset", [-1, 0, NEWEST_OPSET + 1, 2**40])
def test_other_opsets_are_refused_with_what_to_do(opset):
    with pytest.raises(UnsupportedLayerError, match=rf"its opset is {opset}, fastjac reads 1 to \d+; export it again with one"):
        fastjac.from_onnx(one_node("Tanh", "x", opset=opset))


def test_the_domain_by_its_long_name_is_the_same():
    proto = one_node("Tanh", "x", domain="ai.onnx")
    del proto.opset_import[0]
    proto.opset_import[0].version = 13
    assert layers(proto) == ["Tanh"]


def test_a_model_without_an_opset_is_reported():
    proto = one_node("Tanh", "x")
    del proto.opset_import[:]
    with pytest.raises(FormatError, match="it does not state the opset of its operators"):
        fastjac.from_onnx(proto)


# Nodes


def test_nodes_of_no_order_are_reported():
    with pytest.raises(FormatError, match=r"node 0 'y' \(Tanh\): it takes 'a', which node 1 'a' \(Relu\) computes only later"):
        fastjac.from_onnx(written("y = Tanh(a); a = Relu(x)"))


def test_a_circle_is_reported():
    with pytest.raises(FormatError, match="computes only later"):
        fastjac.from_onnx(written("a = Add(b, x); b = Tanh(a); y = Relu(b)"))


def test_a_value_that_is_nowhere_is_reported():
    with pytest.raises(FormatError, match="it takes 'w', which is nowhere in the file"):
        fastjac.from_onnx(written("y = MatMul(x, w)"))


def test_a_value_that_is_computed_twice_is_reported():
    for text in ("a = Tanh(x); a = Exp(x); y = Relu(a)", "w = Tanh(x); y = MatMul(x, w)", "x = Tanh(w); y = MatMul(x, w)"):
        with pytest.raises(FormatError, match=r"node \d '[awx]' .* gives '[awx]', which something else gives too"):
            fastjac.from_onnx(written(text, w=AFFINE["w"]))


def test_other_outputs_than_the_first_are_refused():
    proto = written("a, b = Dropout(x); c = Cast <to = 11> (b); y = Tanh(c)")
    nameless = written("a, b = Dropout(x); c = Cast <to = 11> (b); y = Clip(c, a)")
    nameless.graph.node[0].output[0] = nameless.graph.node[2].input[1] = ""
    with pytest.raises(UnsupportedLayerError, match=r"it takes 'b', not the first output of node 0 'b' .Dropout."):
        fastjac.from_onnx(nameless)
    with pytest.raises(
        UnsupportedLayerError, match=r"it takes 'y', not the first output of node 0 'a' .Dropout.; fastjac knows that one only"
    ):
        fastjac.from_onnx(written("a, y = Dropout(x)"))
    with pytest.raises(UnsupportedLayerError, match=r"it takes 'b', not the first output of node 0 'a' .Dropout.; fastjac knows"):
        fastjac.from_onnx(proto)


def test_graphs_inside_the_graph_are_refused():
    inner = helper.make_graph([helper.make_node("Tanh", ["x"], ["z"])], "g", [], [helper.make_tensor_value_info("z", 11, None)])
    proto = model([helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)], c=np.array(True))
    proto.graph.node.insert(0, helper.make_node("Tanh", ["x"], ["h"]))
    proto.graph.node.append(helper.make_node("Add", ["h", "y"], ["out"]))
    proto.graph.output[0].name = "out"
    with pytest.raises(UnsupportedLayerError, match=r"node 1 'y' \(If\): it chooses between two graphs"):
        fastjac.from_onnx(proto)
    loop = one_node("Scan", "x")
    with pytest.raises(UnsupportedLayerError, match=r"node 0 'y' \(Scan\): it runs a graph inside the graph"):
        fastjac.from_onnx(loop)


def test_branches_are_joined():
    net = assert_agrees(written("a = Tanh(x); b = Relu(x); y = Add(a, b)"))
    assert [type(operation).__name__ for operation in net._graph.layers] == ["Tanh", "ReLU", "Add"]


# What is said of it


def test_every_node_is_listed_with_what_became_of_it(tmp_path):
    constants = "v = Identity(u); w = Transpose(v)"
    chain = "a = MatMul(f, w); b = Add(a, c); d = Dropout(b); y = Relu(d)"
    proto = written(f"f = Flatten(x); {constants}; {chain}; z = Exp(x)", ("N", 1, 5), u=AFFINE["w"].T, c=AFFINE["b"])
    proto.graph.node[0].name = "/flatten"
    name, imported = read(saved(proto, tmp_path), Options())
    assert name == "ONNX models (.onnx)"
    found = [(part.source, [type(layer).__name__ for layer in part.layers], part.note) for part in imported.parts]
    assert found == [
        ("x (input)", [], "float64 (N, 1, 5), a sample is (1, 5), flattened: x (..., 5)"),
        ("nodes of constants (Identity, Transpose)", [], "2, computed once, beforehand"),
        ("other nodes", [], "1, on which no output of the network depends"),
        ("/flatten (Flatten)", [], "only the shape"),
        ("a to b (MatMul, Add)", ["Affine"], "together one affine layer"),
        ("d (Dropout)", [], "nothing at inference"),
        ("y (Relu)", ["ReLU"], ""),
    ]
