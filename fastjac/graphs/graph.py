"""A network as a graph: vectors, the operations that make them, and what each operation takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..layers import Layer


@dataclass(frozen=True, eq=False)
class Vertex:
    """One vector of a network.

    operation : the layer or join that makes it; None for an input of the network. A layer that makes several vertices is shared,
        and its parameters are one set.
    operands : the numbers of the vertices that it takes, each less than its own.
    size : how many units the vector has.
    """

    operation: Layer | None
    operands: tuple[int, ...]
    size: int


@dataclass(frozen=True, eq=False)
class Graph:
    """Vertices, each behind its operands; the numbers of the input vertices, in order, and of the output vertices."""

    vertices: tuple[Vertex, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The operations, each once, in the order of the vertices."""
        operations = (vertex.operation for vertex in self.vertices)
        return tuple(dict.fromkeys(operation for operation in operations if operation is not None))

    @property
    def input_sizes(self) -> tuple[int, ...]:
        """The size of each input."""
        return tuple(self.vertices[number].size for number in self.inputs)

    @property
    def output_sizes(self) -> tuple[int, ...]:
        """The size of each output."""
        return tuple(self.vertices[number].size for number in self.outputs)

    @property
    def is_path(self) -> bool:
        """Whether it is a chain of layers: each takes what the one before it gives."""
        path = all(vertex.operands == (number - 1,) for number, vertex in enumerate(self.vertices) if number)
        return path and self.inputs == (0,) and self.outputs == (len(self.vertices) - 1,)


def path(layers: Sequence[Layer], widths: Sequence[int]) -> Graph:
    """The graph of layers that follow one another; `widths` are the sizes between them."""
    vertices = [Vertex(None, (), widths[0])]
    for number, layer in enumerate(layers):
        vertices.append(Vertex(layer, (number,), widths[number + 1]))
    return Graph(tuple(vertices), (0,), (len(layers),))
