"""What became of each operation or part of a row, within limits, and when the samples of a batch take turns in an output."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import FormatError, LayerError
from fastjac.importers.ir import assembly
from fastjac.importers.ir import contraction as ct
from fastjac.importers.ir import elementwise as el
from fastjac.importers.ir import functions as fn
from fastjac.importers.ir import movement as mv
from fastjac.importers.ir.assembly import SAMPLES, assemble, assemble_row, output_node, samples_beside
from fastjac.importers.ir.record import Record
from fastjac.importers.ir.values import Flow, MixedSamplesError, constant
from fastjac.importers.parts import Part

from .tensors import flow_of


def recorded(flow: Flow, *steps):
    """The parts of a network, where each step is (name, kind, function, note)."""
    record, value = Record(), flow
    for name, kind, function, note in steps:
        value = function(value)
        record.add(name, kind, [value.node], note)
    return assemble([flow.node], [output_node(value, "y")], record, np.dtype(np.float64))


def test_each_operation_is_a_part_with_its_layers():
    imported = recorded(
        flow_of((1, 3)),
        ("f", "Flatten", mv.flatten, "only the shape"),
        ("m", "MatMul", lambda v: ct.matmul(v, constant(np.ones((3, 2)))), ""),
        ("a", "Add", lambda v: el.add(v, constant(np.ones(2))), "noted"),
        ("t", "Tanh", fn.tanh, ""),
    )
    found = [(part.source, [type(layer).__name__ for layer in part.layers], part.note) for part in imported.parts]
    assert found == [
        ("f (Flatten)", [], "only the shape"),
        ("m to a (MatMul, Add)", ["Affine"], "together one affine layer; noted"),
        ("t (Tanh)", ["Tanh"], ""),
    ]


def test_layers_in_a_row_are_one_operation_each():
    x, record = fj.Input(2), Record()
    affine = fj.Affine(np.eye(2))
    row = [Part("a (Linear)", (affine,)), Part("b (Dropout)", ()), Part("c", (fj.Scale(1.0, np.ones(2)), fj.Tanh()), "noted")]
    imported = assemble([x], [record.row(x, row)], record)
    assert [(part.source, part.note) for part in imported.parts] == [
        ("b (Dropout)", ""),
        ("a (Linear) to c", "together one affine layer; noted"),
    ]
    assert [type(layer) for layer in imported.network.layers] == [fj.Affine, fj.Tanh]


def test_a_pattern_is_named_with_all_of_its_operations():
    record, flow = Record(), flow_of((1, 3))
    gate = fn.sigmoid(flow)
    record.add("g", "Sigmoid", [gate.node])
    result = el.multiply(flow, gate)
    record.add("y", "Mul", [result.node])
    parts = assemble([flow.node], [output_node(result, "y")], record).parts
    assert [(part.source, part.note) for part in parts] == [("g to y (Sigmoid, Mul)", "together one SiLU")]


def test_units_that_only_an_output_picks_belong_to_what_moved_them():
    imported = recorded(flow_of((1, 3)), ("s", "Slice", lambda v: mv.part(v, 1, 0, 2), ""))
    assert [(part.source, [type(layer).__name__ for layer in part.layers]) for part in imported.parts] == [
        ("s (Slice)", ["Take"])
    ]


def test_a_chain_is_a_network_of_layers():
    net = recorded(flow_of((1, 3)), ("t", "Tanh", fn.tanh, ""), ("r", "Relu", fn.relu, "")).network
    assert [type(layer).__name__ for layer in net] == ["Tanh", "ReLU"]


def test_outputs_that_are_one_vector_are_each_given():
    flow, record = flow_of((1, 3)), Record()
    value = fn.tanh(flow)
    record.add("t", "Tanh", [value.node])
    node = output_node(value, "y")
    net = assemble([flow.node], [node, node], record, np.dtype(np.float64)).network
    y, z = net(np.ones(3))
    np.testing.assert_array_equal(y, z)


def test_what_leaves_no_layer_or_an_input_aside_is_refused():
    with pytest.raises(LayerError, match="no layer is left"):
        recorded(flow_of((1, 3)), ("i", "Identity", lambda v: v, ""))
    x, other, record = flow_of((1, 3)), flow_of((1, 2), name="other"), Record()
    value = fn.tanh(x)
    record.add("t", "Tanh", [value.node])
    with pytest.raises(LayerError, match="other"):
        assemble([x.node, other.node], [output_node(value, "y")], record)


def test_parts_without_layers_stay_parts():
    given = [Part("a (Dropout)", ()), Part("b (Dense)", (fj.Affine(np.eye(2)), fj.ReLU())), Part("c (Dense)", (fj.Tanh(),))]
    imported = assemble_row(iter(given), None, "n_in=...")
    assert imported.parts == tuple(given)
    assert [type(layer) for layer in imported.network] == [fj.Affine, fj.ReLU, fj.Tanh]


def test_a_network_needs_a_layer_and_a_size():
    with pytest.raises(LayerError, match="no layer is left"):
        assemble_row([Part("a (Dropout)", ())], 3, "n_in=...")
    with pytest.raises(LayerError, match=r"pass it: load\(n_in=...\)"):
        assemble_row([Part("a", (fj.ReLU(),))], None, "load(n_in=...)")


def test_sizes_that_no_memory_holds_are_refused(monkeypatch):
    with pytest.raises(FormatError, match="it has 1000000000000 units in a layer; fastjac reads files of up to 16777216"):
        assemble_row([Part("a", (fj.ReLU(),))], 10**12, "n_in=...")
    monkeypatch.setattr(assembly, "MOST_LAYERS", 3)
    with pytest.raises(FormatError, match="it has 4 layers; fastjac reads files of up to 3"):
        assemble_row([Part("a", (fj.ReLU(),) * 4)], 1, "n_in=...")


TURNS = {
    "samples along the last axis of all": (lambda v: mv.reshape(mv.transpose(v), [1, -1]), "is of shape .1, 3N."),
    "samples that are mixed": (lambda v: mv.reshape(mv.transpose(v), [-1, 3]), "of different samples of a batch take turns"),
}


@pytest.mark.parametrize("name", TURNS)
def test_an_output_in_which_samples_take_turns_is_refused(name):
    function, message = TURNS[name]
    with pytest.raises(MixedSamplesError, match=f"output 'y': .*{message}"):
        output_node(function(fn.tanh(flow_of((1, 3)))), "y")


def test_samples_along_any_axis_of_an_output_are_distinguished():
    for function in (mv.transpose, lambda v: mv.unsqueeze(v, [0, 3]), lambda v: mv.reshape(v, [-1])):
        node = output_node(function(fn.tanh(flow_of((1, 3)))), "y")
        assert isinstance(node.operation, fj.Tanh)


def test_a_batch_has_a_number_of_samples_that_divides_no_size():
    assert samples_beside([3, 14, 0]) == 11
    assert samples_beside([]) == SAMPLES[0]
