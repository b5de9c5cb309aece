"""Folders of SavedModels: signatures, functions, and what is said where one of these is missing."""

from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.errors import FileError, FormatError, OptionError, UnsupportedLayerError
from fastjac.importers import Options, read

from . import graphs as gr
from .folders import BIAS, ENDS, LAST, MODEL, RESTORING, RNG, WEIGHT, write


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


def test_a_signature_that_is_not_known_is_reported(tmp_path):
    ends = gr.signature(*ENDS)
    with pytest.raises(UnsupportedLayerError, match=r"it has no signature 'serving_default', but 'p', 'q'; save it with the one"):
        fastjac.load(write(tmp_path / "1", signatures={"p": ends, "q": ends}))
    with pytest.raises(UnsupportedLayerError, match=r"it has no signature 'serving_default', but none; save it"):
        fastjac.load(write(tmp_path / "2", signatures={}))


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
def test_a_damaged_function_is_reported(message, tmp_path):
    layer = FUNCTIONS[message]
    functions = (MODEL, RESTORING) if layer is None else (layer, MODEL, RESTORING)
    with pytest.raises((FormatError, UnsupportedLayerError), match=message):
        fastjac.load(write(tmp_path, functions=functions))


def test_a_function_with_other_arguments_is_reported(tmp_path):
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
