"""The oracle of graphs against torch: every join by itself, graphs small enough to check by hand, and random ones."""

from typing import get_args

import numpy as np
import pytest
import torch

from fastjac.graphs.graph import Graph, Vertex
from fastjac.layers import LAYERS, Affine, Tanh
from fastjac.layers.joins import Add, Concatenate, Condition, Divide, Gate, Join, Maximum, Minimum, Multiply, Take
from tests import naive_graph, torch_graph
from tests.activations import TWINS
from tests.corner_graphs import CORNERS
from tests.graph_families import FAMILIES, family_graph, graph_named
from tests.graph_inputs import describe, fair_inputs, scale
from tests.random_graphs import OF_POSITIVE_NUMBERS, random_graph

RNG = np.random.default_rng(0)
JOINS = [(Add(), 2), (Add(), 4), (Multiply(), 2), (Divide(), 2), (Maximum(), 2), (Minimum(), 2), (Concatenate(), 3)]
JOINS += [(Gate(when), 2) for when in get_args(Condition)]


def joined(join: Join, n_operands: int) -> Graph:
    """The join of so many inputs of 3 units."""
    inputs = tuple(Vertex(None, (), 3) for _ in range(n_operands))
    numbers = tuple(range(n_operands))
    return Graph((*inputs, Vertex(join, numbers, join.joined_size([3] * n_operands))), numbers, (n_operands,))


def assert_equals_torch(graph: Graph, x: np.ndarray) -> None:
    np.testing.assert_allclose(naive_graph.value(graph, x), torch_graph.value(graph, x), rtol=1e-14, atol=1e-14)
    expected = torch_graph.jacobian(graph, x)
    np.testing.assert_allclose(naive_graph.jacobian(graph, x), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("join", "n_operands"), JOINS, ids=repr)
def test_joins_equal_torch(join: Join, n_operands: int) -> None:
    assert_equals_torch(joined(join, n_operands), RNG.standard_normal((5, 3 * n_operands)))


@pytest.mark.parametrize("join", [Maximum(), Minimum()], ids=repr)
def test_of_equal_units_each_has_half_of_the_derivative(join: Join) -> None:
    graph = joined(join, 2)
    x = np.array([[1.0, 2.0, 0.0, 1.0, 3.0, -0.0]])  # a is smaller in the second unit
    assert_equals_torch(graph, x)
    by_a, by_b = np.split(naive_graph.jacobian(graph, x)[0], 2, axis=-1)
    larger = 0.0 if isinstance(join, Maximum) else 1.0
    np.testing.assert_array_equal(by_a, np.diag([0.5, larger, 0.5]))
    np.testing.assert_array_equal(by_b, np.diag([0.5, 1 - larger, 0.5]))


@pytest.mark.parametrize("when", get_args(Condition))
def test_at_its_edge_a_gate_is_open_or_not_as_it_says(when: Condition) -> None:
    graph = joined(Gate(when), 2)
    x = np.array([[0.0, -0.0, np.nan, 1.0, 2.0, 3.0]])
    assert_equals_torch(graph, x)
    is_open = {"a > 0": [0, 0, 0], "a >= 0": [1, 1, 0], "not a > 0": [1, 1, 1], "not a >= 0": [0, 0, 1]}[when]
    np.testing.assert_array_equal(naive_graph.value(graph, x)[0], np.multiply(is_open, x[0, 3:]))
    np.testing.assert_array_equal(naive_graph.jacobian(graph, x)[0], np.hstack([np.zeros((3, 3)), np.diag(is_open)]))


@pytest.mark.parametrize(("join", "n_operands"), JOINS, ids=repr)
def test_nan_and_infinities_pass_as_in_torch(join: Join, n_operands: int) -> None:
    graph = joined(join, n_operands)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0])
    x = special[RNG.integers(len(special), size=(200, 3 * n_operands))]
    np.testing.assert_array_equal(naive_graph.value(graph, x), torch_graph.value(graph, x))


