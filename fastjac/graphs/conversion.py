"""Nodes as a graph, and a graph on nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import DtypeError, LayerError
from ..table import format_sizes
from .graph import Graph, Vertex
from .nodes import Input, Node, checked, named, sized


def as_nodes(given: Any, name: str) -> tuple[Node, ...]:
    """One node or a sequence of nodes as a tuple, in which no node may stand twice."""
    nodes = (given,) if isinstance(given, Node) else checked(given, name)
    places: dict[Node, int] = {}
    for position, node in enumerate(nodes):
        if places.setdefault(node, position) != position:
            raise LayerError(f"{name} must be different nodes, but item {position} is item {places[node]} again: {node!r}")
    return nodes


def graph_of(inputs: Any, outputs: Any) -> Graph:
    """The graph that leads from `inputs` to `outputs`, each a node or a sequence of nodes.

    Raises DtypeError for anything but nodes, LayerError where an input is given twice, reaches no output or is an output, and
    where an output depends on an Input that is not given.
    """
    starts, ends = as_nodes(inputs, "inputs"), as_nodes(outputs, "outputs")
    for position, node in enumerate(starts):
        if not isinstance(node, Input):
            raise DtypeError(f"inputs must be made by fastjac.Input, but item {position} is {node!r}")
    for position, node in enumerate(ends):
        if isinstance(node, Input):
            raise LayerError(f"output {position} is {node!r} itself; a network's outputs are computed, as by fastjac.Scale()(x)")
    numbers = {node: number for number, node in enumerate(starts)}
    vertices = [Vertex(None, (), node.size) for node in starts]
    for node in in_order(ends):
        if isinstance(node, Input):
            if node not in numbers:
                raise LayerError(
                    f"the outputs depend on {node!r}, which is not among the inputs; add it to them, or leave it out of what the "
                    "outputs are made of"
                )
            continue
        numbers[node] = len(vertices)
        vertices.append(Vertex(node.operation, tuple(numbers[operand] for operand in node.operands), node.size))
    used = {number for vertex in vertices for number in vertex.operands}
    for position, node in enumerate(starts):
        if position not in used:
            raise LayerError(f"input {position}, {node!r}, reaches no output; leave it out of inputs, or use it")
    return Graph(tuple(vertices), tuple(range(len(starts))), tuple(numbers[node] for node in ends))


def in_order(ends: Sequence[Node]) -> Iterator[Node]:
    """Every node that leads to the ends, once, behind its operands."""
    # A stack of its own, because a network may be deeper than Python's stack.
    seen: set[Node] = set()
    stack = [(node, False) for node in reversed(ends)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(operand, False) for operand in reversed(node.operands)]


def are_nodes(value: Any) -> bool:
    """Whether it is a node, or a list or tuple that begins with one."""
    return isinstance(value, Node) or (isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], Node))


def inline(graph: Graph, nodes: Any) -> Any:
    """The outputs of a graph whose inputs are these nodes: a node, or a tuple where there are several."""
    given = (nodes,) if isinstance(nodes, Node) else checked(nodes, "a network")
    sizes = graph.input_sizes
    if tuple(node.size for node in given) != sizes:
        wanted = f"{len(sizes)} node{'s' * (len(sizes) > 1)}, of size {format_sizes(sizes, ', ')}"
        way = "; call it as net((a, b))" if len(sizes) > 1 else ""
        raise LayerError(f"the network takes {wanted}; got {named(given, sized)}{way}")
    made = dict(zip(graph.inputs, given, strict=True))
    for number, vertex in enumerate(graph.vertices):
        if vertex.operation is not None:
            first, *others = (made[operand] for operand in vertex.operands)
            made[number] = first.follow(vertex.operation, *others)
    outputs = tuple(made[number] for number in graph.outputs)
    return outputs if len(outputs) > 1 else outputs[0]
