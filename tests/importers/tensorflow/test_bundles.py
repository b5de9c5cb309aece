"""The variables of SavedModels: their table, their files, and what is said where these are damaged or missing."""

import os
import random

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from ..fuzzing.mutation import damage_bytes
from . import graphs as gr
from .folders import LAYER, MODEL, NODES, write


def test_a_missing_file_of_variables_is_reported(tmp_path):
    folder = write(tmp_path)
    (folder / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(
        FormatError, match=r"variable 'layer/kernel.*': variables.data-00000-of-00001: there is no file .*copy the whole folder"
    ):
        fastjac.load(folder, outputs=["a"])
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(FormatError, match=r"variables.index: there is no file"):
        fastjac.load(folder)
    os.mkfifo(folder / "variables" / "variables.index")
    with pytest.raises(FormatError, match="is no regular file"):
        fastjac.load(folder)


def index_with(*fields):
    """A table of one variable, the first that the model reads."""
    return gr.table({b"": gr.message((1, 1)), b"layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": gr.message(*fields)})


BROKEN = {
    "it is not in variables.index; were all files": (gr.table({b"": gr.message((1, 1))}), FormatError),
    "it says that it stands in file 1 of 1": (index_with((1, 2), (2, gr.shape([5, 2])), (3, 1), (5, 80)), FormatError),
    r"float64 of shape \(5, 2\) does not take 79 bytes": (index_with((1, 2), (2, gr.shape([5, 2])), (5, 79)), FormatError),
    "bytes 10000 to 10080 are asked for, it has": (
        index_with((1, 2), (2, gr.shape([5, 2])), (4, 10000), (5, 80)),
        FormatError,
    ),
    "it is stored in slices": (index_with((1, 2), (2, gr.shape([5, 2])), (5, 80), (7, b"")), UnsupportedLayerError),
    "element type 7 is not supported": (index_with((1, 7), (2, gr.shape([5, 2])), (5, 80)), UnsupportedLayerError),
    "it does not end as a table of TensorFlow's does": (b"hello", FormatError),
    "its variables are stored big-endian": (gr.table({b"": gr.message((1, 1), (2, 1))}), UnsupportedLayerError),
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_table_of_variables_is_reported(message, tmp_path):
    content, error = BROKEN[message]
    folder = write(tmp_path)
    (folder / "variables" / "variables.index").write_bytes(content)
    with pytest.raises(error, match=message):
        fastjac.load(folder)


def test_a_compressed_table_is_refused(tmp_path):
    folder = write(tmp_path)
    index = folder / "variables" / "variables.index"
    content = bytearray(index.read_bytes())
    for place in range(len(content) - 48):
        changed = bytearray(content)
        changed[place] = 1
        index.write_bytes(changed)
        try:
            fastjac.load(folder)
        except UnsupportedLayerError as error:
            if "its table of variables is compressed" in str(error):
                return
        except FormatError:
            pass
    pytest.fail("no byte says how a block is packed")


def test_variables_that_share_their_bytes_do_not_multiply_them(tmp_path):
    """A hundred variables of a megabyte each, all of them the same bytes."""
    names = [f"v{i:03d}" for i in range(100)]
    size = 1 << 20
    nodes = [gr.const("names", names), gr.const("slices", [""] * len(names)), gr.node("r", "RestoreV2", "p", "names", "slices")]
    for i, name in enumerate(names):
        nodes += [gr.node(name, "VariableV2"), gr.node(f"a{name}", "Assign", name, f"r:{i}")]
    nodes += [gr.placeholder("x", (None, size // 8)), gr.node("y", "AddN", "x", *names)]
    served = {"serving_default": gr.signature({"x": gr.end("x:0", (None, size // 8))}, {"y": gr.end("y:0", (None, 1))})}
    folder = write(tmp_path, nodes=nodes, functions=(), signatures=served, variables={"v": np.zeros(size // 8)})
    entry = gr.message((1, 2), (2, gr.shape([size // 8])), (5, size))
    (folder / "variables" / "variables.index").write_bytes(
        gr.table({b"": gr.message((1, 1)), **{n.encode(): entry for n in names}})
    )
    with pytest.raises(FormatError, match="what is read of it claims to unpack to"):
        fastjac.load(folder)


def test_a_variable_that_is_never_restored_is_reported(tmp_path):
    functions = (LAYER, MODEL)
    nodes = NODES[:-1]
    with pytest.raises(UnsupportedLayerError, match=r"constant 'variable_kernel:0': the model does not say where its value is"):
        fastjac.load(write(tmp_path, functions=functions, nodes=nodes))


def test_a_damaged_table_ends_in_a_network_or_in_an_error_of_fastjacs_own(tmp_path):
    folder = write(tmp_path)
    index = folder / "variables" / "variables.index"
    content = index.read_bytes()
    refused = []
    for number in range(400):
        index.write_bytes(damage_bytes(content, random.Random(number)))
        try:
            fastjac.load(folder)
        except fastjac.FastjacError as error:
            refused.append(str(error))
    assert 20 < len(refused) < 380
    assert all(refused)
