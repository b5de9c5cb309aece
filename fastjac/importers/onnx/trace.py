"""The way forward: which values of a graph depend on the network's input, and of what shape; all others are computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..reading.limits import MOST_UNITS, check_count
from .calls import Call, Flow, Operand
from .folds import fold
from .graph import Graph, Node
from .operators import shape_of_result
from .refusals import ONLY_THE_SHAPE, refuse_missing
from .source import Source, listed, source_of
from .tensor import MOST_AXES, TensorReader


@dataclass(frozen=True)
class Trace:
    """What is known of the values of a graph, for some number of samples.

    source : the input of the graph that the output depends on.
    values : every value that the output depends on, by name: constants, and the shapes of the others.
    calls : the nodes that compute the latter, by the name of their result.
    folded : the nodes that compute constants.
    """

    source: Source
    values: Mapping[str, Operand]
    calls: Mapping[str, Call]
    folded: Sequence[Node]


def trace(graph: Graph, reader: TensorReader, n_in: int | None) -> Trace:
    """Follow a graph from its input to its output, for one sample.

    Raises UnsupportedLayerError where it has several inputs or outputs, or holds a node that fastjac does not have; FormatError
    where a node's operands do not fit it or are nowhere; LayerError where neither the graph nor `n_in` tells the input's size.
    """
    nodes = _needed(graph)
    refuse_missing(graph, nodes)
    source = source_of(graph, nodes, n_in)
    values = _Values(graph, reader, {source.name: Flow(source.shape)})
    return _follow(nodes, source, values, fold)


def trace_batch(graph: Graph, reader: TensorReader, alone: Trace, samples: int) -> Trace:
    """Follow a graph for a batch of so many samples; constants that do not depend on their number are the arrays of `alone`.

    Raises FormatError where a node's operands do not fit it for that many, UnsupportedLayerError where a constant does not.
    """
    stored = {
        name: alone.values[name] for name in alone.values if name in graph.initializers or name in graph.sparse_initializers
    }
    flow = Flow(alone.source.shape_of(samples), samples)
    values = _Values(graph, reader, {**stored, alone.source.name: flow})

    def constant(call: Call) -> Operand:
        node = call.node
        if all(operand is alone.values[name] for name, operand in zip(node.inputs, call.operands, strict=True)):
            return alone.values[node.outputs[0]]
        try:
            return fold(call)
        except FormatError as error:
            raise UnsupportedLayerError(f"it computes a constant for one sample only: {error}") from error

    return _follow(_needed(graph), alone.source, values, constant)


def _follow(nodes: Sequence[Node], source: Source, values: _Values, constant: Callable[[Call], Operand]) -> Trace:
    """What the nodes give, in order; `constant` computes what does not depend on the network's input."""
    calls: dict[str, Call] = {}
    folded: list[Node] = []
    for node in nodes:
        with located(str(node)):
            call = Call(node, values.graph.opset, tuple(values[name] for name in node.inputs), values.reader)
            is_flow = any(isinstance(operand, Flow) for operand in call.operands) and node.operator not in ONLY_THE_SHAPE
            result = _flow(call) if is_flow else constant(call)
        name = node.outputs[0]
        values[name] = result if name else None
        if is_flow:
            calls[name] = call
        else:
            folded.append(node)
    values[values.graph.outputs[0]]  # raises where nothing computes it
    return Trace(source, values, calls, folded)


class _Values(dict[str, Operand]):
    """Values by name; a tensor of the file is read when it is first asked for."""

    def __init__(self, graph: Graph, reader: TensorReader, known: Mapping[str, Operand]) -> None:
        super().__init__({"": None, **known})
        self.graph, self.reader = graph, reader

    def __missing__(self, name: str) -> Operand:
        if name in self.graph.initializers:
            self[name] = self.reader.dense(self.graph.initializers[name])
        elif name in self.graph.sparse_initializers:
            self[name] = self.reader.sparse(self.graph.sparse_initializers[name])
        else:
            raise _unknown(name, self.graph)
        return self[name]


def _needed(graph: Graph) -> list[Node]:
    """The nodes that the output depends on, in the order of the file."""
    if len(graph.outputs) != 1:
        inputs = [source.name for source in graph.inputs[:6]]
        raise UnsupportedLayerError(
            f"it has {len(graph.outputs)} outputs ({listed(graph.outputs)}), fastjac takes one; cut out the one that is wanted: "
            f"model = onnx.utils.Extractor(model).extract_model({inputs}, {list(graph.outputs[:1])})"
        )
    producers = _producers(graph)
    needed: dict[int, Node] = {}
    waiting = list(graph.outputs)
    while waiting:
        node = producers.get(waiting.pop())
        if node is not None and node.position not in needed:
            needed[node.position] = node
            waiting.extend(node.inputs)
    return [needed[position] for position in sorted(needed)]


def _producers(graph: Graph) -> dict[str, Node]:
    """The nodes by the names of their outputs, each of which only one may have."""
    producers: dict[str, Node] = {}
    taken = {source.name for source in graph.inputs}.union(graph.initializers, graph.sparse_initializers)
    for node in graph.nodes:
        for name in filter(None, node.outputs):
            if name in producers or name in taken:
                raise FormatError(f"{node} gives {name!r:.80}, which something else gives too; the file is damaged")
            producers[name] = node
    return producers


def _unknown(name: str, graph: Graph) -> FormatError:
    for node in graph.nodes:
        if name in node.outputs[1:]:
            return UnsupportedLayerError(f"it takes {name!r:.80}, not the first output of {node}; fastjac knows that one only")
        if name in node.outputs:
            return FormatError(f"it takes {name!r:.80}, which {node} computes only later; sort the nodes of the model")
    return FormatError(f"it takes {name!r:.80}, which is nowhere in the file; the file is damaged")


def _flow(call: Call) -> Flow:
    """What a node gives that depends on the network's input."""
    samples = next(operand.samples for operand in call.operands if isinstance(operand, Flow))
    result = Flow(shape_of_result(call), samples)
    if math.prod(result.shape) < 1 or len(result.shape) > MOST_AXES:
        raise FormatError(f"its result is of shape {result.shape}, which holds nothing or has too many axes; the file is damaged")
    check_count(result.size, MOST_UNITS, "units in a layer")
    return result
