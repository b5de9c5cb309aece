"""The oracle of graphs against torch: every join by itself, and graphs small enough to check by hand."""

import numpy as np
import pytest
import torch

from fastjac.graph import Graph, Vertex
from fastjac.layers import Affine, Tanh
from fastjac.layers.joins import Add, Concatenate, Divide, Join, Maximum, Minimum, Multiply, Take
from tests import naive_graph, torch_graph

RNG = np.random.default_rng(0)
JOINS = [(Add(), 2), (Add(), 4), (Multiply(), 2), (Divide(), 2), (Maximum(), 2), (Minimum(), 2), (Concatenate(), 3)]


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
    np.testing.assert_allclose(naive_graph.jacobian(graph, x[0]), expected, rtol=1e-13)
