"""From a flatbuffer to a graph: its tensors become values or constants, and its operators become nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...declared import declared_shape
from ...ir.account import Account
from ...ir.graph import End, Graph, Node
from ...ir.movement import MOST_AXES
from ...reading.flatbuffer import Table, check_reach, root
from ...reading.limits import MOST_ARRAYS, MOST_ENDS, MOST_JOINED, MOST_LAYERS, check_count
from ..tensors import as_array, element_type
from ..types import ElementType
from . import schema as s
from .recurrent import STATES

QUANTIZED = "it is quantized; fastjac takes floating-point models, so convert the model again without converter.optimizations"


class Reader:
    """Reads the first graph of a model, the only one that a network without loops has."""

    def __init__(self, data: bytes, account: Account) -> None:
        self._data, self._account = data, account
        self._model = root(data)
        graphs = self._model.tables(s.Model.SUBGRAPHS, MOST_LAYERS, "graphs")
        if not graphs:
            raise FormatError("it holds no graph; the file is damaged")
        self._graph = graphs[0]
        self._buffers = self._model.tables(s.Model.BUFFERS, MOST_ARRAYS, "buffers")
        self._tensors = self._graph.tables(s.SubGraph.TENSORS, MOST_ARRAYS, "tensors")
        self._counted: set[int] = set()
        self._names = [f"{i}" for i in range(len(self._tensors))]

    def graph(self) -> Graph:
        """The graph, with all of its outputs."""
        inputs, outputs = (self._numbers(self._graph, part, MOST_ENDS) for part in (s.SubGraph.INPUTS, s.SubGraph.OUTPUTS))
        nodes = self._nodes()
        given = {*map(str, inputs), *(name for node in nodes for name in node.outputs)}
        constants: dict[str, Callable[[], np.ndarray]] = {
            name: partial(self._constant, i) for i, name in enumerate(self._names) if name not in given
        }
        called = self._signature()
        return Graph(
            nodes,
            [self._end(number, called.get(("input", number))) for number in inputs],
            [self._end(number, called.get(("output", number))) for number in outputs],
            constants,
        )

    def _nodes(self) -> list[Node]:
        codes = [_operator(code) for code in self._model.tables(s.Model.OPERATOR_CODES, MOST_LAYERS, "operators")]
        operators = self._graph.tables(s.SubGraph.OPERATORS, MOST_LAYERS, "nodes")
        nodes: list[Node] = []
        takes = gives = 0
        for position, operator in enumerate(operators):
            number = operator.integer(s.Operator.CODE, "I")
            if number >= len(codes):
                raise FormatError(f"node {position} is of operator {number} of {len(codes)}; the file is damaged")
            taken, given = (self._numbers(operator, part, MOST_LAYERS) for part in (s.Operator.INPUTS, s.Operator.OUTPUTS))
            takes, gives = takes + len(taken), gives + len(given)
            check_count(takes, MOST_JOINED, "tensors that its nodes take")
            check_count(gives, MOST_LAYERS, "tensors that its nodes give")
            states = STATES.get(codes[number], ())
            inputs = tuple("" if i == -1 or place in states else self._names[i] for place, i in enumerate(taken))
            name = self._tensors[given[0]].text(s.Tensor.NAME) if given and given[0] >= 0 else None
            outputs = tuple("" if i == -1 else self._names[i] for i in given)
            options = _options(operator.table(s.Operator.OPTIONS), codes[number])
            nodes.append(Node(position, name or f"node {position}", codes[number], inputs, outputs, options))
        return nodes

    def _numbers(self, table: Table, field: int, most: int) -> list[int]:
        """The numbers of tensors in a list; -1 stands for no tensor."""
        found = table.array(field, "<i4")
        numbers = [] if found is None else found[: most + 1].tolist()
        check_count(len(numbers), most, "tensors of a node or graph")
        if any(not -1 <= number < len(self._tensors) for number in numbers):
            raise FormatError(f"a node or graph refers to tensors {numbers[:10]} of {len(self._tensors)}; the file is damaged")
        return numbers

    def _signature(self) -> Mapping[tuple[str, int], str]:
        """The users' names of the graph's inputs and outputs, by kind and by the number of the tensor."""
        called = {}
        for signature in self._model.tables(s.Model.SIGNATURES, MOST_ENDS, "signatures"):
            if signature.integer(s.Signature.SUBGRAPH, "I") == 0:
                for kind, field in (("input", s.Signature.INPUTS), ("output", s.Signature.OUTPUTS)):
                    for entry in signature.tables(field, MOST_ENDS, "names"):
                        called[kind, entry.integer(s.Named.TENSOR, "I")] = entry.text(s.Named.NAME) or ""
                break
        return called

    def _end(self, number: int, name: str | None) -> End:
        if number < 0:
            raise FormatError("an input or output of the graph is no tensor; the file is damaged")
        tensor = self._tensors[number]
        self._check_float(tensor)
        name = name or tensor.text(s.Tensor.NAME) or f"tensor {number}"
        return End(name, self._names[number], self._type(tensor).name, _dims(tensor))

    def _type(self, tensor: Table) -> ElementType:
        return element_type(tensor.integer(s.Tensor.TYPE, "b"), s.TYPES)

    def _check_float(self, tensor: Table) -> None:
        quantization = tensor.table(s.Tensor.QUANTIZATION)
        scale = None if quantization is None else quantization.array(s.Quantization.SCALE, "<f4")
        if scale is not None and scale.size:
            raise UnsupportedLayerError(QUANTIZED)

    def _constant(self, number: int) -> np.ndarray:
        """The array of a tensor that the file holds; half precision is widened to float32."""
        tensor = self._tensors[number]
        self._check_float(tensor)
        if tensor.table(s.Tensor.SPARSITY) is not None:
            raise UnsupportedLayerError("its zeros are left out; convert the model again without sparsity")
        if tensor.number(s.Tensor.IS_VARIABLE, "?"):
            raise UnsupportedLayerError(
                "it keeps a state between calls, as recurrent layers do; fastjac takes feed-forward networks"
            )
        kind, shape = self._type(tensor), declared_shape(_sizes(tensor, s.Tensor.SHAPE))
        content = self._content(tensor.integer(s.Tensor.BUFFER, "I"))
        if kind.name in ("bool", "float16"):
            self._account.make(content.size)
        return as_array(content, kind, shape)

    def _content(self, number: int) -> np.ndarray:
        """The bytes of a buffer."""
        if number >= len(self._buffers):
            raise FormatError(f"its bytes are in buffer {number} of {len(self._buffers)}; the file is damaged")
        content = self._bytes(self._buffers[number])
        if number not in self._counted:  # several tensors may share one buffer
            self._counted.add(number)
            self._account.store(content.size)
        return content

    def _bytes(self, buffer: Table) -> np.ndarray:
        offset, size = (buffer.integer(field, "Q") for field in (s.Buffer.OFFSET, s.Buffer.SIZE))
        if offset > 1:  # behind the flatbuffer, as in files of more than 2 GB
            check_reach(self._data, offset, size)
            return np.frombuffer(self._data, "u1", size, offset)
        content = buffer.array(s.Buffer.DATA, "u1")
        return np.zeros(0, "u1") if content is None else content


def _dims(tensor: Table) -> tuple[int | None, ...]:
    """The shape of an end, None for each size that is open."""
    declared = _sizes(tensor, s.Tensor.SHAPE_SIGNATURE) or _sizes(tensor, s.Tensor.SHAPE)
    return tuple(size if size > 0 else None for size in declared)


def _sizes(tensor: Table, field: int) -> tuple[int, ...]:
    found = tensor.array(field, "<i4")
    if found is None:
        return ()
    check_count(found.size, MOST_AXES, "axes in a shape")
    return tuple(found.tolist())


def _operator(code: Table) -> str:
    """The name of an operator; files of older versions hold its number in one byte."""
    number = max(code.integer(s.OperatorCode.CODE, "i"), code.integer(s.OperatorCode.OLD_CODE, "b"))
    if number == s.CUSTOM:
        return f"CUSTOM {code.text(s.OperatorCode.CUSTOM_CODE) or ''}"
    return s.OPERATORS[number] if 0 <= number < len(s.OPERATORS) else f"operator {number}"


def _options(table: Table | None, operator: str) -> dict[str, Any]:
    """The options of a node."""
    found: dict[str, Any] = {}
    for name, (field, kind, default) in s.OPTIONS.get(operator, {}).items():
        if kind == s.INTS:
            numbers = None if table is None else table.array(field, "<i4")
            found[name] = [] if numbers is None else numbers[: 2 * MOST_AXES + 1].tolist()
        else:
            value = default if table is None else table.number(field, kind, default)
            found[name] = float(value) if kind == s.FLOAT else bool(value) if kind == s.BOOL else int(value)
    return found


def read_graph(data: bytes, account: Account) -> Graph:
    """The graph of a TensorFlow Lite model."""
    return Reader(data, account).graph()
