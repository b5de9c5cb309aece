"""Folders of SavedModels: signatures, functions, variables, and what is said where one of these is missing."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.errors import FileError, FormatError, OptionError, UnsupportedLayerError
from fastjac.importers import Options, read

from ..fuzzing.mutation import damage_bytes
from . import graphs as gr

RNG = np.random.default_rng(2)
WEIGHT, BIAS, LAST = RNG.normal(size=(4, 5)), RNG.normal(size=5), RNG.normal(size=(5, 2))
VARIABLES = {"layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": WEIGHT, "layer/bias/.ATTRIBUTES/VARIABLE_VALUE": BIAS, "w": LAST}
RESOURCES = ("kernel", "bias", "last")


def restoring(names=tuple(VARIABLES), slices=None):
    """The function that assigns each resource what is stored under a name."""
    nodes = [gr.const("names", list(names)), gr.const("slices", slices or [""] * len(names))]
    nodes.append(gr.node("RestoreV2", "RestoreV2", "prefix", "names:output:0", "slices:output:0"))
    for i, resource in enumerate(RESOURCES):
        nodes.append(gr.node(f"Identity{i}", "Identity", f"RestoreV2:tensors:{i}"))
        nodes.append(gr.node(f"Assign{i}", "AssignVariableOp", resource, f"Identity{i}:output:0"))
    return gr.function("restore_all", ["prefix", *RESOURCES], {}, *nodes)


LAYER = gr.function(
    "layer",
    ["inputs", "w", "b"],
    {"out": "Identity:output:0"},
    gr.node("Read", "ReadVariableOp", "w"),
    gr.node("MatMul", "MatMul", "inputs", "Read:value:0"),
    gr.node("Read_1", "ReadVariableOp", "b"),
    gr.node("BiasAdd", "BiasAdd", "MatMul:product:0", "Read_1:value:0"),
    gr.node("Tanh", "Tanh", "BiasAdd:output:0"),
    gr.node("Identity", "Identity", "Tanh:y:0", "^NoOp"),
    gr.node("NoOp", "NoOp", "^Read", "^Read_1"),
)
MODEL = gr.function(
    "model",
    ["x", "k", "b", "l"],
    {"first": "Last:product:0", "second": "x"},
    gr.node("called", "StatefulPartitionedCall", "x", "k", "b", f=gr.Called("layer")),
    gr.node("Read", "ReadVariableOp", "l"),
    gr.node("Last", "MatMul", "called:output:0", "Read:value:0"),
)
NODES = (
    *(gr.node(f"variable_{name}", "VarHandleOp", shared_name=name) for name in RESOURCES),
    gr.placeholder("serving_x", (None, 4)),
    gr.node("call", "PartitionedCall", "serving_x", *(f"variable_{name}" for name in RESOURCES), f=gr.Called("model")),
    gr.placeholder("saver", ()),
    gr.node(
        "restore", "StatefulPartitionedCall", "saver", *(f"variable_{name}" for name in RESOURCES), f=gr.Called("restore_all")
    ),
)
ENDS = {"x": gr.end("serving_x:0", (None, 4))}, {"a": gr.end("call:0", (None, 2)), "b": gr.end("call:1", (None, 4))}
SERVED = {"serving_default": gr.signature(*ENDS), "__saved_model_init_op": gr.signature({}, {})}


RESTORING = restoring()


def write(folder, *, functions=(LAYER, MODEL, RESTORING), nodes=NODES, signatures=SERVED, variables=VARIABLES):
    content = gr.saved_model(gr.graph(*nodes, functions=functions), signatures)
    return gr.write_folder(folder / "model", content, variables)


def expected(x):
    return np.tanh(x @ WEIGHT + BIAS) @ LAST


def test_a_folder_is_read_through_its_functions(tmp_path):
    folder = write(tmp_path)
    x = RNG.normal(size=(3, 4))
    h = np.tanh(x @ WEIGHT + BIAS)
    for path in (folder, str(folder), folder / "saved_model.pb"):
        net = fastjac.load(path)
        first, second = net(x)
        np.testing.assert_allclose(first, expected(x), rtol=1e-12)
        np.testing.assert_array_equal(second, x)
        jac = np.einsum("ij,bj,jk->bki", WEIGHT, 1 - h * h, LAST)
        np.testing.assert_allclose(net.jacobian(x)[0], jac, rtol=1e-11, atol=1e-13)


def test_outputs_are_chosen_by_the_names_of_the_signature(tmp_path):
    folder = write(tmp_path)
    x = RNG.normal(size=(3, 4))
    np.testing.assert_allclose(fastjac.load(folder, outputs=["a"])(x), expected(x), rtol=1e-12)
    with pytest.raises(OptionError, match=r"outputs must name some of the model's, which are 'a', 'b'; got 'c'"):
        fastjac.load(folder, outputs=["c"])
    with pytest.raises(OptionError, match=r"inputs must name 'x', each once"):
        fastjac.load(folder, inputs=["y"])


def test_inputs_of_a_signature_are_sorted_by_name_or_chosen(tmp_path):
    nodes = [gr.placeholder("p", (None, 3)), gr.placeholder("q", (None, 3)), gr.node("y", "Sub", "p", "q")]
    ends = {"u": gr.end("p:0", (None, 3)), "a": gr.end("q:0", (None, 3))}, {"y": gr.end("y:0", (None, 3))}
    folder = write(tmp_path, functions=(), nodes=nodes, signatures={"other": gr.signature(*ends)})
    one, other = RNG.normal(size=(2, 3))
    np.testing.assert_array_equal(fastjac.load(folder)((one, other)), other - one)
    np.testing.assert_array_equal(fastjac.load(folder, inputs=["u", "a"])((one, other)), one - other)


def test_parts_name_nodes_by_their_calls(tmp_path):
    name, imported = read(write(tmp_path), Options(outputs=["a"]))
    assert name == "TensorFlow SavedModels (folders)"
    sources = [part.source for part in imported.parts]
    assert sources[:2] == ["x (input)", "nodes of constants (ReadVariableOp)"]
    assert "call/called/Tanh (Tanh)" in sources
    assert imported.parts[0].note == "float64 (N, 4), a sample is (4,)"


def test_a_graph_of_version_1_assigns_its_variables_itself(tmp_path):
    nodes = [
        gr.node("w", "VariableV2"),
        gr.const("names", ["scope/w"]),
        gr.const("slices", [""]),
        gr.node("restored", "RestoreV2", "saver", "names", "slices"),
        gr.node("assigned", "Assign", "w", "restored"),
        gr.node("initialized", "Assign", "w", "names"),
        gr.placeholder("x", (None, 4)),
        gr.node("y", "MatMul", "x", "w"),
    ]
    served = {"serving_default": gr.signature({"x": gr.end("x:0", (None, 4))}, {"y": gr.end("y:0", (None, 5))})}
    folder = write(tmp_path, nodes=nodes, functions=(), signatures=served, variables={"scope/w": WEIGHT})
    np.testing.assert_allclose(fastjac.load(folder).jacobian(np.zeros(4)), WEIGHT.T, rtol=1e-12)


def test_a_signature_that_is_not_known_is_told(tmp_path):
    ends = gr.signature(*ENDS)
    with pytest.raises(UnsupportedLayerError, match=r"it has no signature 'serving_default', but 'p', 'q'; save it with the one"):
        fastjac.load(write(tmp_path / "1", signatures={"p": ends, "q": ends}))
    with pytest.raises(UnsupportedLayerError, match=r"it has no signature 'serving_default', but none; save it"):
        fastjac.load(write(tmp_path / "2", signatures={}))


def test_a_missing_file_of_variables_is_told(tmp_path):
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
def test_a_broken_table_of_variables_is_told(message, tmp_path):
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


def test_a_variable_that_is_never_restored_is_told(tmp_path):
    functions = (LAYER, MODEL)
    nodes = NODES[:-1]
    with pytest.raises(UnsupportedLayerError, match=r"constant 'variable_kernel:0': the model does not say where its value is"):
        fastjac.load(write(tmp_path, functions=functions, nodes=nodes))


FUNCTIONS = {
    r"it calls 'layer', which is no function of the file": None,
    r"node 'Tanh' depends on itself": gr.function(
        "layer",
        ["inputs", "w", "b"],
        {"out": "Tanh:y:0"},
        gr.node("Tanh", "Tanh", "Sin:y:0"),
        gr.node("Sin", "Sin", "Tanh:y:0"),
    ),
    r"'layer' does not say what it returns": gr.message((1, gr.message((1, "layer"), (3, gr.message((1, "out")))))),
    r"'Tan' is nowhere in the graph": gr.function("layer", ["inputs", "w", "b"], {"out": "Tan:y:0"}),
    r"it has 101 levels of functions that call functions": gr.function(
        "layer",
        ["inputs", "w", "b"],
        {"out": "again:output:0"},
        gr.node("again", "PartitionedCall", "inputs", "w", "b", f=gr.Called("layer")),
    ),
    r"it waits until 'Assign' has changed a variable": gr.function(
        "layer",
        ["inputs", "w", "b"],
        {"out": "Tanh:y:0"},
        gr.node("Tanh", "Tanh", "inputs", "^Assign"),
        gr.node("Assign", "AssignAddVariableOp", "w", "b"),
    ),
    r"\(Placeholder\): it is an input that the model's signature does not name": gr.function(
        "layer",
        ["inputs", "w", "b"],
        {"out": "Add:z:0"},
        gr.placeholder("p", (1,)),
        gr.node("Add", "Add", "inputs", "p:output:0"),
    ),
}


@pytest.mark.parametrize("message", FUNCTIONS)
def test_a_damaged_function_is_told(message, tmp_path):
    layer = FUNCTIONS[message]
    functions = (MODEL, RESTORING) if layer is None else (layer, MODEL, RESTORING)
    with pytest.raises((FormatError, UnsupportedLayerError), match=message):
        fastjac.load(write(tmp_path, functions=functions))


def test_a_function_with_other_arguments_is_told(tmp_path):
    layer = gr.function("layer", ["inputs"], {"out": "Tanh:y:0"}, gr.node("Tanh", "Tanh", "inputs"))
    with pytest.raises(
        FormatError, match=r"'call/called' \(StatefulPartitionedCall\): it calls a function of 1 arguments with 3"
    ):
        fastjac.load(write(tmp_path, functions=(layer, MODEL, RESTORING)))


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"is a directory; fastjac loads single files, and folders with a saved_model.pb"):
        fastjac.load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"hello")
    with pytest.raises(FormatError, match=r"saved_model.pb is of no format that fastjac knows"):
        fastjac.load(Path(tmp_path))


def test_calls_of_calls_do_not_multiply(tmp_path):
    """Each of fifty functions calls the next one twice."""
    functions = [
        gr.function(
            f"f{i}",
            ["x"],
            {"y": "b:output:0"},
            gr.node("a", "PartitionedCall", "x", f=gr.Called(f"f{i + 1}")),
            gr.node("b", "PartitionedCall", "a:output:0", f=gr.Called(f"f{i + 1}")),
        )
        for i in range(50)
    ]
    functions.append(gr.function("f50", ["x"], {"y": "x"}))
    nodes = [gr.placeholder("x", (None, 3)), gr.node("y", "PartitionedCall", "x", f=gr.Called("f0"))]
    served = {"serving_default": gr.signature({"x": gr.end("x:0", (None, 3))}, {"y": gr.end("y:0", (None, 3))})}
    with pytest.raises(FormatError, match=r"it has 10001 nodes, or results of these"):
        fastjac.load(write(tmp_path, functions=functions, nodes=nodes, signatures=served))


def test_a_damaged_table_ends_in_a_network_or_in_an_error_of_fastjacs_own(tmp_path):
    folder = write(tmp_path)
    index = folder / "variables" / "variables.index"
    content = index.read_bytes()
    outcomes = {"loaded": 0, "refused": 0}
    for number in range(400):
        index.write_bytes(damage_bytes(content, random.Random(number)))
        try:
            fastjac.load(folder)
            outcomes["loaded"] += 1
        except fastjac.FastjacError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20
