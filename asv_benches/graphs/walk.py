"""The values of a graph by any library that has a function for each of its operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fastjac.graphs.graph import Graph
from fastjac.layers import Affine, Layer

Array = Any
"""An array of the library."""
Values = Callable[..., list[Array]]
"""A function that gives the values of all vertices for values of the graph's inputs."""


class Library(Protocol):
    """What the walk needs of a library; `in_numpy` and its neighbours are modules of this kind."""

    OPERATIONS: Mapping[type[Layer], Callable[..., Array]]
    """For each type of elementwise layer and of join, its function of the operands."""

    def affine(self, layer: Affine) -> Callable[[Array], Array]:
        """The function `W x + b`, with the layer's numbers in arrays of the library."""


def values(library: Library, graph: Graph) -> Values:
    """The walk through a graph."""
    functions = {
        layer: library.affine(layer) if isinstance(layer, Affine) else library.OPERATIONS[type(layer)] for layer in graph.layers
    }

    def walk(*inputs: Array) -> list[Array]:
        given = dict(zip(graph.inputs, inputs, strict=True))
        found: list[Array] = []
        for number, vertex in enumerate(graph.vertices):
            operands = [found[operand] for operand in vertex.operands]
            found.append(given[number] if vertex.operation is None else functions[vertex.operation](*operands))
        return found

    return walk


def output(library: Library, graph: Graph) -> Callable[..., Array]:
    """A function that gives the value of a graph's only output for values of its inputs."""
    walk = values(library, graph)
    (number,) = graph.outputs
    return lambda *inputs: walk(*inputs)[number]


def added(first: Array, *others: Array) -> Array:
    """The sum of two or more arrays."""
    return sum(others, start=first)
