"""TensorFlow Lite models: several inputs and outputs, constants, what is refused, and a real one."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, OptionError, UnsupportedLayerError
from fastjac.importers import Options, read
from fastjac.importers.reading.flatbuffer import root

from . import lite

RNG = np.random.default_rng(4)
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
WEIGHT, BIAS = RNG.normal(size=(3, 5)).astype(np.float32), RNG.normal(size=3).astype(np.float32)


def dense(**options):
    """A model of one dense layer."""
    return lite.model([lite.operator("FULLY_CONNECTED", [0, 2, 3], [1], **options)], {"x": (None, 5)}, ["y"], [WEIGHT, BIAS])


def saved(path, content):
    (path / "model.tflite").write_bytes(content)
    return path / "model.tflite"


def test_several_inputs_and_outputs_have_names(tmp_path):
    nodes = [
        lite.operator("FULLY_CONNECTED", [0, 4, -1], [5]),
        lite.operator("ADD", [5, 1], [2]),
        lite.operator("TANH", [1], [3]),
    ]
    path = saved(tmp_path, lite.model(nodes, {"x": (None, 5), "u": (None, 3)}, ["a", "b"], [WEIGHT], 1))
    x, u = RNG.normal(size=(4, 5)).astype(np.float32), RNG.normal(size=(4, 3)).astype(np.float32)
    first, second = fastjac.load(path)((x, u))
    np.testing.assert_allclose(first, x @ WEIGHT.T + u, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second, np.tanh(u), rtol=1e-6)
    np.testing.assert_array_equal(fastjac.load(path, inputs=["u", "x"])((u, x))[0], first)
    np.testing.assert_array_equal(fastjac.load(path, outputs=["b"])(u), second)
    with pytest.raises(OptionError, match="outputs must name some of the model's, which are 'a', 'b'; got 'c'"):
        fastjac.load(path, outputs=["c"])


def test_an_output_of_a_node_may_be_left_out(tmp_path):
    nodes = [lite.operator("TANH", [0], [-1]), lite.operator("TANH", [0], [1])]
    path = saved(tmp_path, lite.model(nodes, {"x": (None, 3)}, ["y"]))
    assert str(fastjac.load(path)[0]) == "Tanh()"


def test_a_signature_names_inputs_and_outputs(tmp_path):
    tensors = [lite.tensor("serving_x:0", (1, 4)), lite.tensor("StatefulPartitionedCall:0", (1, 4))]
    graph = {0: tensors, 1: np.array([0], np.int32), 2: np.array([1], np.int32), 3: [{1: np.array([0]), 2: np.array([1])}]}
    graph[3][0] = {0: ("I", 0), 1: np.array([0], np.int32), 2: np.array([1], np.int32)}
    signature = {0: [{0: "x", 1: ("I", 0)}], 1: [{0: "out", 1: ("I", 1)}], 2: "serving_default"}
    content = lite.buffer({0: ("I", 3), 1: [{0: ("b", 28)}], 2: [graph], 4: [{}], 7: [signature]})
    net = fastjac.load(saved(tmp_path, content), outputs=["out"], inputs=["x"])
    np.testing.assert_allclose(net(np.ones(4)), np.tanh(np.ones(4)), rtol=1e-6)
    name, imported = read(tmp_path / "model.tflite", Options())
    assert name == "TensorFlow Lite models (.tflite)"
    assert [part.source for part in imported.parts] == ["x (input)", "StatefulPartitionedCall:0 (TANH)"]
    assert imported.parts[0].note == "float32 (1, 4), a sample is (1, 4), flattened: x (..., 4)"


def test_half_precision_is_widened(tmp_path):
    half = WEIGHT.astype(np.float16)
    nodes = [lite.operator("DEQUANTIZE", [2], [4]), lite.operator("FULLY_CONNECTED", [0, 4, 3], [1])]
    net = fastjac.load(saved(tmp_path, lite.model(nodes, {"x": (None, 5)}, ["y"], [half, BIAS], 1)))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.jacobian(np.zeros(5)), half.astype(np.float32))


def test_a_fixed_batch_is_one_sample(tmp_path):
    nodes = [lite.operator("FULLY_CONNECTED", [0, 2, 3], [1])]
    net = fastjac.load(saved(tmp_path, lite.model(nodes, {"x": (2, 5)}, ["y"], [WEIGHT, BIAS])))
    assert (net.n_in, net.n_out) == (10, 6)
    np.testing.assert_array_equal(net.jacobian(np.zeros(10)), np.kron(np.eye(2), WEIGHT))


def test_what_mixes_samples_is_refused(tmp_path):
    nodes = [lite.operator("SUM", [0, 2], [1])]
    path = saved(tmp_path, lite.model(nodes, {"x": (None, 5)}, ["y"], [np.array([0], np.int32)]))
    with pytest.raises(
        UnsupportedLayerError, match=r"for a batch of samples, node 0 'y' \(SUM\): it acts over axis 0 .*fixed at 1"
    ):
        fastjac.load(path)


def changed_tensor(number, **changes):
    """The dense model with fields of one of its tensors set: x, y, weight, bias."""
    tensors = [
        lite.tensor("x", (None, 5)),
        lite.tensor("y", (None, 3)),
        lite.tensor("w", (3, 5), number=1),
        lite.tensor("b", (3,), number=2),
    ]
    tensors[number] |= {int(key[1:]): value for key, value in changes.items()}
    graph = {0: tensors, 1: np.array([0], np.int32), 2: np.array([1], np.int32)}
    graph[3] = [{0: ("I", 0), 1: np.array([0, 2, 3], np.int32), 2: np.array([1], np.int32)}]
    buffers = [{}, {0: np.frombuffer(WEIGHT.tobytes(), np.uint8)}, {0: np.frombuffer(BIAS.tobytes(), np.uint8)}]
    return lite.buffer({0: ("I", 3), 1: [{0: ("b", 9)}], 2: [graph], 4: buffers})


SCALED = {2: np.array([0.5], np.float32), 3: np.array([3], np.int64)}
REFUSED = {
    "constant '2': it is quantized; fastjac takes floating-point models": changed_tensor(2, _1=("b", 9), _4=SCALED),
    "it is quantized; fastjac takes": changed_tensor(0, _1=("b", 9), _4=SCALED),
    "its zeros are left out; convert the model again without sparsity": changed_tensor(2, _6={}),
    "it keeps a state between calls": changed_tensor(2, _5=("?", True)),
    "type 17 is not supported; fastjac reads float32": changed_tensor(2, _1=("b", 17)),
    "input 'x' holds int32, by which a network has no derivative": changed_tensor(0, _1=("b", 2)),
    r"its outputs \('y'\) hold no floating-point numbers": changed_tensor(1, _1=("b", 2)),
    "its weights are shuffled for quantized arithmetic": dense(weights_format=1),
    r"its activation 5 is not supported": dense(fused=5),
    r"node 0 'y' \(BIDIRECTIONAL_SEQUENCE_RNN\): it is a recurrent layer": lite.model(
        [lite.operator("BIDIRECTIONAL_SEQUENCE_RNN", [0], [1])], {"x": (None, 5)}, ["y"]
    ),
    r"node 0 'y' \(QUANTIZE\): it is quantized": lite.model([lite.operator("QUANTIZE", [0], [1])], {"x": (None, 5)}, ["y"]),
    r"node 0 'y' \(VAR_HANDLE\): its weights are variables": lite.model(
        [lite.operator("VAR_HANDLE", [0], [1])], {"x": (None, 5)}, ["y"]
    ),
    r"node 0 'y' \(CUSTOM \): it is an operator of the model's own": lite.model(
        [lite.operator("CUSTOM", [0], [1])], {"x": (None, 5)}, ["y"]
    ),
    r"\(ARG_MAX\): fastjac does not have it; it has .*; in all 2 nodes are missing: ARG_MAX \(1\), SEGMENT_SUM \(1\)": lite.model(
        [lite.operator("ARG_MAX", [0], [2]), lite.operator("SEGMENT_SUM", [2], [1])], {"x": (None, 5)}, ["y"], values=1
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_fastjac_does_not_have_is_named(message, tmp_path):
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(saved(tmp_path, REFUSED[message]))


DAMAGED = {
    "it holds no graph": lite.buffer({0: ("I", 3)}),
    r"float32 of shape \(4, 5\) takes 80 bytes, the file holds 60": changed_tensor(2, _0=np.array([4, 5], np.int32)),
    r"its shape \(-4, 5\) is none": changed_tensor(2, _0=np.array([-4, 5], np.int32)),
    "its bytes are in buffer 7 of 3": changed_tensor(2, _2=("I", 7)),
    "it has 17 axes in a shape": changed_tensor(2, _0=np.ones(17, np.int32)),
    r"refers to tensors \[0, 9\] of 2": lite.model([lite.operator("ADD", [0, 9], [1])], {"x": (None, 5)}, ["y"]),
    r"it takes '2', which nothing before it gives|float32 of shape \(1, 1\) takes 4 bytes": lite.model(
        [lite.operator("ADD", [0, 2], [1])], {"x": (None, 5)}, ["y"], values=1
    ),
    "it gives 5 tensors, and has 1 outputs": lite.model([lite.operator("UNPACK", [0], [1], axis=1)], {"x": (None, 5)}, ["y"]),
    "it has no operand 1, which its operator needs": lite.model([lite.operator("ADD", [0], [1])], {"x": (None, 5)}, ["y"]),
    "its operand 1 must hold whole numbers, it holds float32": lite.model(
        [lite.operator("SUM", [0, 2], [1])], {"x": (None, 5)}, ["y"], [np.ones(1, np.float32)]
    ),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_a_damaged_model_is_reported(message, tmp_path):
    with pytest.raises(FormatError, match=message):
        fastjac.load(saved(tmp_path, DAMAGED[message]))


def test_tensors_that_share_a_buffer_do_not_multiply_it(tmp_path):
    """Constants of a megabyte in half precision, all of them the same bytes."""
    count, size = 400, 1 << 19
    tensors = [lite.tensor("x", (size,)), lite.tensor("y", (size,)), *[lite.tensor("w", (size,), "float16", 1)] * count]
    operator = {0: ("I", 0), 1: np.array([0, *range(2, 2 + count)], np.int32), 2: np.array([1], np.int32)}
    graph = {0: tensors, 1: np.array([0], np.int32), 2: np.array([1], np.int32), 3: [operator]}
    content = lite.buffer({0: ("I", 3), 1: [{0: ("b", 106)}], 2: [graph], 4: [{}, {0: np.zeros(2 * size, np.uint8)}]})
    with pytest.raises(FormatError, match="the model claims to unpack to"):
        fastjac.load(saved(tmp_path, content))


def test_bytes_behind_the_flatbuffer_are_read(tmp_path):
    """As in files of more than 2 GB."""
    tensors = [lite.tensor("x", (None, 3)), lite.tensor("y", (None, 3)), lite.tensor("b", (3,), number=1)]
    graph = {0: tensors, 1: np.array([0], np.int32), 2: np.array([1], np.int32)}
    graph[3] = [{0: ("I", 0), 1: np.array([0, 2], np.int32), 2: np.array([1], np.int32)}]

    def content(offset):
        return lite.buffer({0: ("I", 3), 1: [{0: ("b", 0)}], 2: [graph], 4: [{}, {1: ("Q", offset), 2: ("Q", BIAS.nbytes)}]})

    size = len(content(2))
    net = fastjac.load(saved(tmp_path, content(size) + BIAS.tobytes()))
    np.testing.assert_array_equal(net(np.zeros(3)), BIAS)
    with pytest.raises(FormatError, match=rf"bytes {size + 1} to {size + 1 + BIAS.nbytes} are asked for, the file has"):
        fastjac.load(saved(tmp_path, content(size + 1) + BIAS.tobytes()))


def test_the_sine_of_the_micro_controllers(tmp_path):
    path = DATA / "hello_world_float.tflite"
    if not path.exists():
        pytest.skip("the file hello_world_float.tflite is not among this checkout's shared data")
    net = fastjac.load(path)
    model = root(path.read_bytes())
    contents = [table.array(0, "u1") for table in model.tables(4, 100, "buffers")]
    buffers = [None if content is None or content.size % 4 else content.view("<f4") for content in contents]
    tensors = model.tables(2, 1, "graphs")[0].tables(0, 100, "tensors")
    held = [(tuple(tensor.array(0, "<i4").tolist()), buffers[tensor.integer(2, "I")]) for tensor in tensors]
    weights = {shape: array.astype(float).reshape(shape) for shape, array in held if array is not None and len(shape) == 2}
    biases = [buffers[tensor.integer(2, "I")] for tensor in tensors if len(tensor.array(0, "<i4")) == 1]
    assert sorted(weights) == [(1, 16), (16, 1), (16, 16)]
    x = np.linspace(0, 2 * np.pi, 50)[:, None]

    def forward(first, second):
        h = np.maximum(x @ weights[16, 1].T + first, 0)
        return np.maximum(h @ weights[16, 16].T + second, 0) @ weights[1, 16].T

    found = net(x)
    candidates = [forward(*pair) + last for pair in itertools.permutations([b for b in biases if b.size == 16], 2)
                  for last in biases if last.size == 1]  # fmt: skip
    assert min(np.abs(candidate - found).max() for candidate in candidates) < 2e-6
    np.testing.assert_allclose(found, np.sin(x), atol=0.1)
    slopes = net.jacobian(x)[:, 0, 0]
    assert np.abs(slopes - np.cos(x[:, 0])).mean() < 0.15
