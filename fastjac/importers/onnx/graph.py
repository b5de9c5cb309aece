"""What a ModelProto says: its graph as nodes with names for their inputs and outputs, checked and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..reading.limits import MOST_LAYERS, MOST_NAME, check_count
from .tensor import MOST_AXES

OWN_DOMAINS = ("", "ai.onnx")
OLDEST_OPSET, NEWEST_OPSET = 1, 28
FLOAT, INT, STRING, TENSOR, FLOATS, INTS, STRINGS, SPARSE_TENSOR = 1, 2, 3, 4, 6, 7, 8, 11
ATTRIBUTE_FIELDS = {
    FLOAT: "f",
    INT: "i",
    STRING: "s",
    TENSOR: "t",
    FLOATS: "floats",
    INTS: "ints",
    STRINGS: "strings",
    SPARSE_TENSOR: "sparse_tensor",
}
"""Where an attribute holds its value, by the number of its type; those of other types are graphs and the like."""


@dataclass(frozen=True)
class Node:
    """One node of a graph.

    position : which one it is in the file, counted from 0.
    name : its own name, or else that of its output.
    operator : "Gemm"; of another domain than ONNX's own, "com.microsoft.Gelu".
    inputs, outputs : names of values; "" stands for one left out.
    attributes : AttributeProtos by name.
    """

    position: int
    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"node {self.position} {self.name!r:.80} ({self.operator})"

    @property
    def label(self) -> str:
        """How the parts of an imported model call it."""
        return f"{self.name} ({self.operator})"

    def real(self, name: str, default: float) -> float:
        """An attribute that is a number. Those are float32 numbers, and so is the default."""
        return float(self._attribute(name, FLOAT, np.float32(default)))

    def integer(self, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        return int(self._attribute(name, INT, default))

    def text(self, name: str, default: str) -> str:
        """An attribute that is a string."""
        text: bytes = self._attribute(name, STRING, default.encode())
        return text[:MOST_NAME].decode(errors="replace")

    def reals(self, name: str) -> np.ndarray | None:
        """An attribute that is a list of float32 numbers, or None."""
        numbers = self._attribute(name, FLOATS, None)
        return None if numbers is None else np.array(numbers, np.float32)

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of whole numbers, or None."""
        numbers = self._attribute(name, INTS, None)
        return None if numbers is None else tuple(numbers)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """An attribute that is a list of strings, or None."""
        texts = self._attribute(name, STRINGS, None)
        return None if texts is None else tuple(text[:MOST_NAME].decode(errors="replace") for text in texts)

    def tensor(self, name: str) -> Any:
        """An attribute that is a TensorProto, or None."""
        return self._attribute(name, TENSOR, None)

    def sparse_tensor(self, name: str) -> Any:
        """An attribute that is a SparseTensorProto, or None."""
        return self._attribute(name, SPARSE_TENSOR, None)

    def _attribute(self, name: str, kind: int, default: Any) -> Any:
        if name not in self.attributes:
            return default
        attribute = self.attributes[name]
        if attribute.type != kind or attribute.ref_attr_name:
            raise FormatError(
                f"its attribute {name} must be of type {kind} of AttributeProto with a value of its own, it is of type "
                f"{attribute.type}; the file is damaged"
            )
        return getattr(attribute, ATTRIBUTE_FIELDS[kind])


@dataclass(frozen=True)
class GraphEnd:
    """An input of a graph, or an output.

    element_type : ONNX's number of its type, 0 where it is no tensor or does not tell.
    dims : its shape, with None for each size that is not fixed; None where not even the number of axes is told.
    """

    name: str
    element_type: int
    dims: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Graph:
    """A graph: what goes in, what the nodes compute in order, what comes out.

    initializers, sparse_initializers : TensorProtos and SparseTensorProtos by name.
    inputs : those without an initializer.
    opset : the version of ONNX's own operators.
    functions : operators that the model itself defines by other nodes.
    """

    nodes: tuple[Node, ...]
    initializers: Mapping[str, Any]
    sparse_initializers: Mapping[str, Any]
    inputs: tuple[GraphEnd, ...]
    outputs: tuple[GraphEnd, ...]
    opset: int
    functions: frozenset[str]


def read_graph(model: Any) -> Graph:
    """The graph of a ModelProto.

    Raises FormatError where it is damaged or too large, UnsupportedLayerError where its opset is too old or too new.
    """
    graph = model.graph
    check_count(len(graph.node), MOST_LAYERS, "nodes")
    for what in ("initializer", "sparse_initializer", "input", "output"):
        check_count(len(getattr(graph, what)), 10 * MOST_LAYERS, f"entries in {what}")
    initializers = _by_name((tensor.name, tensor) for tensor in graph.initializer)
    sparse = _by_name((tensor.values.name, tensor) for tensor in graph.sparse_initializer)
    inputs = tuple(_graph_input(value) for value in graph.input if value.name and value.name not in initializers)
    opset = _opset(model)
    return Graph(
        nodes=tuple(_node(position, node) for position, node in enumerate(graph.node)),
        initializers=initializers,
        sparse_initializers=sparse,
        inputs=inputs,
        outputs=tuple(_graph_input(value) for value in graph.output),
        opset=opset,
        functions=frozenset(_operator(function.domain, function.name) for function in model.functions),
    )


def _node(position: int, node: Any) -> Node:
    with located(f"node {position}"):
        outputs = tuple(_name(name) for name in node.output)
        name = _name(node.name) or next(filter(None, outputs), "")
        inputs = tuple(_name(name) for name in node.input)
        operator = _operator(node.domain, node.op_type)
        return Node(position, name, operator, inputs, outputs, _by_name((a.name, a) for a in node.attribute))


def _operator(domain: str, name: str) -> str:
    return _name(name) if domain in OWN_DOMAINS else f"{_name(domain)}.{_name(name)}"


def _by_name(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if _name(name) in found:
            raise FormatError(f"two things have the name {name!r:.80} where it must be one; the file is damaged")
        found[name] = value
    return found


def _name(name: Any) -> str:
    """A name out of the file, which protobuf gives as bytes where it is no text."""
    if not isinstance(name, str):
        raise FormatError(f"the name {name!r:.80} is not valid UTF-8; the file is damaged")
    check_count(len(name), MOST_NAME, "letters in a name")
    return name


def _graph_input(value: Any) -> GraphEnd:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        return GraphEnd(_name(value.name), kind.elem_type, None)
    check_count(len(kind.shape.dim), MOST_AXES, "axes in an input")
    # Old exporters write 0 or -1 for a size that is not fixed.
    return GraphEnd(
        _name(value.name), kind.elem_type, tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)
    )


def _opset(model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS]
    if not versions:
        raise FormatError("it does not tell the opset of its operators, so their meaning is not known; the file is damaged")
    opset = int(max(versions))
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise UnsupportedLayerError(
            f"its opset is {opset}, fastjac reads {OLDEST_OPSET} to {NEWEST_OPSET}; export it again with one of these"
        )
    return opset


def fixing(name: str, axis: int) -> str:
    """The statement that fixes an open size of an input of a `model` at 1."""
    return f"next(i for i in model.graph.input if i.name == {name!r}).type.tensor_type.shape.dim[{axis}].dim_value = 1"
