"""Inputs of graphs at which a Jacobian is well defined and well conditioned, and graphs as text."""

from dataclasses import replace

import numpy as np

from fastjac.graphs.graph import Graph, Vertex
from fastjac.layers import Layer
from fastjac.layers.joins import Join, Take
from tests import naive_graph
from tests.graph_builder import tie_distance
from tests.random_networks import KINK_MARGIN, MAX_ROUNDING, kink_distance

MAX_VALUE = 1e3
"""An input at which some vertex or derivative is larger is not fair."""


def fair_inputs(graph: Graph, batch: int, rng: np.random.Generator) -> np.ndarray:
    """`batch` inputs (batch, n_in), numbers of float32, of which `is_fair` holds."""
    n_in = sum(graph.input_sizes)
    found = np.empty((0, n_in))
    for _ in range(100):
        if len(found) >= batch:
            return found[:batch]
        x = rng.standard_normal((2 * batch, n_in)).astype(np.float32).astype(np.float64)
        found = np.concatenate([found, x[is_fair(graph, x, rng)]])
    raise AssertionError(f"too few inputs are well conditioned and far from the kinks of\n{describe(graph)}")


def is_fair(graph: Graph, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For every input (batch,): whether a careful program can compute its values and its Jacobian.

    No unit lies within KINK_MARGIN of a kink or a tie without being in it, all numbers are moderate, and rounding every
    value and every derivative to float32 on the way moves the Jacobian by no more than MAX_ROUNDING of its `scale`.
    """
    exact = naive_graph.jacobian(graph, x)
    rounded = naive_graph.disturbed_jacobian(graph, x, lambda a: a * (1 + rng.uniform(-1, 1, a.shape) * 2.0**-24))
    values = np.concatenate(naive_graph.vertex_values(graph, x), axis=-1)
    with np.errstate(all="ignore"):
        steady = np.abs(rounded - exact).max(axis=(1, 2)) <= MAX_ROUNDING * scale(exact)
        return steady & (np.abs(values).max(axis=-1) < MAX_VALUE) & (_kink_distance(graph, x) > KINK_MARGIN)


def scale(jacobian: np.ndarray) -> np.ndarray:
    """The largest entry of every sample's Jacobian (batch, n_out, n_in), and at least 1: what errors are relative to."""
    return np.maximum(np.abs(jacobian).max(axis=(-2, -1)), 1.0)


def _kink_distance(graph: Graph, x: np.ndarray) -> np.ndarray:
    """For every input (batch,): how far the nearest unit is from a kink or a tie without being in it."""
    found = naive_graph.vertex_values(graph, x)
    nearest = np.full(len(x), np.inf)
    for vertex in graph.vertices:
        operands = [found[operand] for operand in vertex.operands]
        if isinstance(vertex.operation, Join):
            nearest = np.minimum(nearest, tie_distance(vertex, operands))
        elif vertex.operation is not None and not isinstance(vertex.operation, Take):
            nearest = np.minimum(nearest, kink_distance([vertex.operation], operands[0]))
    return nearest


def describe(graph: Graph) -> str:
    """The graph as text, one line for each vertex; the number behind an operation says which layer it is."""
    numbers = {operation: number for number, operation in enumerate(graph.layers)}
    lines = [f"inputs {graph.inputs}, outputs {graph.outputs}"]
    for number, vertex in enumerate(graph.vertices):
        made = "Input" if vertex.operation is None else f"{vertex.operation!r} #{numbers[vertex.operation]} of {vertex.operands}"
        lines.append(f"{number:3}  {made} -> {vertex.size}")
    return "\n".join(lines)


def rounded(graph: Graph) -> Graph:
    """The same graph with arrays of float32; a layer that is shared stays shared."""
    cast: dict[Layer | None, Layer | None] = {None: None}
    for operation in graph.layers:
        cast[operation] = replace(operation, **{name: array.astype(np.float32) for name, array in operation.arrays.items()})
    vertices = (Vertex(cast[vertex.operation], vertex.operands, vertex.size) for vertex in graph.vertices)
    return Graph(tuple(vertices), graph.inputs, graph.outputs)
