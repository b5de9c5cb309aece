"""A graph as a torch function, differentiated by torch.func in float64: the independent reference of `tests/naive_graph.py`.

All inputs of the graph are one flat vector x (..., n_in), one input after another, and all outputs one flat y (..., n_out).
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fastjac.graphs.graph import Graph
from fastjac.layers import Layer
from fastjac.layers import joins as fl
from tests import torch_reference

Functions = Mapping[Layer, Callable[..., Tensor]]


def value(graph: Graph, x: np.ndarray) -> np.ndarray:
    """y (batch, n_out) for x (batch, n_in)."""
    return torch_function(graph)(torch_reference.tensor(x)).numpy()


def jacobian(graph: Graph, x: np.ndarray) -> np.ndarray:
    """J (batch, n_out, n_in) for x (batch, n_in), by torch.func.jacrev of the sum over the batch, whose samples do not mix."""
    function = torch_function(graph)
    return torch.func.jacrev(lambda batch: function(batch).sum(dim=0))(torch_reference.tensor(x)).numpy().swapaxes(0, 1)


def torch_function(graph: Graph) -> Callable[[Tensor], Tensor]:
    """The graph as one differentiable torch function of a flat tensor (n_in,) or (batch, n_in)."""
    functions = {operation: function_of(operation) for operation in graph.layers}

    def run(x: Tensor) -> Tensor:
        return run_graph(graph, functions, x) if x.ndim > 1 else run_graph(graph, functions, x[None])[0]

    return run


def run_graph(graph: Graph, functions: Functions, x: Tensor) -> Tensor:
    """y (batch, n_out) for x (batch, n_in), by a function for every operation."""
    parts = dict(zip(graph.inputs, x.split(graph.input_sizes, dim=-1), strict=True))
    found: list[Tensor] = []
    for number, vertex in enumerate(graph.vertices):
        operands = [found[operand] for operand in vertex.operands]
        found.append(parts[number] if vertex.operation is None else functions[vertex.operation](*operands))
    return torch.cat([found[number] for number in graph.outputs], dim=-1)


def function_of(operation: Layer) -> Callable[..., Tensor]:
    """A layer or a join as a function of its operands, each (batch, size)."""
    if isinstance(operation, fl.Take):
        index = torch.tensor(operation.index)
        return lambda x: x.index_select(-1, index)
    if isinstance(operation, fl.Gate):
        return partial(gate, operation.when)
    return JOINS.get(type(operation)) or partial(torch_reference.FUNCTIONS[type(operation)], operation)


def gate(when: str, a: Tensor, b: Tensor) -> Tensor:
    """`b` where a fulfils the condition, else 0."""
    compared = a >= 0 if ">=" in when else a > 0
    return torch.where(compared ^ when.startswith("not"), b, 0.0)


JOINS: dict[type[Layer], Callable[..., Tensor]] = {
    fl.Add: lambda a, *others: sum(others, start=a),
    fl.Concatenate: lambda *vectors: torch.cat(vectors, dim=-1),
    fl.Multiply: torch.multiply,
    fl.Divide: torch.divide,
    fl.Maximum: torch.maximum,
    fl.Minimum: torch.minimum,
}
