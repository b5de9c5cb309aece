"""A graph written as a user writes it: inputs, layers called on nodes, operators."""

from collections.abc import Sequence
from typing import Any

import fastjac as fj
from fastjac.graphs.graph import Graph
from fastjac.layers import Layer
from fastjac.layers.joins import Add, Concatenate, Divide, Multiply, Take


def network_of(graph: Graph, dtype: Any = None) -> fj.Network:
    """The network whose inputs and outputs are those of the graph, in their order."""
    nodes: list[Any] = []
    for vertex in graph.vertices:
        operands = [nodes[operand] for operand in vertex.operands]
        nodes.append(fj.Input(vertex.size) if vertex.operation is None else record(vertex.operation, operands))
    inputs, outputs = (tuple(nodes[number] for number in numbers) for numbers in (graph.inputs, graph.outputs))
    return fj.Network(inputs=alone(inputs), outputs=alone(outputs), dtype=dtype)


def alone(parts: Sequence[Any]) -> Any:
    """The parts as a tuple, or the only one by itself."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def record(operation: Layer, nodes: Sequence[Any]) -> Any:
    """The node of an operation, by the operator or function that stands for it."""
    if isinstance(operation, Concatenate):
        return fj.concatenate(nodes)
    if isinstance(operation, Add):
        return nodes[0] + nodes[1] if len(nodes) == 2 else fj.add(nodes)
    if isinstance(operation, Multiply):
        return nodes[0] * nodes[1]
    if isinstance(operation, Divide):
        return nodes[0] / nodes[1]
    if isinstance(operation, Take):
        return nodes[0][_as_slice(operation.index) or list(operation.index)]
    return operation(*nodes)


def _as_slice(index: Sequence[int]) -> slice | None:
    """The slice that takes these units in this order, if they ascend in even steps."""
    step = index[1] - index[0] if len(index) > 1 else 1
    if step < 1 or tuple(index) != tuple(range(index[0], index[-1] + 1, step)):
        return None
    return slice(index[0], index[-1] + 1, step)
