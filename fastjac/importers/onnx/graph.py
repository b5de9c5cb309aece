"""What a ModelProto says: its graph as nodes with names for their inputs and outputs, checked and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import graph
from ..ir.graph import End
from ..ir.movement import MOST_AXES
from ..located import located
from ..reading.limits import MOST_LAYERS, MOST_NAME, check_count
from .tensor import dtype_name

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
class Node(graph.Node):
    """One node of a graph; its attributes are AttributeProtos.

    operator : its name, such as "Gemm"; outside ONNX's own domain, with that domain, such as "com.microsoft.Gelu".
    """

    def real(self, name: str, default: float) -> float:
        """An attribute that is a number. Such attributes are float32 numbers, and so is the default."""
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
class Model:
    """What a ModelProto holds: what goes in, what the nodes compute, what comes out.

    initializers, sparse_initializers : TensorProtos and SparseTensorProtos by name.
    inputs : those without an initializer.
    opset : the version of ONNX's own operators.
    functions : operators that the model itself defines by other nodes.
    """

    nodes: tuple[Node, ...]
    initializers: Mapping[str, Any]
    sparse_initializers: Mapping[str, Any]
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    opset: int
    functions: frozenset[str]


def read_model(model: Any) -> Model:
    """The contents of a ModelProto.

    Raises FormatError where it is damaged or too large, UnsupportedLayerError where its opset is too old or too new.
    """
    given = model.graph
    check_count(len(given.node), MOST_LAYERS, "nodes")
    for what in ("initializer", "sparse_initializer", "input", "output"):
        check_count(len(getattr(given, what)), 10 * MOST_LAYERS, f"entries in {what}")
    initializers = _by_name((tensor.name, tensor) for tensor in given.initializer)
    sparse = _by_name((tensor.values.name, tensor) for tensor in given.sparse_initializer)
    inputs = tuple(_end(value) for value in given.input if value.name and value.name not in initializers)
    opset = _opset(model)
    return Model(
        nodes=tuple(_node(position, node) for position, node in enumerate(given.node)),
        initializers=initializers,
        sparse_initializers=sparse,
        inputs=inputs,
        outputs=tuple(_end(value) for value in given.output),
        opset=opset,
        functions=frozenset(_operator(function.domain, function.name) for function in model.functions),
    )


def _node(position: int, node: Any) -> Node:
    with located(f"node {position}"):
        inputs, outputs = tuple(map(_name, node.input)), tuple(map(_name, node.output))
        name = _name(node.name) or next(filter(None, outputs), "")
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
    """A name out of the file, as text; protobuf gives bytes where it is not valid text."""
    if not isinstance(name, str):
        raise FormatError(f"the name {name!r:.80} is not valid UTF-8; the file is damaged")
    check_count(len(name), MOST_NAME, "letters in a name")
    return name


def _end(value: Any) -> End:
    kind, name = value.type.tensor_type, _name(value.name)
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        return End(name, name, dtype_name(kind.elem_type), None)
    check_count(len(kind.shape.dim), MOST_AXES, "axes in an input")
    # Old exporters write 0 or -1 for a size that is not fixed.
    dims = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)
    return End(name, name, dtype_name(kind.elem_type), dims)


def _opset(model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS]
    if not versions:
        raise FormatError("it does not state the opset of its operators, so their meaning is not known; the file is damaged")
    opset = int(max(versions))
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise UnsupportedLayerError(
            f"its opset is {opset}, fastjac reads {OLDEST_OPSET} to {NEWEST_OPSET}; export it again with one of these"
        )
    return opset


def needed_for(outputs: Sequence[str], model: Model) -> list[Node]:
    """The nodes that the outputs depend on, in the order of the file; FormatError where two things give one value."""
    taken = {end.name for end in model.inputs}.union(model.initializers, model.sparse_initializers)
    for node in model.nodes:
        for name in filter(None, node.outputs):
            if name in taken:
                raise FormatError(f"{node} gives {name!r:.80}, which something else gives too; the file is damaged")
            taken.add(name)
    return graph.needed_for(outputs, model.nodes)
