"""The reference of gradients of graphs, against differences of the naive twin: layers that are shared, joins and selections."""

from dataclasses import replace

import numpy as np
import pytest

from fastjac.graphs.graph import Graph, Vertex
from tests import naive_graph
from tests.gradients import torch_graph_gradients
from tests.graph_families import graph_named
from tests.graph_inputs import fair_inputs

STEP = 1e-5
NAMES = ["residual_dynamics 2", "pre_activation_residual_net 0", "two_heads 0", "mixture_of_experts 1", "recurrence 0"]


def moved(graph: Graph, directions: list[dict[str, np.ndarray]], step: float) -> Graph:
    """The graph with every parameter `step` further along its direction."""
    layers = {None: None}
    for layer, arrays in zip(graph.layers, directions, strict=True):
        layers[layer] = replace(layer, **{name: getattr(layer, name) + step * array for name, array in arrays.items()})
    vertices = tuple(Vertex(layers[vertex.operation], vertex.operands, vertex.size) for vertex in graph.vertices)
    return Graph(vertices, graph.inputs, graph.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_parameter_jacobians_equal_differences(name: str) -> None:
    graph, rng = graph_named(name), np.random.default_rng(0)
    x = fair_inputs(graph, 3, rng)
    directions = [{key: rng.standard_normal(array.shape) for key, array in layer.arrays.items()} for layer in graph.layers]
    by_y, by_jacobian = (rng.standard_normal(f(graph, x).shape) for f in (naive_graph.value, naive_graph.jacobian))
    x_direction = rng.standard_normal(x.shape)

    def loss(step: float) -> float:
        at, there = moved(graph, directions, step), x + step * x_direction
        return float(np.sum(by_y * naive_graph.value(at, there)) + np.sum(by_jacobian * naive_graph.jacobian(at, there)))

    by_x, by_parameters = torch_graph_gradients.pullback(graph, x, by_y, by_jacobian)
    slope = np.sum(by_x * x_direction)
    for gradients, along in zip(by_parameters, directions, strict=True):
        assert gradients.keys() == along.keys()
        slope += sum(np.sum(gradients[key] * along[key]) for key in along)
    np.testing.assert_allclose((loss(STEP) - loss(-STEP)) / (2 * STEP), slope, rtol=1e-6, atol=1e-6)

    flat = np.concatenate([array.ravel() for arrays in directions for array in arrays.values()])
    ends = [naive_graph.value(moved(graph, directions, step), x) for step in (STEP, -STEP)]
    tangents = torch_graph_gradients.parameter_jacobian(graph, x) @ flat
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * STEP), tangents, rtol=1e-6, atol=1e-6)
