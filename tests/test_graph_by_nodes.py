"""Random graphs written by nodes: what a user writes becomes the graph that was meant."""

import numpy as np
import pytest

from tests import naive_graph
from tests.corner_graphs import CORNERS
from tests.graph_by_nodes import network_of
from tests.graph_families import FAMILIES, graph_named
from tests.graph_inputs import describe

NAMES = [f"random {seed}" for seed in range(100)] + [f"{name} 0" for name in (*FAMILIES, *CORNERS)]


def test_values_and_jacobians_are_those_of_the_graph() -> None:
    for name in NAMES:
        graph = graph_named(name)
        written = network_of(graph)._graph
        assert (written.input_sizes, written.output_sizes) == (graph.input_sizes, graph.output_sizes), name
        x = np.random.default_rng(0).standard_normal((3, sum(graph.input_sizes)))
        for function in (naive_graph.value, naive_graph.jacobian):
            np.testing.assert_array_equal(function(written, x), function(graph, x), err_msg=f"{name}\n{describe(graph)}")


@pytest.mark.parametrize("name", ["residual_dynamics 2", "recurrence 0"])
def test_a_layer_that_is_called_twice_stays_one(name: str) -> None:
    graph = graph_named(name)
    made = sum(vertex.operation is not None for vertex in graph.vertices)
    assert len(network_of(graph)._graph.layers) == len(graph.layers) < made
