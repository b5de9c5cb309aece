"""Follow a graph from its inputs to its outputs, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Input
from ..located import located
from .assembly import followed, input_flow
from .choice import Condition
from .graph import Graph, Node
from .record import Record
from .sources import Source
from .values import Constant, Flow, Single, Value, constant

Operand = Value | Condition | None
"""What a node is given: a tensor, the result of a comparison, or nothing."""
Result = Value | Condition | Sequence[Value | Condition | None]


@dataclass(frozen=True)
class Operator:
    """How fastjac reads an operator.

    convert : takes a node with its operands, in the form of the dialect's `call`, and gives its results.
    note : what a user may want to know where the network's inputs flow through it.
    has_settings : whether the constants that it takes are settings such as sizes, with which the network does not compute.
    """

    convert: Callable[[Any], Result]
    note: str = ""
    has_settings: bool = False


@dataclass(frozen=True)
class Dialect:
    """The operators of a kind of file.

    operators : all operators that fastjac reads.
    refusal : gives why a node of another operator is not read, where there is more to say than that; else "".
    call : joins a node with its operands, for `Operator.convert`.
    one_sample : gives what a user can do whose model only takes one sample.
    """

    operators: Mapping[str, Operator]
    refusal: Callable[[Any], str]
    call: Callable[[Any, tuple[Operand, ...]], Any]
    one_sample: Callable[[Source], str]


class Evaluation:
    """The values of a graph, for one sample and for a batch of `samples`.

    inputs : the inputs of the network.  values : the values of the graph, by name.  record : what its nodes have made.
    precisions : the dtypes of the constants that meet the network's inputs, single numbers included.
    folded : the nodes that compute constants.
    """

    def __init__(self, graph: Graph, dialect: Dialect, sources: Sequence[Source], samples: int) -> None:
        self._graph, self._dialect = graph, dialect
        self.inputs = [Input(math.prod(source.shape), source.declared.name) for source in sources]
        self.values: dict[str, Operand] = {"": None}
        for node, source in zip(self.inputs, sources, strict=True):
            self.values[source.declared.value] = input_flow(node, source.shape, source.batch_axis, samples)
        self.record = Record()
        self.folded: list[Node] = []
        self.precisions: set[np.dtype] = set()
        self.sizes: set[int] = set()

    def run(self) -> None:
        """Compute what the nodes give, in order."""
        for node in self._graph.nodes:
            with located(node):
                self._compute(node)

    def _compute(self, node: Node) -> None:
        operands = tuple([self.value(name) for name in node.inputs])
        operator = self._dialect.operators[node.operator]
        made = operator.convert(self._dialect.call(node, operands))
        results: list[Operand] = [made] if isinstance(made, (Constant, Flow, Condition)) else list(made)
        results += [None] * (len(node.outputs) - len(results))
        for name, result in zip(node.outputs, results, strict=False):
            if name:
                self.values[name] = result
        self._note(node, operands, [result for result in results if result is not None])

    def _note(self, node: Node, operands: Sequence[Operand], results: Sequence[Operand]) -> None:
        operator = self._dialect.operators[node.operator]
        for result in results:
            if isinstance(result, (Constant, Flow)):
                self.sizes.update(result.shape)
                if isinstance(result.batch, Single) and not any(_is_single(one, result.batch) for one in operands):
                    result.batch.reason = f"{node}: {result.batch.reason}"
        flows = any(isinstance(operand, (Flow, Condition)) for operand in operands)
        if flows and not all(isinstance(result, Constant) for result in results):
            constants = (one.alone.dtype for one in operands if isinstance(one, Constant))
            if not operator.has_settings:
                self.precisions.update(dtype for dtype in constants if dtype.kind == "f")
            made = [result.node for result in results if isinstance(result, Flow)]
            self.record.add(node.name, node.operator, made, operator.note)
        else:
            self.folded.append(node)

    def value(self, name: str) -> Operand:
        """The value of that name; an array of the file is read when it is first asked for."""
        if name not in self.values:
            if name not in self._graph.constants:
                raise self._unknown(name)
            with located(f"constant {name!r:.80}"):
                self.values[name] = constant(self._graph.constants[name](), name)
        elif self.values[name] is None and name:
            raise UnsupportedLayerError(
                f"it takes {name!r:.80}, not the first output of {self._maker(name)}; fastjac knows that one only"
            )
        return self.values[name]

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


def evaluate(graph: Graph, dialect: Dialect, sources: Sequence[Source]) -> Evaluation:
    """What the nodes of a graph make of its sources.

    Raises UnsupportedLayerError where a network cannot do what a node does, or a node mixes the samples of a batch; FormatError
    where operands do not fit their node.
    """

    def follow(samples: int) -> Evaluation:
        evaluation = Evaluation(graph, dialect, sources, samples)
        evaluation.run()
        return evaluation

    return followed(follow, {size for source in sources for size in source.shape} | graph.sizes)
