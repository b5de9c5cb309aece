"""How a network prints: in one line, and as a table of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..layers import Affine, Layer
from ..table import format_sizes, format_table
from .blocks import Item, Items, Parallel, Residual
from .graph import Graph
from .nodes import Input, Node
from .sequence import Row

Line = tuple[str, str, str]


def one_line(graph: Graph, dtype: np.dtype) -> str:
    """Sizes, number of layers and dtype. A chain shows the sizes between its affine layers, a graph those of its ends."""
    count = len(graph.vertices) - len(graph.inputs)
    if graph.is_path:
        affine = [vertex.size for vertex in graph.vertices if isinstance(vertex.operation, Affine)]
        sizes = format_sizes([graph.vertices[0].size, *affine])
    else:
        sizes = _ends(graph)
    return f"Network({sizes}, {count} layer{'s' * (count != 1)}, {dtype})"


def listed(row: Row, n_parameters: int) -> list[str]:
    """A table of a sequence: a line for each item, and below a block a line for each of its own items."""
    lines = list(_Lines().of(row.items, Input(row.widths[0])))
    return _ruled(("layer", "shape", "parameters"), lines, ("total", f"{row.widths[0]} -> {row.widths[-1]}", f"{n_parameters:,}"))


def drawn(graph: Graph, names: Sequence[str | None], n_parameters: int) -> list[str]:
    """A table of a graph: a line for each vertex, with the numbers of those that it takes."""
    shown, outputs, lines = _Lines(), set(graph.outputs), []
    named = dict(zip(graph.inputs, names, strict=True))
    for number, vertex in enumerate(graph.vertices):
        end = " (output)" if number in outputs else ""
        layer = vertex.operation
        if layer is None:
            name = named[number]
            title, count = "Input" if name is None else f"Input {name!r}", ""
        else:
            title, count = _title(layer), shown.parameters(layer)
        lines.append((f"{number}  {title}{end}", format_sizes(vertex.operands, ", "), str(vertex.size), count))
    return _ruled(("layer", "takes", "size", "parameters"), lines, ("total", "", _ends(graph), f"{n_parameters:,}"))


def _ends(graph: Graph) -> str:
    return f"{format_sizes(graph.input_sizes, '+')} -> {format_sizes(graph.output_sizes, '+')}"


class _Lines:
    """The lines of layers. The parameters of a layer that stands at several places are counted at the first."""

    def __init__(self) -> None:
        self._seen: set[Layer] = set()

    def parameters(self, layer: Layer) -> str:
        """How many parameters a layer has, or that they were counted before."""
        again = layer in self._seen and layer.n_parameters
        self._seen.add(layer)
        return "shared" if again else f"{layer.n_parameters:,}"

    def of(self, items: Items, node: Node, indent: str = "") -> Iterator[Line]:
        """The lines of items behind a node."""
        for number, item in enumerate(items):
            after = item(node)
            title = f"{indent}{number}  {_title(item)}"
            yield title, f"{node.size} -> {after.size}", self.parameters(item) if isinstance(item, Layer) else ""
            for name, branch in _branches(item):
                inner = indent + "   "
                if name:
                    yield f"{inner}{name}", "", ""
                yield from self.of(branch, node, inner + "   " * bool(name))
            node = after


def _branches(item: Layer | Item) -> list[tuple[str, Items]]:
    """What a block or a network holds, each branch with its name."""
    if isinstance(item, Residual):
        return [("", item.layers)] if item.shortcut is None else [("layers", item.layers), ("shortcut", item.shortcut)]
    if isinstance(item, Parallel):
        return [(f"branch {number}{'' if branch else ': x'}", branch) for number, branch in enumerate(item.branches)]
    inner = () if isinstance(item, Layer) else item.in_sequence()
    return [] if inner in ((), (item,)) else [("", inner)]


def _title(item: Layer | Item) -> str:
    if isinstance(item, Layer):
        options = ", ".join(f"{name}={value}" for name, value in item.shown.items())
        return type(item).__name__ + (f"({options})" if options else "")
    if isinstance(item, Parallel):
        return f"Parallel({item.join})"
    return type(item).__name__ if isinstance(item, Residual) else repr(item)


def _ruled(head: tuple[str, ...], lines: Sequence[tuple[str, ...]], total: tuple[str, ...]) -> list[str]:
    first, *body, last = format_table([head, *lines, total], left=len(head) - 1)
    rule = "-" * len(first)
    return [first, rule, *body, rule, last]
