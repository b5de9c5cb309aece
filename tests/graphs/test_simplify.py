"""Rewriting of graphs: what becomes simpler, what stays, and that no value changes."""

from collections import Counter

import numpy as np
import pytest

import fastjac as fj
from fastjac.graphs.conversion import graph_of
from fastjac.graphs.graph import Graph, Vertex
from fastjac.graphs.nodes import row
from fastjac.graphs.simplify import Flow, simplified
from fastjac.layers import Concatenate, Take
from tests import naive_graph
from tests.corner_graphs import CORNERS
from tests.graph_families import graph_named

RNG = np.random.default_rng(0)
HIDDEN = fj.Affine(RNG.standard_normal((6, 5)), RNG.standard_normal(6))


def flow_of(function, *sizes) -> Flow:
    """The simplified graph of a function of Inputs of these sizes; of one of size 5 by default."""
    inputs = [fj.Input(size) for size in sizes or (5,)]
    return simplified(graph_of(inputs, function(*inputs)))


def names(flow: Flow) -> list[str]:
    """The classes of all operations, in order."""
    return [type(operation).__name__ for operation in flow.operations[1:]]


def as_graph(flow: Flow) -> Graph:
    vertices = map(Vertex, flow.operations, flow.operands, flow.sizes)
    return Graph(tuple(vertices), (0,), (len(flow.sizes) - 1,))


class TestEqualVertices:
    def test_are_made_once(self):
        assert names(flow_of(lambda x: fj.Tanh()(x) * fj.Tanh()(x))) == ["Tanh", "Multiply"]

    def test_of_a_shared_layer_are_made_once(self):
        flow = flow_of(lambda x: HIDDEN(fj.Tanh()(x)) + fj.Sigmoid()(HIDDEN(fj.Tanh()(x))))
        assert names(flow) == ["Tanh", "Affine", "Sigmoid", "Add"]

    def test_differ_by_options_and_by_whose_arrays_they_have(self):
        assert names(flow_of(lambda x: fj.LeakyReLU(0.1)(x) + fj.LeakyReLU(0.2)(x))) == ["LeakyReLU", "LeakyReLU", "Add"]
        twin = fj.Affine(HIDDEN.weight, HIDDEN.bias)
        assert names(flow_of(lambda x: HIDDEN(x) + twin(x))) == ["Affine", "Affine", "Add"]


class TestSelections:
    def test_of_a_selection_is_one(self):
        (operation,) = flow_of(lambda x: x[1:][[3, 0, 0]]).operations[1:]
        assert operation.index == (4, 1, 1)

    def test_of_all_units_are_nothing(self):
        assert names(flow_of(lambda x: fj.Tanh()(x[:]))) == ["Tanh"]

    def test_of_an_affine_layer_are_its_rows(self):
        (operation,) = flow_of(lambda x: HIDDEN(x)[[4, 1]]).operations[1:]
        np.testing.assert_array_equal(operation.weight, HIDDEN.weight[[4, 1]])
        np.testing.assert_array_equal(operation.bias, HIDDEN.bias[[4, 1]])

    def test_move_past_elementwise_layers_and_choose_their_parameters(self):
        scale = fj.Scale(np.arange(1.0, 7.0), 2.0)
        flow = flow_of(lambda x: fj.Tanh()(scale(HIDDEN(x)))[2:4])
        assert names(flow) == ["Affine", "Scale", "Tanh"]
        np.testing.assert_array_equal(flow.operations[2].weight, [3.0, 4.0])
        assert flow.operations[2].bias == 2.0

    def test_move_past_very_many_layers(self):
        flow = flow_of(lambda x: row(HIDDEN(x), *[fj.Tanh()] * 3000)[1:3])
        assert flow.sizes == (5, *[2] * 3001)

    def test_stay_where_others_need_all_units(self):
        flow = flow_of(lambda x: fj.concatenate([(h := fj.Tanh()(HIDDEN(x)))[:2], fj.Softmax()(h)]))
        assert names(flow) == ["Affine", "Tanh", "Take", "Softmax", "Concatenate"]

    def test_stay_behind_what_couples_units(self):
        assert names(flow_of(lambda x: fj.Softmax()(HIDDEN(x))[:2])) == ["Affine", "Softmax", "Take"]

    def test_of_one_part_of_a_concatenation_are_of_that_part(self):
        flow = flow_of(lambda x: fj.concatenate([fj.Tanh()(x), fj.Sigmoid()(x)])[7:9])
        assert names(flow) == ["Take", "Sigmoid"]
        assert flow.operations[1].index == (2, 3)


class TestConcatenations:
    def test_of_parts_in_their_place_are_the_whole(self):
        assert names(flow_of(lambda x: fj.Tanh()(fj.concatenate([x[:2], x[2:]])))) == ["Tanh"]

    def test_of_exchanged_parts_are_not(self):
        assert names(flow_of(lambda x: fj.concatenate([x[2:], x[:2]]))) == ["Take", "Take", "Concatenate"]

    def test_of_concatenations_are_one(self):
        flow = flow_of(lambda x: fj.concatenate([fj.concatenate([x, fj.Tanh()(x)]), fj.Sigmoid()(x)]))
        assert names(flow) == ["Tanh", "Sigmoid", "Concatenate"]
        assert flow.operands[-1] == (0, 1, 2)


def test_inputs_are_parts_of_one_vector_and_outputs_make_one():
    flow = flow_of(lambda x, u: [fj.Tanh()(u), fj.Sigmoid()(x)], 3, 2)
    assert flow.sizes[0] == flow.sizes[-1] == 5
    taken = {operation.index for operation in flow.operations if isinstance(operation, Take)}
    assert taken == {(0, 1, 2), (3, 4)}
    assert isinstance(flow.operations[-1], Concatenate)


def test_what_no_output_needs_is_dropped():
    flow = flow_of(lambda x: fj.concatenate([HIDDEN(x), fj.Tanh()(x)])[6:])
    assert names(flow) == ["Tanh"]


def test_each_vertex_stands_behind_its_operands():
    for seed in range(40):
        flow = simplified(graph_named(f"random {seed}"))
        assert all(operand < number for number, operands in enumerate(flow.operands) for operand in operands)
        assert Counter(map(bool, flow.operands))[False] == 1, "the input alone takes nothing"


@pytest.mark.parametrize("name", [*(f"random {seed}" for seed in range(20)), *(f"{name} 0" for name in CORNERS)])
def test_no_value_changes_and_nothing_is_left_to_simplify(name):
    graph = graph_named(name)
    flow = simplified(graph)
    x = RNG.standard_normal((3, sum(graph.input_sizes)))
    np.testing.assert_allclose(naive_graph.value(as_graph(flow), x), naive_graph.value(graph, x), rtol=1e-12, atol=1e-12)
    again = simplified(as_graph(flow))
    assert (again.operands, again.sizes) == (flow.operands, flow.sizes)
