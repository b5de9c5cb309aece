"""The naive twin of a graph: values and dense Jacobians vertex by vertex, in NumPy and float64.

It shares no code with fastjac's engine, so it is the oracle of every test of a graph. All inputs of the graph are one flat
vector x (..., n_in), one input after another, and all outputs are one flat vector y (..., n_out):

- `value(graph, x)` and `jacobian(graph, x)`;
- `vertex_values(graph, x)` for the vector at every vertex;
- `behind(graph, number)` for what a vertex depends on.

`tests/torch_graph.py` has the same graph in torch.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from fastjac.graphs.graph import Graph, Vertex
from fastjac.layers import Layer
from fastjac.layers import joins as fl
from tests import naive

Array = np.ndarray
Slopes = Sequence[Array]
Disturbance = Callable[[Array], Array]


def value(graph: Graph, x: Array) -> Array:
    """y (..., n_out) for x (..., n_in)."""
    return _outputs(graph, vertex_values(graph, x), axis=-1)


def jacobian(graph: Graph, x: Array) -> Array:
    """J (..., n_out, n_in) for x (..., n_in)."""
    return disturbed_jacobian(graph, x, lambda exact: exact)


def vertex_values(graph: Graph, x: Array) -> list[Array]:
    """The vector (..., size) at every vertex."""
    return [values for values, _ in _sweep(graph, x, lambda exact: exact)]


def disturbed_jacobian(graph: Graph, x: Array, disturbance: Disturbance) -> Array:
    """The Jacobian where every value and every tangent matrix on the way is replaced by its `disturbance`."""
    return _outputs(graph, [tangents for _, tangents in _sweep(graph, x, disturbance)], axis=-2)


def _sweep(graph: Graph, x: Array, disturbance: Disturbance) -> list[tuple[Array, Array]]:
    """For every vertex its vector (..., size), and the derivatives (..., size, n_in) of that by x."""
    x = np.asarray(x, dtype=np.float64)
    seeds = np.broadcast_to(np.eye(x.shape[-1]), (*x.shape, x.shape[-1]))
    parts = dict(zip(graph.inputs, _parts(graph), strict=True))
    found: list[tuple[Array, Array]] = []
    for number, vertex in enumerate(graph.vertices):
        if vertex.operation is None:
            found.append((x[..., parts[number]], seeds[..., parts[number], :]))
            continue
        operands = [found[operand] for operand in vertex.operands]
        with np.errstate(all="ignore"):
            values, tangents = push(vertex, [v for v, _ in operands], [t for _, t in operands])
        found.append((disturbance(values), disturbance(tangents)))
    return found


def behind(graph: Graph, number: int) -> set[int]:
    """The vertices on which this one depends, and itself."""
    found = {number}
    for other in range(number, -1, -1):
        if other in found:
            found.update(graph.vertices[other].operands)
    return found


def _parts(graph: Graph) -> list[slice]:
    """Where each input lies in x."""
    ends = np.cumsum(graph.input_sizes)
    return [slice(int(end) - size, int(end)) for end, size in zip(ends, graph.input_sizes, strict=True)]


def _outputs(graph: Graph, found: Sequence[Array], axis: int) -> Array:
    return np.concatenate([found[number] for number in graph.outputs], axis)


def push(vertex: Vertex, values: Sequence[Array], tangents: Sequence[Array]) -> tuple[Array, Array]:
    """The vector at a vertex, and its tangents, from those of its operands."""
    operation = vertex.operation
    if isinstance(operation, fl.Concatenate):
        return np.concatenate(values, axis=-1), np.concatenate(tangents, axis=-2)
    if isinstance(operation, fl.Take):
        index = list(operation.index)
        return values[0][..., index], tangents[0][..., index, :]
    if isinstance(operation, fl.Join):
        joined, slopes = rule_of(operation)(*values)
        return joined, sum(slope[..., :, None] * tangent for slope, tangent in zip(slopes, tangents, strict=True))
    return naive.layer_value(operation, values[0]), naive.push(operation, values[0], tangents[0])


def rule_of(join: fl.Join) -> Callable[..., tuple[Array, Slopes]]:
    """The function that gives the value of a join and its slopes by each operand."""
    return partial(gate, join.when) if isinstance(join, fl.Gate) else JOINS[type(join)]


def add(*values: Array) -> tuple[Array, Slopes]:
    total = values[0]
    for other in values[1:]:
        total = total + other
    return total, [np.ones_like(total)] * len(values)


def multiply(a: Array, b: Array) -> tuple[Array, Slopes]:
    return a * b, [b, a]


def divide(a: Array, b: Array) -> tuple[Array, Slopes]:
    return a / b, [1 / b, -(a / b) / b]


def maximum(a: Array, b: Array) -> tuple[Array, Slopes]:
    return np.maximum(a, b), [_share_of_larger(a, b), _share_of_larger(b, a)]


def minimum(a: Array, b: Array) -> tuple[Array, Slopes]:
    return np.minimum(a, b), [_share_of_larger(b, a), _share_of_larger(a, b)]


def gate(when: str, a: Array, b: Array) -> tuple[Array, Slopes]:
    is_open = {"a > 0": a > 0, "a >= 0": a >= 0, "not a > 0": ~(a > 0), "not a >= 0": ~(a >= 0)}[when]
    return np.where(is_open, b, 0.0), [np.zeros_like(a), np.where(is_open, 1.0, 0.0)]


def _share_of_larger(a: Array, b: Array) -> Array:
    """1 where a is larger, and half where they are equal."""
    return np.where(a == b, 0.5, np.where(a < b, 0.0, 1.0))


JOINS: dict[type[Layer], Callable[..., tuple[Array, Slopes]]] = {
    fl.Add: add,
    fl.Multiply: multiply,
    fl.Divide: divide,
    fl.Maximum: maximum,
    fl.Minimum: minimum,
}
