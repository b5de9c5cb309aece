"""The way forward: which values of a graph depend on the network's input, and of what shape; all others are computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...arguments import positive_count
from ...errors import FormatError, LayerError, UnsupportedLayerError
from ..located import located
from ..reading.limits import MOST_UNITS, check_count
from .calls import Call, Flow, Operand, Shape
from .folds import fold
from .graph import Graph, GraphInput, Node
from .operators import shape_of_result
from .refusals import refuse_foreign
from .tensor import FLOATS, MOST_AXES, TensorReader, element_type

ONLY_THE_SHAPE = ("Shape", "Size")
"""Operators whose result depends on the shape of a value alone."""
NO_NETWORK = "its output does not depend on its input; fastjac takes networks, not constants"


@dataclass(frozen=True)
class Trace:
    """What is known of the values of a graph.

    source : the input of the graph that the output depends on.
    values : every value that the output depends on, by name: constants, and the shapes of the others.
    calls : the nodes that compute the latter, by the name of their result.
    folded : the nodes that compute constants.
    """

    source: GraphInput
    values: Mapping[str, Operand]
    calls: Mapping[str, Call]
    folded: Sequence[Node]


def trace(graph: Graph, reader: TensorReader, n_in: int | None) -> Trace:
    """Follow a graph from its input to its output, for a batch of one.

    Raises UnsupportedLayerError where it has several inputs or outputs, or holds a node that fastjac does not have; FormatError
    where a node's operands do not fit it or are nowhere; LayerError where neither the graph nor `n_in` tells the input's size.
    """
    nodes = _needed(graph)
    source = _source(graph, nodes)
    values: dict[str, Operand] = {"": None, source.name: Flow(_input_shape(source, n_in))}
    calls: dict[str, Call] = {}
    folded: list[Node] = []
    for node in nodes:
        with located(str(node)):
            refuse_foreign(node, graph)
            call = Call(node, graph.opset, tuple(_operand(name, values, graph, reader) for name in node.inputs), reader)
            is_flow = any(isinstance(operand, Flow) for operand in call.operands) and node.operator not in ONLY_THE_SHAPE
            result = _flow(call) if is_flow else fold(call)
        name = node.outputs[0]
        values[name] = result if name else None
        if is_flow:
            calls[name] = call
        else:
            folded.append(node)
    _operand(graph.outputs[0], values, graph, reader)
    return Trace(source, values, calls, folded)


def _needed(graph: Graph) -> list[Node]:
    """The nodes that the output depends on, in the order of the file."""
    if len(graph.outputs) != 1:
        raise UnsupportedLayerError(
            f"it has {len(graph.outputs)} outputs ({_listed(graph.outputs)}), fastjac takes one; cut it out with "
            "onnx.utils.Extractor(model).extract_model([input], [output])"
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


def _source(graph: Graph, nodes: list[Node]) -> GraphInput:
    """The one input that the output depends on, of floating-point numbers."""
    used = {*graph.outputs, *(name for node in nodes for name in node.inputs)}
    sources = [source for source in graph.inputs if source.name in used]
    if not sources:
        raise UnsupportedLayerError(NO_NETWORK)
    if len(sources) != 1:
        raise UnsupportedLayerError(
            f"its output depends on {len(sources)} inputs ({_listed([source.name for source in sources])}); fastjac takes "
            "networks of one input, so make constants of the others"
        )
    (source,) = sources
    with located(f"input {source.name!r:.80}"):
        if source.element_type and element_type(source.element_type).name not in FLOATS:
            raise UnsupportedLayerError(
                f"it holds {element_type(source.element_type).name}, by which a network has no derivative; export the model "
                "with an input of floating-point numbers"
            )
    return source


def _input_shape(source: GraphInput, n_in: int | None) -> Shape:
    """The shape of the input for a batch of one: axis 0 of several counts the samples if its size is not fixed."""
    given = positive_count(n_in, "n_in")
    dims = [1, None] if source.dims is None else list(source.dims)
    if len(dims) > 1 and dims[0] is None:
        dims[0] = 1
    known = math.prod(size for size in dims if size is not None)
    if dims.count(None) == 1 and given is not None and given % known == 0:
        dims[dims.index(None)] = given // known
    shape = tuple(size for size in dims if size is not None)
    if len(shape) < len(dims):
        told = "does not tell its shape" if source.dims is None else f"is of shape {shown(source.dims)}"
        raise LayerError(
            f"input {source.name!r:.80} {told}, so the number of units is not known; pass it as n_in, where one axis besides the "
            "batch is open, or export the model with a fixed input"
        )
    if given not in (None, math.prod(shape)):
        raise LayerError(f"n_in={given} was given, but the model's input has {math.prod(shape)} entries; leave n_in out")
    check_count(math.prod(shape), MOST_UNITS, "units in its input")
    return shape


def shown(dims: tuple[int | None, ...]) -> str:
    """A shape with N for each size that is not fixed."""
    return f"({', '.join('N' if size is None else str(size) for size in dims)}{',' * (len(dims) == 1)})"


def _operand(name: str, values: dict[str, Operand], graph: Graph, reader: TensorReader) -> Operand:
    """The value of that name; a tensor of the file is read when it is first asked for."""
    if name not in values:
        if name in graph.initializers:
            values[name] = reader.dense(graph.initializers[name])
        elif name in graph.sparse_initializers:
            values[name] = reader.sparse(graph.sparse_initializers[name])
        else:
            raise _unknown(name, graph)
    return values[name]


def _unknown(name: str, graph: Graph) -> FormatError:
    for node in graph.nodes:
        if name in node.outputs[1:]:
            return UnsupportedLayerError(f"it takes {name!r:.80}, not the first output of {node}; fastjac knows that one only")
        if name in node.outputs:
            return FormatError(f"it takes {name!r:.80}, which {node} computes only later; sort the nodes of the model")
    return FormatError(f"it takes {name!r:.80}, which is nowhere in the file; the file is damaged")


def _flow(call: Call) -> Flow:
    """What a node gives that depends on the network's input."""
    result = Flow(shape_of_result(call))
    if result.size < 1 or len(result.shape) > MOST_AXES:
        raise FormatError(f"its result is of shape {result.shape}, which holds nothing or has too many axes; the file is damaged")
    check_count(result.size, MOST_UNITS, "units in a layer")
    return result


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name)[:80] for name in names[:6]) + (", ..." if len(names) > 6 else "")
