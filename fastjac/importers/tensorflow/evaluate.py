"""Follow a graph from its inputs to its outputs, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...nodes import Input
from ..ir.assembly import SAMPLES, Record, input_flow
from ..ir.choice import Condition
from ..ir.values import Constant, Flow, Single, Value, constant
from ..located import located
from .calls import Call, Operand
from .ends import Source
from .graph import Graph, Node

Result = Value | Condition | Sequence[Value | Condition]


@dataclass(frozen=True)
class Operator:
    """How fastjac reads an operator.

    convert : from the call to its results.
    note : what a user may want to know where the network's inputs flow through it.
    """

    convert: Callable[[Call], Result]
    note: str = ""


@dataclass(frozen=True)
class Dialect:
    """The operators of a kind of file.

    operators : all that fastjac reads.  refusal : why another one is not, where there is more to say than that.
    """

    operators: Mapping[str, Operator]
    refusal: Callable[[Node], str]


class Evaluation:
    """The values of a graph, for one sample and for a batch of so many.

    inputs : of the network.  values : of the graph, by name.  record : of its nodes.
    is_double : whether a constant that meets the network's inputs is double, a single number too.
    folded : the nodes that compute constants.
    """

    def __init__(self, graph: Graph, operators: Mapping[str, Operator], sources: Sequence[Source], samples: int) -> None:
        self._graph, self._operators = graph, operators
        self.inputs = [Input(math.prod(source.shape), source.declared.name) for source in sources]
        self.values: dict[str, Operand] = {"": None}
        for node, source in zip(self.inputs, sources, strict=True):
            self.values[source.declared.value] = input_flow(node, source.shape, source.batch_axis, samples)
        self.record = Record()
        self.folded: list[Node] = []
        self.is_double = any(source.declared.dtype == "float64" for source in sources)
        self.sizes: set[int] = set()

    def run(self) -> None:
        """Compute what the nodes give, in order."""
        for node in self._graph.nodes:
            with located(str(node)):
                self._compute(node)

    def _compute(self, node: Node) -> None:
        operands = tuple(self.value(name) for name in node.inputs)
        operator = self._operators[node.operator]
        made = operator.convert(Call(node, operands))
        results: Sequence[Operand] = [made] if isinstance(made, (Constant, Flow, Condition)) else made
        self.values.update(zip(node.outputs, results, strict=False))
        self._note(node, operands, results, operator.note)

    def _note(self, node: Node, operands: Sequence[Operand], results: Sequence[Operand], note: str) -> None:
        for result in results:
            if isinstance(result, (Constant, Flow)):
                self.sizes.update(result.shape)
                if isinstance(result.batch, Single) and not any(_is_single(one, result.batch) for one in operands):
                    result.batch.reason = f"{node}: {result.batch.reason}"
        flows = any(isinstance(operand, (Flow, Condition)) for operand in operands)
        if flows and not all(isinstance(result, Constant) for result in results):
            doubles = [one for one in operands if isinstance(one, Constant) and one.alone.dtype == np.float64]
            self.is_double |= bool(doubles)
            self.record.add(node.name, node.operator, [result.node for result in results if isinstance(result, Flow)], note)
        else:
            self.folded.append(node)

    def value(self, name: str) -> Operand:
        """The value of that name; an array of the file is read when it is first asked for."""
        if name not in self.values:
            if name not in self._graph.constants:
                raise FormatError(f"it takes {name!r:.80}, which nothing before it gives; the file is damaged")
            with located(f"constant {name!r:.80}"):
                self.values[name] = constant(self._graph.constants[name](), name)
        return self.values[name]


def _is_single(operand: Operand, batch: Single) -> bool:
    return isinstance(operand, (Constant, Flow)) and operand.batch is batch


def evaluate(graph: Graph, operators: Mapping[str, Operator], sources: Sequence[Source]) -> Evaluation:
    """What the nodes of a graph make of its sources.

    Raises UnsupportedLayerError where a node cannot be said in a network, or mixes the samples of a batch; FormatError where its
    operands do not fit it.
    """
    known = {size for source in sources for size in source.shape}
    for samples in SAMPLES:
        if all(size % samples for size in known if size):
            evaluation = Evaluation(graph, operators, sources, samples)
            evaluation.run()
            if all(size % samples for size in evaluation.sizes if size):
                return evaluation
    raise UnsupportedLayerError(
        f"its values have sizes that each of {SAMPLES[0]} to {SAMPLES[-1]} divides; fastjac reads no such model"
    )
