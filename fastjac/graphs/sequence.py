"""A network's layers, as they are given: checked one by one, put in a row, and brought to one dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..arguments import positive_count
from ..errors import DtypeError, LayerError, OptionError
from ..kernels.float_mode import default_mode
from ..layers import Layer, chain_widths
from .blocks import Item, Items, as_items, first_size, record
from .conversion import as_nodes, graph_of
from .ends import End
from .graph import Graph, Vertex, path
from .nodes import Input, Node

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Row(NamedTuple):
    """Layers, blocks and networks in a row, and the sizes between them, one more than there are items."""

    items: Items
    widths: tuple[int, ...]


class Written(NamedTuple):
    """What a user wrote down: the graph, the same as a sequence if it is one, both ends, and the names of features, if any."""

    graph: Graph
    row: Row | None
    inputs: End
    outputs: End
    feature_names: tuple[str, ...] = ()


def written_as(layers: Any, n_in: Any, inputs: Any, outputs: Any) -> Written:
    """The arguments of a Network, checked: layers in a row, or the nodes that it begins and ends with."""
    if isinstance(layers, Node) or isinstance(n_in, Node):
        raise DtypeError("Network takes nodes by name; write Network(inputs=..., outputs=...)")
    n_in = positive_count(n_in, "n_in")
    nodes = inputs is not None or outputs is not None
    if layers is not None and nodes:
        raise OptionError("Network takes layers in a row, or inputs and outputs, not both")
    if layers is not None:
        graph, row = _row_of(layers, n_in)
        return Written(graph, row, End("input", graph.input_sizes), End("output", graph.output_sizes))
    if not nodes:
        raise DtypeError("Network takes a sequence of layers, or inputs and outputs; got none of them")
    starts, stops = as_nodes(inputs, "inputs"), as_nodes(outputs, "outputs")
    graph = graph_of(starts, stops)
    start, stop = End("input", graph.input_sizes, starts), End("output", graph.output_sizes, stops)
    if n_in not in (None, start.total):
        raise OptionError(f"n_in must be the size of all inputs, {start.total}, got {n_in}; leave it out")
    return Written(graph, _row_in(graph), start, stop)


def _row_of(layers: Iterable[Layer | Item], n_in: int | None) -> tuple[Graph, Row]:
    """The graph of layers, blocks and networks in a row; a network that is itself a sequence counts as its items.

    Raises DtypeError for anything else among them, LayerError where there are none, two do not chain, or no size is stated.
    """
    if isinstance(layers, Layer):
        raise DtypeError(f"Network takes a sequence of layers, got {type(layers).__name__}")
    given = as_items(layers, "Network")
    items: Items = tuple(inner for item in given for inner in (item.in_sequence() if isinstance(item, Item) else (item,)))
    if not items:
        raise LayerError("Network takes at least one layer, got none")
    if any(isinstance(item, Item) for item in items):
        return _recorded(items, n_in)
    widths = chain_widths(items, n_in)  # type: ignore[arg-type]
    return path(items, widths), Row(items, widths)  # type: ignore[arg-type]


def _recorded(items: Items, n_in: int | None) -> tuple[Graph, Row]:
    size = n_in if n_in is not None else first_size([items])
    if size is None:
        raise LayerError("no layer states how many inputs the network has; pass Network(layers, n_in=...)")
    start: Node = Input(size)
    node = start
    widths = [size]
    for position, item in enumerate(items):
        node = record([item], node, position)
        widths.append(node.size)
    return graph_of(start, node), Row(items, tuple(widths))


def _row_in(graph: Graph) -> Row | None:
    """The layers of a graph that is a chain of them, else None."""
    if not graph.is_path:
        return None
    layers = [vertex.operation for vertex in graph.vertices if vertex.operation is not None]
    return Row(tuple(layers), tuple(vertex.size for vertex in graph.vertices))


def with_layers(graph: Graph, layer_of: Callable[[Layer], Layer]) -> Graph:
    """The graph with `layer_of(layer)` in place of every layer."""
    made = (None if vertex.operation is None else layer_of(vertex.operation) for vertex in graph.vertices)
    vertices = (Vertex(layer, vertex.operands, vertex.size) for layer, vertex in zip(made, graph.vertices, strict=True))
    return Graph(tuple(vertices), graph.inputs, graph.outputs)


def resolved_dtype(layers: Iterable[Layer], dtype: Any) -> np.dtype:
    """The dtype that was asked for, or, for None, the widest of the layers' arrays."""
    if dtype is None:
        kinds = {array.dtype for layer in layers for array in layer.arrays.values()}
        return DTYPES[0] if kinds == {DTYPES[0]} else DTYPES[1]
    try:
        resolved = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(f"a network's dtype is float32 or float64, got {dtype!r}") from error
    if resolved not in DTYPES:
        raise DtypeError(f"a network's dtype is float32 or float64, got {resolved}")
    return resolved


def cast(layer: Layer, dtype: np.dtype) -> Layer:
    """The layer with its arrays in another dtype."""
    if all(array.dtype == dtype for array in layer.arrays.values()):
        return layer
    with np.errstate(all="ignore"), default_mode():
        return layer.with_arrays({name: array.astype(dtype) for name, array in layer.arrays.items()})