def test_a_shared_layer_behind_a_gather_of_a_skip() -> None:
    """y = (W h, h) with h = tanh(W x) + x and x[2, 0, 0] in the place of x: one layer thrice, two outputs, inputs crossed."""
    shared = Affine(RNG.standard_normal((3, 3)), RNG.standard_normal(3))
    vertices = (
        Vertex(None, (), 2),
        Vertex(None, (), 1),
        Vertex(Concatenate(), (0, 1), 3),
        Vertex(Take((2, 0, 0), 3), (2,), 3),
        Vertex(shared, (3,), 3),
        Vertex(Tanh(), (4,), 3),
        Vertex(Add(), (5, 3), 3),
        Vertex(shared, (6,), 3),
    )
    graph = Graph(vertices, (1, 0), (7, 6))
    x = RNG.standard_normal((4, 3))
    gathered = x[:, [0, 1, 1]]  # The one unit of the input that comes second in the graph is the first of x.
    weight, bias = shared.weight, shared.bias
    h = np.tanh(gathered @ weight.T + bias) + gathered
    np.testing.assert_allclose(naive_graph.value(graph, x), np.hstack([h @ weight.T + bias, h]), rtol=1e-13)
    assert_equals_torch(graph, x)
    one = torch_graph.torch_function(graph)
    expected = torch.func.jacrev(one)(torch.tensor(x[0]))
    np.testing.assert_allclose(naive_graph.jacobian(graph, x[0]), expected, rtol=1e-13, atol=1e-15)


NAMES = [f"random {seed}" for seed in range(300)] + [f"{name} {seed}" for name in (*FAMILIES, *CORNERS) for seed in range(2)]


def test_random_graphs_equal_torch() -> None:
    for name in NAMES[::2]:
        graph = graph_named(name)
        x = fair_inputs(graph, 3, np.random.default_rng(0))
        expected = naive_graph.jacobian(graph, x)
        values = np.abs(naive_graph.value(graph, x) - torch_graph.value(graph, x)).max()
        errors = (np.abs(expected - torch_graph.jacobian(graph, x)).max(axis=(1, 2)) / scale(expected)).max()
        assert values < 1e-11, f"{name}: y differs by {values:.1e}\n{describe(graph)}"
        assert errors < 1e-12, f"{name}: J differs by {errors:.1e}\n{describe(graph)}"


def test_random_graphs_are_as_varied_as_they_claim() -> None:
    graphs = [random_graph(seed) for seed in range(300)]
    operations = {type(vertex.operation) for graph in graphs for vertex in graph.vertices} - {type(None)}
    not_drawn = {layer for layer, twin in TWINS.items() if not twin.draws} - {*OF_POSITIVE_NUMBERS}
    assert operations == {*LAYERS.values(), Add, Multiply, Divide, Maximum, Minimum, Gate, Concatenate, Take} - not_drawn
    lengths = [len(graph.vertices) - len(graph.inputs) for graph in graphs]
    assert min(lengths) == 2
    assert 25 <= max(lengths) <= 30
    assert {len(graph.inputs) for graph in graphs} == {len(graph.outputs) for graph in graphs} == {1, 2, 3}
    sizes = [vertex.size for graph in graphs for vertex in graph.vertices]
    assert np.median(sizes) <= 12
    assert min(sizes) == 1
    assert 150 < max(sizes) <= 250
    assert sum(len(graph.layers) + len(graph.inputs) < len(graph.vertices) for graph in graphs) > 30, "few share a layer"


def test_in_random_graphs_every_vertex_matters_and_stands_behind_its_operands() -> None:
    for name in NAMES:
        graph = graph_named(name)
        reached = set().union(*(naive_graph.behind(graph, output) for output in graph.outputs))
        assert reached == set(range(len(graph.vertices))), f"{name}: nothing takes some vertex\n{describe(graph)}"
        assert all(max(vertex.operands, default=-1) < number for number, vertex in enumerate(graph.vertices))
        assert not set(graph.inputs) & set(graph.outputs)
        assert sorted(graph.inputs) == [n for n, vertex in enumerate(graph.vertices) if vertex.operation is None]
        assert len(set(graph.outputs)) == len(graph.outputs)


def test_a_seed_is_one_graph() -> None:
    for draw in (random_graph, family_graph):
        arguments = (7,) if draw is random_graph else ("dense_net", 7)
        one, other = draw.__wrapped__(*arguments), draw.__wrapped__(*arguments)
        assert describe(one) == describe(other)
        x = np.random.default_rng(0).standard_normal(sum(one.input_sizes))
        np.testing.assert_array_equal(naive_graph.jacobian(one, x), naive_graph.jacobian(other, x))
