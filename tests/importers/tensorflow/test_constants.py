"""Constants that a file holds in several forms, or computes."""

import ml_dtypes
import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from . import graphs as gr
from . import lite


def added(path, *nodes, dims=(None, 3), **options):
    """What a graph adds to its input: the value of node k, for one sample."""
    path.write_bytes(gr.graph(gr.placeholder("x", dims), *nodes, gr.node("y", "Add", "x", "k")))
    net = fastjac.load(path, **options)
    return net(np.zeros(net.n_in))


def ints(name, *numbers):
    return gr.const(name, np.array(numbers, np.int32))


def number(name, value):
    return gr.const(name, np.array(value))


COMPUTED = {
    "filled": ([ints("n", 3), number("v", 0.5), gr.node("k", "Fill", "n", "v")], [0.5] * 3),
    "ones": ([number("v", [1.0, 2, 3]), gr.node("k", "OnesLike", "v")], [1.0] * 3),
    "zeros": ([number("v", [1.0, 2, 3]), gr.node("k", "ZerosLike", "v")], [0.0] * 3),
    "ones of the input's shape": ([gr.node("k", "OnesLike", "x")], [1.0] * 3),
    "counted": ([*(number(name, value) for name, value in zip("abc", (1.0, 2.5, 0.5), strict=True)),
                 gr.node("k", "Range", "a", "b", "c")], [1.0, 1.5, 2.0]),
    "floor": ([number("v", [1.5, -1.5, 2]), gr.node("k", "Floor", "v")], [1.0, -2, 2]),
    "ceil": ([number("v", [1.5, -1.5, 2]), gr.node("k", "Ceil", "v")], [2.0, -1, 2]),
    "round": ([number("v", [0.5, 1.5, -1.2]), gr.node("k", "Round", "v")], [0.0, 2, -1]),
    "whole quotient": ([number("v", [7.0, -7, 4]), number("w", 2.0), gr.node("k", "FloorDiv", "v", "w")], [3.0, -4, 2]),
    "remainder": ([number("v", [7.0, -7, 4]), number("w", 4.0), gr.node("k", "FloorMod", "v", "w")], [3.0, 1, 0]),
    "size": ([number("v", [1.0, 2, 3]), gr.node("s", "Size", "v"), gr.node("k", "Cast", "s", DstT=gr.Type(2))], [3.0] * 3),
    "rank": ([gr.node("s", "Rank", "x"), gr.node("k", "Cast", "s", DstT=gr.Type(2))], [2.0] * 3),
    "shape": ([number("v", [1.0, 2, 3]), gr.node("s", "Shape", "v"), gr.node("k", "Cast", "s", DstT=gr.Type(2))], [3.0] * 3),
    "several": ([number("a", 2.0), gr.node("n", "IdentityN", "a", "a"), gr.node("k", "Neg", "n:1")], [-2.0] * 3),
    "default": ([number("a", 1.5), gr.node("k", "PlaceholderWithDefault", "a")], [1.5] * 3),
    "gathered": ([number("v", [1.0, 2, 3]), ints("i", 2, 0, 1), gr.node("k", "Gather", "v", "i")], [3.0, 1, 2]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPUTED)
def test_constants_are_computed_beforehand(name, tmp_path):
    nodes, expected = COMPUTED[name]
    np.testing.assert_array_equal(added(tmp_path / "model.pb", *nodes), expected)


HELD = {
    "half precision": gr.message((1, 19), (2, gr.shape([3])), (4, np.array([1, 2, 3.5], np.float16).tobytes())),
    "bfloat16": gr.message((1, 14), (2, gr.shape([3])), (4, np.array([1, 2, 3.5], ml_dtypes.bfloat16).tobytes())),
    "listed half precision": gr.message(
        (1, 19), (2, gr.shape([3])), *((13, int(n)) for n in np.array([1, 2, 3.5], np.float16).view(np.uint16))
    ),
    "listed": gr.message((1, 1), (2, gr.shape([3])), (5, 1.0), (5, 2.0), (5, 3.5)),
    "packed": gr.message((1, 1), (2, gr.shape([3])), (5, np.array([1, 2, 3.5], np.float32).tobytes())),
    "listed doubles": gr.message((1, 2), (2, gr.shape([3])), (6, np.array([1, 2, 3.5]).tobytes())),
}


@pytest.mark.parametrize("name", HELD)
def test_tensors_are_read_in_every_form(name, tmp_path):
    assert added(tmp_path / "a.pb", gr.node("k", "Const", value=gr.Held(HELD[name]))).tolist() == [1, 2, 3.5]


@pytest.mark.parametrize(("listed", "expected"), [([1.0, 2.0], [1, 2, 2]), ([0.5], [0.5] * 3), ([], [0] * 3)])
def test_the_last_listed_entry_stands_for_the_rest(listed, expected, tmp_path):
    tensor = gr.message((1, 1), (2, gr.shape([3])), *((5, entry) for entry in listed))
    assert added(tmp_path / "model.pb", gr.node("k", "Const", value=gr.Held(tensor))).tolist() == expected


WHOLE = {
    "bytes": gr.message((1, 3), (2, gr.shape([2])), (4, np.array([1, -1], np.int32).tobytes())),
    "listed": gr.message((1, 3), (2, gr.shape([2])), (7, 1), (7, -1)),
    "packed": gr.message((1, 9), (2, gr.shape([2])), (10, gr.varint(1) + gr.varint(-1))),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_read_in_every_form(name, tmp_path):
    nodes = [gr.placeholder("x", (None, 2, 2)), gr.node("s", "Const", value=gr.Held(WHOLE[name]))]
    (tmp_path / "model.pb").write_bytes(gr.graph(*nodes, gr.node("r", "Reshape", "x", "s"), gr.node("y", "Tanh", "r")))
    net = fastjac.load(tmp_path / "model.pb", n_in=4)
    np.testing.assert_allclose(net(np.ones(4)), np.tanh(np.ones(4)), rtol=1e-12)


DAMAGED = {
    "float64 of shape \\(3,\\) takes 24 bytes, the file holds 8": gr.message((1, 2), (2, gr.shape([3])), (4, bytes(8))),
    "float32 of shape \\(1,\\) takes 1 entries, the file lists 2": gr.message((1, 1), (2, gr.shape([1])), (5, 1.0), (5, 1.0)),
    "its shape \\(-2,\\) is none": gr.message((1, 1), (2, gr.shape([-2])), (5, 1.0)),
    "the model claims to unpack to .* bytes": gr.message((1, 1), (2, gr.shape([1 << 40])), (5, 1.0)),
    "field 4 of a message does not hold bytes": gr.message((1, 1), (2, gr.shape([1])), (4, 7)),
    "field 5 of a message does not hold numbers of 4 bytes": gr.message((1, 1), (2, gr.shape([1])), (5, b"abc")),
    "it has 17 axes in a shape": gr.message((1, 1), (2, gr.shape([1] * 17)), (5, 1.0)),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_a_damaged_tensor_is_reported(message, tmp_path):
    with pytest.raises(FormatError, match=rf"constant 'k:0': {message}"):
        added(tmp_path / "model.pb", gr.node("k", "Const", value=gr.Held(DAMAGED[message])))


def test_texts_are_no_numbers(tmp_path):
    with pytest.raises(UnsupportedLayerError, match="constant 'k:0': element type 7 is not supported; fastjac reads float32"):
        added(tmp_path / "model.pb", gr.node("k", "Const", value=gr.Held(gr.tensor(["a"]))))


LITE_COMPUTED = {
    "FILL": ([np.array([3], np.int32), np.float32(0.5)], [0.5] * 3),
    "ZEROS_LIKE": ([np.ones(3, np.float32)], [0.0] * 3),
    "RANGE": ([np.float32(1.0), np.float32(2.5), np.float32(0.5)], [1.0, 1.5, 2.0]),
    "FLOOR": ([np.array([1.5, -1.5, 2], np.float32)], [1.0, -2, 2]),
    "CEIL": ([np.array([1.5, -1.5, 2], np.float32)], [2.0, -1, 2]),
    "ROUND": ([np.array([0.5, 1.5, -1.2], np.float32)], [0.0, 2, -1]),
    "FLOOR_DIV": ([np.array([7, -7, 4], np.float32), np.float32(2)], [3.0, -4, 2]),
    "FLOOR_MOD": ([np.array([7, -7, 4], np.float32), np.float32(4)], [3.0, 1, 0]),
    "SHAPE": ([np.ones(3, np.float32)], [3.0] * 3),
    "RANK": ([np.ones(3, np.float32)], [1.0] * 3),
    "DEQUANTIZE": ([np.array([1, 2, 3.5], np.float16)], [1.0, 2, 3.5]),
    "ADD_N": ([np.ones(3, np.float32), np.array([1, 2, 3], np.float32)], [2.0, 3, 4]),
}


@pytest.mark.parametrize("name", LITE_COMPUTED)
def test_a_lite_model_computes_constants(name, tmp_path):
    operands, expected = LITE_COMPUTED[name]
    constants = [np.asarray(one) for one in operands]
    last = 2 + len(constants)
    nodes = [
        lite.operator(name, range(2, last), [last]),
        lite.operator("CAST", [last], [last + 1], out_data_type=0),
        lite.operator("ADD", [0, last + 1], [1]),
    ]
    (tmp_path / "model.tflite").write_bytes(lite.model(nodes, {"x": (None, 3)}, ["y"], constants, 2))
    np.testing.assert_array_equal(fastjac.load(tmp_path / "model.tflite")(np.zeros(3)), expected)
