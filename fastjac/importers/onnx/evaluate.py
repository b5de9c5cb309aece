"""Follow a graph from its inputs to its outputs, operator by operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...nodes import Input
from ..ir.assembly import SAMPLES, Record, input_flow
from ..ir.choice import Condition
from ..ir.values import Constant, Flow, Single, constant
from ..located import located
from .calls import Call, Operand
from .graph import Graph, Node
from .operators import OPERATORS
from .source import Source
from .tensor import TensorReader


@dataclass(frozen=True)
class Evaluated:
    """What a graph gives.

    inputs : of the network.  values : of the graph, by name.  record : of its nodes.
    precisions : of the constants that meet the network's inputs, single numbers too.
    folded : the nodes that compute constants.
    """

    inputs: Sequence[Input]
    values: Mapping[str, Operand]
    record: Record
    precisions: Set[np.dtype]
    folded: Sequence[Node]


def evaluate(graph: Graph, reader: TensorReader, nodes: Sequence[Node], sources: Sequence[Source]) -> Evaluated:
    """What the nodes of a graph make of its sources.

    Raises UnsupportedLayerError where a node cannot be said in a network, or mixes the samples of a batch; FormatError where its
    operands do not fit it.
    """
    known = {size for source in sources for size in source.shape} | set(_stored_sizes(graph))
    for samples in SAMPLES:
        if all(size % samples for size in known if size):
            evaluation = _Evaluation(graph, reader, sources, samples)
            evaluation.run(nodes)
            if all(size % samples for size in evaluation.sizes if size):
                return evaluation.result()
            known |= evaluation.sizes  # so that a graph is followed twice at most, whatever its sizes are
    raise FormatError(f"its values have sizes that each of {SAMPLES[0]} to {SAMPLES[-1]} divides; fastjac reads no such model")


def _stored_sizes(graph: Graph) -> Iterator[int]:
    for tensor in graph.initializers.values():
        yield from tensor.dims


class _Evaluation:
    """The values of a graph, for one sample and for a batch of so many."""

    def __init__(self, graph: Graph, reader: TensorReader, sources: Sequence[Source], samples: int) -> None:
        self._graph, self._reader = graph, reader
        self._inputs = [Input(int(np.prod(source.shape)), source.name) for source in sources]
        flows = [
            input_flow(node, source.shape, source.batch_axis, samples) for node, source in zip(self._inputs, sources, strict=True)
        ]
        self._values: dict[str, Operand] = {"": None, **{source.name: flow for source, flow in zip(sources, flows, strict=True)}}
        self._record = Record()
        self._folded: list[Node] = []
        self._precisions: set[np.dtype] = set()
        self.sizes: set[int] = set()

    def result(self) -> Evaluated:
        """What was found."""
        return Evaluated(self._inputs, self._values, self._record, self._precisions, self._folded)

    def run(self, nodes: Sequence[Node]) -> None:
        """Compute what the nodes give, in order."""
        for node in nodes:
            with located(str(node)):
                self._compute(node)

    def _compute(self, node: Node) -> None:
        operands = tuple(self._value(name) for name in node.inputs)
        operator = OPERATORS[node.operator]
        made = operator.convert(Call(node, self._graph.opset, operands, self._reader))
        results: list[Operand] = list(made) if isinstance(made, Sequence) else [made]
        results = [*results, *[None] * (len(node.outputs) - len(results))]
        for name, result in zip(node.outputs, results, strict=False):
            if name:
                self._values[name] = result
        self._note(node, operands, [result for result in results if result is not None], operator.note)

    def _note(self, node: Node, operands: Sequence[Operand], results: Sequence[Operand], note: str) -> None:
        for result in results:
            if isinstance(result, (Constant, Flow)):
                self.sizes.update(result.shape)
                if isinstance(result.batch, Single) and not any(_is_single(one, result.batch) for one in operands):
                    result.batch.reason = f"{node}: {result.batch.reason}"
        if any(isinstance(operand, (Flow, Condition)) for operand in operands) and not all(
            isinstance(result, Constant) for result in results
        ):
            constants = (one.alone.dtype for one in operands if isinstance(one, Constant))
            self._precisions.update(dtype for dtype in constants if dtype.kind == "f")
            self._record.add(node.name, node.operator, [result.node for result in results if isinstance(result, Flow)], note)
        else:
            self._folded.append(node)

    def _value(self, name: str) -> Operand:
        """The value of that name; a tensor of the file is read when it is first asked for."""
        if name not in self._values:
            if name in self._graph.initializers:
                self._values[name] = constant(self._reader.dense(self._graph.initializers[name]), name)
            elif name in self._graph.sparse_initializers:
                self._values[name] = constant(self._reader.sparse(self._graph.sparse_initializers[name]), name)
            else:
                raise self._unknown(name)
        elif self._values[name] is None and name:
            raise UnsupportedLayerError(
                f"it takes {name!r:.80}, not the first output of {self._maker(name)}; fastjac knows that one only"
            )
        return self._values[name]

    def _maker(self, name: str) -> Node | None:
        """The node that gives a value."""
        return next((node for node in self._graph.nodes if name in node.outputs), None)

    def _unknown(self, name: str) -> FormatError:
        node = self._maker(name)
        if node is not None:
            return FormatError(f"it takes {name!r:.80}, which {node} computes only later; sort the nodes of the model")
        return FormatError(f"it takes {name!r:.80}, which is nowhere in the file; the file is damaged")


def _is_single(operand: Operand, batch: Single) -> bool:
    return isinstance(operand, (Constant, Flow)) and operand.batch is batch


def producers_of(graph: Graph) -> dict[str, Node]:
    """The nodes by the names of their outputs, each of which only one may have."""
    producers: dict[str, Node] = {}
    taken = {source.name for source in graph.inputs}.union(graph.initializers, graph.sparse_initializers)
    for node in graph.nodes:
        for name in filter(None, node.outputs):
            if name in producers or name in taken:
                raise FormatError(f"{node} gives {name!r:.80}, which something else gives too; the file is damaged")
            producers[name] = node
    return producers


def needed_for(outputs: Sequence[str], graph: Graph) -> list[Node]:
    """The nodes that outputs depend on, in the order of the file."""
    producers = producers_of(graph)
    needed: dict[int, Node] = {}
    waiting = list(outputs)
    while waiting:
        node = producers.get(waiting.pop())
        if node is not None and node.position not in needed:
            needed[node.position] = node
            waiting.extend(node.inputs)
    return [needed[position] for position in sorted(needed)]
