"""Damaged and hostile files end in an error that says what is wrong, before memory is taken."""

import random as stdlib_random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import fastjac
from fastjac.errors import FileError, FormatError
from fastjac.importers import Options
from fastjac.importers.onnx import load
from fastjac.importers.reading.probe import probe
from fastjac.importers.reading.wire import LENGTH, VARINT, check_message, fields

from .graphs import field, random, saved, small_file, varint, written

CONTENT = small_file()


# Damaged files


def load_bytes(content: bytes, folder: Path) -> fastjac.Network:
    path = folder / "model.onnx"
    path.write_bytes(content)
    return fastjac.load(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_reported(share, tmp_path):
    with pytest.raises(FormatError, match=r"model.onnx.*(truncated|no format that fastjac knows)"):
        load_bytes(CONTENT[: int(len(CONTENT) * share)], tmp_path)


def test_a_file_cut_anywhere_ends_in_an_error():
    for length in range(len(CONTENT)):
        with pytest.raises(FormatError):
            fastjac.from_onnx(CONTENT[:length])


def test_any_byte_changed_ends_in_a_network_or_in_an_error():
    rng = stdlib_random.Random(5)
    outcomes = {"network": 0, "error": 0}
    for _ in range(1500):
        content = bytearray(CONTENT)
        for _ in range(rng.choice((1, 1, 2, 5))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            fastjac.from_onnx(bytes(content))
            outcomes["network"] += 1
        except fastjac.FastjacError:
            outcomes["error"] += 1
    assert min(outcomes.values()) > 100


def test_fields_are_walked_as_protobuf_has_them():
    message = b"\x08\x96\x01" + field(2, b"abc") + b"\x1d\0\0\0\0" + b"\x21" + b"\0" * 8
    assert list(fields(message, 0, len(message))) == [(1, VARINT, 1, 3), (2, LENGTH, 5, 8), (3, 5, 9, 13), (4, 1, 14, 22)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (field(2, b"abc")[:-1], "field 2 at byte 0 reaches to byte 5, 1 beyond what holds it; the file is truncated"),
        (b"\x0b", "byte 0 starts a field of wire type 3, which none of fastjac's formats has"),
        (b"\x0f", "wire type 7"),
        (b"\x02\x00", "byte 0 starts a field of number 0, which no message has"),
        (b"\x08" + b"\xff" * 20, "no number starts at byte 1, where one should"),
        (b"\x08", "no number starts at byte 1"),
        (b"\x12" + varint(2**63), "field 2 at byte 0 reaches to byte"),
    ],
)
def test_bytes_that_are_no_message_are_reported(content, message):
    with pytest.raises(FormatError, match=message):
        list(fields(content, 0, len(content)))
    with pytest.raises(FormatError, match=message):
        fastjac.from_onnx(content)


# Hostile files


def test_millions_of_empty_nodes_are_not_parsed():
    with pytest.raises(FormatError, match="it has more than 300000 protobuf fields"):
        fastjac.from_onnx(b"\x08\x09" + field(7, b"\x0a\x00" * 2_000_000))


def test_deeply_nested_graphs_are_not_parsed():
    graph = b""
    for _ in range(200):
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(FormatError, match="it has 101 levels of messages; fastjac reads files of up to 100"):
        fastjac.from_onnx(b"\x08\x09" + field(7, graph))


def test_what_only_protobuf_itself_refuses_is_reported():
    with pytest.raises(FormatError, match=r"it cannot be parsed as an ONNX model .*; it is truncated or damaged"):
        fastjac.from_onnx(b"\x08\x09" + field(7, field(1, field(5, field(8, b"\x80")))))  # a list that ends within a number


def test_a_file_that_cannot_be_read_is_reported(tmp_path):
    found = probe(saved(onnx.load_model_from_string(CONTENT), tmp_path))
    found.path.unlink()
    with pytest.raises(FileError, match="it cannot be read: No such file or directory"):
        load(found, Options())


def test_what_is_not_a_message_is_not_walked():
    check_message(field(2, b"\xff" * 40), onnx.ModelProto.DESCRIPTOR)


def test_many_nodes_are_refused():
    proto = written("; ".join(["a0 = Tanh(x)"] + [f"a{i} = Tanh(a{i - 1})" for i in range(1, 11_000)] + ["y = Relu(a10999)"]))
    with pytest.raises(FormatError, match="it has 11001 nodes; fastjac reads files of up to 10000"):
        fastjac.from_onnx(proto.SerializeToString())


def test_a_name_of_megabytes_is_refused():
    proto = written("y = Tanh(x)")
    proto.graph.node[0].name = "a" * 1_000_000
    with pytest.raises(FormatError, match="node 0: it has 1000000 letters in a name; fastjac reads files of up to 10000"):
        fastjac.from_onnx(proto)


def test_a_name_that_is_no_text_is_refused():
    content = written("y = Tanh(x)").SerializeToString().replace(b"Tanh", b"\xff\xfe\xfd\xfc")
    with pytest.raises(FormatError, match=r"the name b'\\xff\\xfe\\xfd\\xfc' is not valid UTF-8"):
        fastjac.from_onnx(content)


def test_two_things_of_one_name_are_refused():
    proto = written("y = MatMul(x, w)", w=random(5, 3))
    proto.graph.initializer.add().CopyFrom(proto.graph.initializer[0])
    with pytest.raises(FormatError, match="two things have the name 'w' where it must be one"):
        fastjac.from_onnx(proto)


def test_an_input_of_exabytes_is_refused():
    with pytest.raises(FormatError, match="it has 1125899906842624 units in its input; fastjac reads files of up to 16777216"):
        fastjac.from_onnx(written("y = Tanh(x)", ("N", 1 << 25, 1 << 25)))


def test_many_axes_are_refused():
    with pytest.raises(FormatError, match="it has 1000 axes in an input; fastjac reads files of up to 16"):
        fastjac.from_onnx(written("y = Tanh(x)", [1] * 1000))
    text = "; ".join(["a0 = Identity(x)"] + [f"a{i} = Unsqueeze(a{i - 1}, z)" for i in range(1, 30)] + ["y = Tanh(a29)"])
    with pytest.raises(FormatError, match="it has 17 axes in a value; fastjac reads files of up to 16"):
        fastjac.from_onnx(written(text, z=np.array([0])))


def test_an_attribute_of_a_function_is_refused():
    proto = written("y = Elu(x)")
    proto.graph.node[0].attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="beta"))
    with pytest.raises(FormatError, match="its attribute alpha must be of type 1 of AttributeProto with a value of its own"):
        fastjac.from_onnx(proto)


def test_an_attribute_that_is_no_text_is_refused():
    proto = written("y = Gelu(x)")
    proto.graph.node[0].attribute.append(helper.make_attribute("approximate", b"\xff\xfe"))
    with pytest.raises(fastjac.errors.OptionError, match="approximate must be"):
        fastjac.from_onnx(proto)


def test_a_graph_without_anything_is_reported():
    with pytest.raises(FormatError, match="it does not state the opset"):
        fastjac.from_onnx(b"\x08\x09" + field(7, b""))
    with pytest.raises(FormatError, match="it has no output that depends on an input"):
        fastjac.from_onnx(b"\x08\x09" + field(7, b"") + field(8, b"\x10\x0d"))
