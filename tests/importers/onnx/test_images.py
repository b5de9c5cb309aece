"""Convolution, pooling and recurrence over fixed sizes agree with the ONNX project's own evaluator, in values and Jacobians."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import assert_agrees, assert_values_agree, layers, model, one_node, random

IMAGE, GRID = ("N", 2, 5, 4), (2, 5, 4)
KERNEL, BIAS = random(3, 2, 3, 2), random(3)

CONVOLUTIONS = {
    "plain": ([KERNEL, BIAS], {}),
    "with pads": ([KERNEL], {"pads": [1, 0, 2, 1]}),
    "with strides": ([KERNEL, BIAS], {"strides": [2, 1], "pads": [1, 1, 1, 1]}),
    "dilated": ([KERNEL], {"dilations": [2, 3]}),
    "in groups": ([random(4, 1, 2, 2), random(4)], {"group": 2}),
    "of the same size": ([KERNEL], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "of the same size, more before": ([KERNEL], {"auto_pad": "SAME_LOWER"}),
    "valid": ([KERNEL], {"auto_pad": "VALID"}),
    "of one place": ([random(3, 2, 1, 1), BIAS], {}),
    "of the whole image": ([random(3, 2, 5, 4), BIAS], {}),
}


@pytest.mark.parametrize(("operands", "attributes"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_convolution_over_an_image(operands, attributes):
    assert_agrees(one_node("Conv", "x", *operands, dims=IMAGE, **attributes), GRID)


BACKWARDS = random(2, 3, 3, 2)
TRANSPOSED = {
    "plain": ([BACKWARDS, BIAS], {}),
    "with pads and more behind": ([BACKWARDS], {"pads": [1, 0, 2, 1], "strides": [2, 3], "output_padding": [1, 2]}),
    "dilated": ([BACKWARDS, BIAS], {"dilations": [2, 3], "pads": [4, 1, 0, 0]}),
    "of the same size": ([random(2, 3, 4, 3)], {"auto_pad": "SAME_UPPER", "strides": [1, 2], "dilations": [1, 2]}),
    "of the same size, more before": ([random(2, 3, 4, 3)], {"auto_pad": "SAME_LOWER", "strides": [1, 2]}),
    "of a shape stated": ([BACKWARDS], {"output_shape": [6, 10], "strides": [1, 3], "auto_pad": "SAME_LOWER"}),
}


@pytest.mark.parametrize(("operands", "attributes"), TRANSPOSED.values(), ids=TRANSPOSED)
def test_a_transposed_convolution(operands, attributes):
    assert_agrees(one_node("ConvTranspose", "x", *operands, dims=IMAGE, **attributes), GRID)


SCALES = np.array([1, 1, 2, 1.5], np.float32)
RESIZED = {
    "to sizes": ([None, None, np.array([1, 2, 3, 7])], {"mode": "linear"}),
    "to one place": ([None, None, np.array([1, 2, 1, 6])], {"coordinate_transformation_mode": "pytorch_half_pixel"}),
    "by scales": ([None, SCALES], {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),
    "to nearest places": ([None, SCALES], {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
}


@pytest.mark.parametrize(("operands", "attributes"), RESIZED.values(), ids=RESIZED)
def test_an_image_of_another_size(operands, attributes):
    is_fixed = operands[1] is None
    proto = one_node("Resize", "x", *operands, dims=(1, *GRID) if is_fixed else IMAGE, **attributes)
    assert fastjac.from_onnx(proto).dtype == np.float64  # whatever the scales are
    assert_agrees(proto, (1, *GRID) if is_fixed else GRID, fixed=is_fixed)


def test_sizes_may_count_the_batch():
    shape = helper.make_node("Shape", ["x"], ["whole"], end=2)
    sizes = helper.make_node("Concat", ["whole", "target"], ["sizes"], axis=0)
    resize = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear")
    assert_agrees(model([shape, sizes, resize], IMAGE, target=np.array([4, 6])), GRID)


def test_an_upsampling_of_an_older_opset():
    old = one_node("Upsample", "x", dims=IMAGE, opset=7, scales=[1.0, 1.0, 2.0, 3.0])
    new = one_node("Upsample", "x", np.array([1, 1, 2, 3], np.float32), dims=IMAGE, opset=9)
    x = np.random.default_rng(0).normal(size=(2, 2, 5, 4)).astype(np.float32)
    expected = x.repeat(2, 2).repeat(3, 3).reshape(2, -1)
    for proto in (old, new):
        np.testing.assert_array_equal(fastjac.from_onnx(proto)(x.reshape(2, -1)), expected)


def test_a_convolution_is_one_layer_that_all_places_share():
    net = fastjac.from_onnx(one_node("Conv", "x", KERNEL, BIAS, dims=IMAGE))
    assert net.n_parameters == KERNEL.size + BIAS.size
    assert layers(one_node("Conv", "x", random(3, 2, 5, 4), BIAS, dims=IMAGE)).count("Affine") == 1


def test_a_convolution_along_a_sequence():
    assert_agrees(one_node("Conv", "x", random(3, 2, 2), BIAS, dims=("N", 2, 5), pads=[1, 0]), (2, 5))


POOLS = {
    "MaxPool": ("MaxPool", {"kernel_shape": [2, 2]}),
    "MaxPool with strides": ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2]}),
    "MaxPool with pads": ("MaxPool", {"kernel_shape": [2, 2], "pads": [1, 1, 0, 1], "strides": [2, 1]}),
    "MaxPool dilated": ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    "AveragePool": ("AveragePool", {"kernel_shape": [2, 3]}),
    "AveragePool with pads": ("AveragePool", {"kernel_shape": [2, 2], "pads": [1, 0, 1, 1]}),
    "AveragePool that counts pads": ("AveragePool", {"kernel_shape": [2, 2], "pads": [1, 0, 1, 1], "count_include_pad": 1}),
    "GlobalAveragePool": ("GlobalAveragePool", {}),
    "GlobalMaxPool": ("GlobalMaxPool", {}),
}


@pytest.mark.parametrize(("operator", "attributes"), POOLS.values(), ids=POOLS)
def test_a_pooling(operator, attributes):
    assert_agrees(one_node(operator, "x", dims=IMAGE, **attributes), GRID)


def test_a_small_convolutional_classifier_as_torch_exports_it(tmp_path):
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(3, 4, 2),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(36, 5),
        torch.nn.Softmax(-1),
    ).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter itself is an old one, which many files come from
        torch.onnx.export(module, (torch.zeros(1, 1, 8, 8).double(),), tmp_path / "m.onnx", dynamo=False)
    net = fastjac.load(tmp_path / "m.onnx")
    x = torch.randn(3, 64, dtype=torch.float64)
    expected = module(x.reshape(3, 1, 8, 8))
    np.testing.assert_allclose(net(x.numpy()), expected.detach().numpy(), rtol=1e-12)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda v: module(v.reshape(1, 1, 8, 8))[0]))(x)
    np.testing.assert_allclose(net.jacobian(x.numpy()), jacobian.detach().numpy(), rtol=1e-10, atol=1e-12)


STEPS, FEATURES, UNITS = 4, 3, 5


def recurrent(operator: str, gates: int, directions: int = 1, **attributes: object) -> onnx.ModelProto:
    """A model of a sequence (steps, batch, features) whose batch is open."""
    arrays = {
        "w": random(directions, gates * UNITS, FEATURES),
        "r": random(directions, gates * UNITS, UNITS),
        "b": random(directions, 2 * gates * UNITS),
    }
    node = helper.make_node(operator, ["x", "w", "r", "b"], ["y"], hidden_size=UNITS, **attributes)
    return model([node], (STEPS, "N", FEATURES), **arrays)


RECURRENT = {
    "LSTM": recurrent("LSTM", 4),
    "LSTM backwards": recurrent("LSTM", 4, direction="reverse"),
    "LSTM both ways": recurrent("LSTM", 4, 2, direction="bidirectional"),
    "GRU": recurrent("GRU", 3),
    "GRU that resets after": recurrent("GRU", 3, linear_before_reset=1),
    "GRU both ways": recurrent("GRU", 3, 2, direction="bidirectional"),
    "RNN": recurrent("RNN", 1),
    "RNN of rectifiers": recurrent("RNN", 1, activations=["Relu"]),
}


def by_torch(proto: onnx.ModelProto) -> torch.nn.Module:
    """The layer of torch that has the weights of a recurrent node."""
    node = proto.graph.node[0]
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    directions = 2 if options.get("direction") == b"bidirectional" else 1
    kinds = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}
    extra = {"nonlinearity": "relu"} if options.get("activations") == [b"Relu"] else {}
    layer = kinds[node.op_type](FEATURES, UNITS, bidirectional=directions == 2, **extra).double()
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    order = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}[node.op_type]
    with torch.no_grad():
        for number in range(directions):
            end = "_reverse" * number
            bias = arrays["b"][number]
            half = len(bias) // 2
            for name, array in (
                ("weight_ih", arrays["w"][number]),
                ("weight_hh", arrays["r"][number]),
                ("bias_ih", bias[:half]),
                ("bias_hh", bias[half:]),
            ):
                parts = np.split(array, len(order))
                getattr(layer, f"{name}_l0{end}").copy_(torch.from_numpy(np.concatenate([parts[gate] for gate in order])))
    return layer


@pytest.mark.parametrize("name", [name for name in RECURRENT if name not in ("GRU", "GRU both ways", "LSTM backwards")])
def test_a_recurrent_layer(name):
    proto = RECURRENT[name]
    layer, net = by_torch(proto), fastjac.from_onnx(proto)
    x = torch.randn(6, STEPS * FEATURES, dtype=torch.float64)

    def states(sample: torch.Tensor) -> torch.Tensor:
        found = layer(sample.reshape(STEPS, 1, FEATURES))[0]  # (steps, 1, directions * units)
        return found.reshape(-1)

    np.testing.assert_allclose(net(x.numpy()), torch.stack([states(v) for v in x]).detach().numpy(), rtol=1e-12, atol=1e-14)
    jacobian = torch.stack([torch.autograd.functional.jacobian(states, v) for v in x])
    np.testing.assert_allclose(net.jacobian(x.numpy()), jacobian.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("directions", [1, 2])
def test_an_lstm_with_peepholes(directions):
    proto = recurrent("LSTM", 4, directions, direction=["forward", "bidirectional"][directions - 1])
    proto.graph.node[0].input.extend(["", "", "", "p"])
    proto.graph.initializer.append(onnx.numpy_helper.from_array(random(directions, 3 * UNITS), "p"))
    x = random(STEPS, 1, FEATURES)
    expected = ReferenceEvaluator(proto).run(None, {"x": x})[0]
    np.testing.assert_allclose(fastjac.from_onnx(proto)(x.ravel()), expected.ravel(), rtol=1e-12)
    proto.graph.initializer[-1].CopyFrom(onnx.numpy_helper.from_array(random(directions, 2), "p"))
    with pytest.raises(FormatError, match=r"its peepholes P must be of shape \(directions, 3 \* units\)"):
        fastjac.from_onnx(proto)


def test_a_gru_that_resets_before_its_product_and_an_lstm_backwards_agree_with_their_formulas():
    proto = RECURRENT["GRU"]
    w, r, b = (onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer)
    x = random(STEPS, FEATURES)
    state, expected = np.zeros(UNITS), []
    for step in x:
        (wz, wr, wh), (rz, rr, rh), biases = np.split(w[0], 3), np.split(r[0], 3), np.split(b[0], 6)
        update = 1 / (1 + np.exp(-(wz @ step + rz @ state + biases[0] + biases[3])))
        reset = 1 / (1 + np.exp(-(wr @ step + rr @ state + biases[1] + biases[4])))
        new = np.tanh(wh @ step + rh @ (reset * state) + biases[5] + biases[2])
        state = (1 - update) * new + update * state
        expected.append(state)
    np.testing.assert_allclose(fastjac.from_onnx(proto)(x.ravel()), np.concatenate(expected), rtol=1e-12)
    forward, backward = (fastjac.from_onnx(RECURRENT[name]) for name in ("LSTM", "LSTM backwards"))
    turned = forward(x[::-1].ravel()).reshape(STEPS, UNITS)[::-1]
    np.testing.assert_allclose(backward(x.ravel()).reshape(STEPS, UNITS), turned, rtol=1e-12)


def test_the_last_state_and_the_cell_are_outputs_too():
    proto = recurrent("LSTM", 4)
    node = proto.graph.node[0]
    node.output.extend(["h", "c"])
    for name in ("h", "c"):
        proto.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None))
    net = fastjac.from_onnx(proto)
    x = random(STEPS * FEATURES)
    states, last, cell = net(x)
    np.testing.assert_array_equal(states[-UNITS:], last)
    assert np.all(np.abs(np.tanh(cell)) >= np.abs(last))


REFUSED = {
    "it pools a value of shape|its window of": one_node("MaxPool", "x", dims=("N", 5), kernel_shape=[2]),
    "does not fit an image of": one_node("MaxPool", "x", dims=IMAGE, kernel_shape=[6, 2]),
    "its kernel depends on the network's input": one_node("Conv", random(1, 2, 5, 4), "x", dims=("N", 2, 3, 2)),
    "in 3 groups": one_node("Conv", "x", KERNEL, dims=IMAGE, group=3),
    "its activation 'Affine' is not supported there": recurrent("RNN", 1, activations=["Affine"]),
    "it clips inside of its gates": recurrent("LSTM", 4, clip=3.0),
    "it couples its gates": recurrent("LSTM", 4, input_forget=1),
    "direction='sideways' is none": recurrent("GRU", 3, direction="sideways"),
}


@pytest.mark.parametrize(("message", "proto"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_cannot_be_said_is_refused(message, proto):
    with pytest.raises((FormatError, UnsupportedLayerError), match=message):
        fastjac.from_onnx(proto)


def test_a_sequence_that_is_fed_a_state_takes_it_as_an_input():
    arrays = {"w": random(1, UNITS, FEATURES), "r": random(1, UNITS, UNITS)}
    proto = model(
        [helper.make_node("RNN", ["x", "w", "r", "", "", "h"], ["y"], hidden_size=UNITS)], (STEPS, 1, FEATURES), **arrays
    )
    proto.graph.input.append(helper.make_tensor_value_info("h", onnx.TensorProto.DOUBLE, [1, 1, UNITS]))
    net = fastjac.from_onnx(proto)
    assert net.inputs == (STEPS * FEATURES, UNITS)
    zero = model([helper.make_node("RNN", ["x", "w", "r"], ["y"], hidden_size=UNITS)], (STEPS, 1, FEATURES), **arrays)
    x = random(STEPS * FEATURES)
    np.testing.assert_allclose(net((x, np.zeros(UNITS))), fastjac.from_onnx(zero)(x), rtol=1e-13)


def test_values_of_a_fixed_batch_of_one():
    assert_values_agree(one_node("Conv", "x", KERNEL, BIAS, dims=(1, 2, 5, 4)), (1, 2, 5, 4), fixed=True)
