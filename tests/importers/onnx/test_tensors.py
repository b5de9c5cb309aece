"""Tensors in every form in which a file may hold them, and those whose declared shape and bytes contradict each other."""

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import model, random, written

VALUES = np.array([[0.5, -1.25, 3.0], [1e-3, 7.0, -0.1]])
TYPES = {
    "FLOAT": (TensorProto.FLOAT, np.float32, np.float32),
    "DOUBLE": (TensorProto.DOUBLE, np.float64, np.float64),
    "FLOAT16": (TensorProto.FLOAT16, np.float16, np.float32),
    "BFLOAT16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, np.float32),
}


def with_weight(tensor: onnx.TensorProto) -> onnx.ModelProto:
    """A MatMul with that tensor."""
    tensor.name = "w"
    proto = written("y = MatMul(x, w)", ("N", 2))
    if tensor.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE):
        proto.graph.input[0].type.tensor_type.elem_type = tensor.data_type
    proto.graph.initializer.append(tensor)
    return proto


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "numbers"])
@pytest.mark.parametrize("name", TYPES)
def test_weights_of_every_precision(name, raw):
    number, stored, imported = TYPES[name]
    values = VALUES.astype(stored)
    entries = values.tobytes() if raw else values.ravel().tolist()
    net = fastjac.from_onnx(with_weight(helper.make_tensor("w", number, [2, 3], entries, raw)))
    assert net.dtype == imported
    np.testing.assert_array_equal(net[0].weight, values.astype(imported).T)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "numbers"])
@pytest.mark.parametrize(
    ("number", "dtype"),
    [
        (TensorProto.INT8, "i1"),
        (TensorProto.UINT8, "u1"),
        (TensorProto.INT16, "i2"),
        (TensorProto.UINT16, "u2"),
        (TensorProto.INT32, "i4"),
        (TensorProto.UINT32, "u4"),
        (TensorProto.INT64, "i8"),
        (TensorProto.UINT64, "u8"),
        (TensorProto.BOOL, "?"),
    ],
)
def test_whole_numbers_of_every_width(number, dtype, raw):
    values = np.array([[0, 1, 127], [-1, 2, 3]]).astype(dtype)
    proto = with_weight(helper.make_tensor("w", number, [2, 3], values.tobytes() if raw else values.ravel().tolist(), raw))
    del proto.graph.node[:]
    proto.graph.node.extend(written("d = Cast <to = 11> (w); y = MatMul(x, d)").graph.node)
    np.testing.assert_array_equal(fastjac.from_onnx(proto)[0].weight, values.astype(np.float64).T)


def test_double_and_single_precision_together_are_double():
    proto = written("a = MatMul(x, w); y = MatMul(a, v)", ("N", 2), w=VALUES.astype(np.float32), v=random(3, 2))
    net = fastjac.from_onnx(proto)
    assert net.dtype == np.float64
    np.testing.assert_array_equal(net[0].weight, VALUES.astype(np.float32).astype(np.float64).T)


def damaged(**fields):
    tensor = numpy_helper.from_array(VALUES)
    for name, value in fields.items():
        if isinstance(value, list):
            del getattr(tensor, name)[:]
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return with_weight(tensor)


DAMAGED = {
    "DOUBLE of shape (2, 3) takes 48 bytes, the file holds 47 for it; it is truncated": damaged(raw_data=VALUES.tobytes()[:-1]),
    "DOUBLE of shape (2, 3) takes 48 bytes, the file holds 0": damaged(raw_data=b""),
    "DOUBLE of shape (1048576, 1048576, 1024) takes 9007199254740992 bytes, the file holds 48": damaged(
        dims=[1 << 20, 1 << 20, 1024]
    ),
    "its shape (9223372036854775807,) is none": damaged(dims=[2**63 - 1]),
    "its shape (0, 4611686018427387904, 4611686018427387904) is none": damaged(dims=[0, 2**62, 2**62], raw_data=b""),
    "its shape (-2, -3) is none": damaged(dims=[-2, -3]),
    "it has 100 axes in a shape": damaged(dims=[1] * 100),
    "FLOAT of shape (2, 3) takes 24 bytes, the file holds 48": damaged(data_type=TensorProto.FLOAT),
    "FLOAT16 of shape (7,) takes 14 bytes, the file holds 6": with_weight(
        onnx.TensorProto(data_type=TensorProto.FLOAT16, dims=[7], int32_data=[1, 2, 3])
    ),
}


@pytest.mark.parametrize(("message", "proto"), DAMAGED.items(), ids=range(len(DAMAGED)))
def test_a_tensor_that_contradicts_itself_is_reported(message, proto):
    with pytest.raises(FormatError, match="constant 'w'") as caught:
        fastjac.from_onnx(proto)
    assert message in str(caught.value)


@pytest.mark.parametrize("number", [TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.FLOAT8E4M3FN, TensorProto.INT4, 0, 99])
def test_other_types_are_refused_where_they_are_used(number):
    tensor = onnx.TensorProto(data_type=number, dims=[1])
    with pytest.raises(
        UnsupportedLayerError, match=f"constant 'w': element type {number} is not supported; fastjac reads FLOAT, "
    ):
        fastjac.from_onnx(with_weight(tensor))
    unused = with_weight(tensor)
    unused.graph.node[0].CopyFrom(helper.make_node("Tanh", ["x"], ["y"]))
    assert fastjac.from_onnx(unused).n_in == 2


@pytest.mark.parametrize(
    ("dims", "indices"),
    [([1 << 20, 1 << 20], [0]), ([3, 2], [7]), ([3, 2], [[0, 5]]), ([3, 2], [[0, 0, 0]]), ([-1, 2], [0]), ([3, 2], [0, 1])],
)
def test_a_sparse_tensor_that_contradicts_itself_is_reported(dims, indices):
    values = numpy_helper.from_array(np.array([1.5]), "w")
    sparse = onnx.SparseTensorProto(values=values, indices=numpy_helper.from_array(np.array(indices)), dims=dims)
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], ("N", 3))
    proto.graph.sparse_initializer.append(sparse)
    if indices == [0, 1]:
        np.testing.assert_array_equal(fastjac.from_onnx(proto)[0].weight, [[1.5, 0.0, 0.0], [1.5, 0.0, 0.0]])
    else:
        with pytest.raises(FormatError, match=r"constant 'w': (its|the model claims)"):
            fastjac.from_onnx(proto)
