"""The graph in a GraphDef, read from its protobuf: nodes, their attributes, and the functions that they call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import FormatError
from ..ir.account import Account
from ..ir.movement import MOST_AXES
from ..reading.limits import MOST_LAYERS, check_count
from ..reading.protobuf import Message
from .tensors import read_tensor
from .types import TYPES

LOOPS = (
    "it repeats a graph when the model runs, as a recurrent layer does; fastjac takes plain operators, so make the layer with "
    "unroll=True, as in keras.layers.LSTM(8, unroll=True), or load the .keras file"
)

GRAPH_NODES, GRAPH_LIBRARY = 1, 2
LIBRARY_FUNCTIONS = 1
NODE_NAME, NODE_OPERATOR, NODE_INPUTS, NODE_ATTRIBUTES = 1, 2, 3, 5
LIST, BYTES, INTEGER, REAL, FLAG, TYPE, SHAPE, TENSOR, FUNCTION = 1, 2, 3, 4, 5, 6, 7, 8, 10
"""The fields of an AttrValue, whose value stands in one of them; the fields of a list have the same numbers."""
SIGNATURE, BODY, RETURNS = 1, 3, 4
SIGNATURE_NAME, ARGUMENTS, RESULTS = 1, 2, 3
DIMENSIONS, UNKNOWN_RANK = 2, 3


@dataclass(frozen=True, eq=False)
class NodeDef:
    """A node as a GraphDef has it; `inputs` name outputs of other nodes, and `waits` name nodes that must come before."""

    position: int
    name: str
    operator: str
    inputs: tuple[str, ...]
    waits: tuple[str, ...]
    message: Message

    @cached_property
    def attributes(self) -> Mapping[str, Message]:
        """The node's AttrValues by name."""
        return self.message.entries(NODE_ATTRIBUTES)

    def tensor(self, account: Account) -> np.ndarray:
        """The array that a Const holds."""
        if "value" not in self.attributes:
            raise FormatError("it is a constant without a value; the file is damaged")
        return read_tensor(self.attributes["value"].message(TENSOR), account)

    @property
    def function(self) -> str:
        """The name of the function that it calls."""
        return self.attributes["f"].message(FUNCTION).text(1) if "f" in self.attributes else ""

    @property
    def options(self) -> Mapping[str, Any]:
        """The attributes that are numbers, truth values, bytes, or lists of these."""
        return _Options(self)


class _Options(Mapping[str, Any]):
    """The attributes of a node; each is read when it is asked for."""

    def __init__(self, node: NodeDef) -> None:
        self._node = node

    def __getitem__(self, name: str) -> Any:
        value = _option(self._node.attributes[name])
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._node.attributes)

    def __len__(self) -> int:
        return len(self._node.attributes)


def _option(value: Message) -> Any:
    if LIST in value:
        inner = value.message(LIST)
        return inner.contents(BYTES) or inner.integers(INTEGER)
    if BYTES in value:
        return bytes(value.content(BYTES))
    if REAL in value:
        return value.real(REAL)
    if FLAG in value:
        return bool(value.integer(FLAG))
    return next((value.integer(field) for field in (INTEGER, TYPE) if field in value), None)


def read_nodes(messages: Sequence[Message]) -> dict[str, NodeDef]:
    """The nodes of a graph or function, by name."""
    check_count(len(messages), MOST_LAYERS, "nodes")
    found: dict[str, NodeDef] = {}
    for position, message in enumerate(messages):
        names = message.texts(NODE_INPUTS)
        check_count(len(names), MOST_LAYERS, "inputs of a node")
        inputs = tuple(name for name in names if not name.startswith("^"))
        waits = tuple(name[1:] for name in names if name.startswith("^"))
        node = NodeDef(position, message.text(NODE_NAME), message.text(NODE_OPERATOR), inputs, waits, message)
        if node.name in found:
            raise FormatError(f"two nodes have the name {node.name!r:.80}; the file is damaged")
        found[node.name] = node
    return found


@dataclass(frozen=True, eq=False)
class Function:
    """A function of a graph's library: its arguments, its nodes, and which of their outputs it returns."""

    arguments: tuple[str, ...]
    nodes: Mapping[str, NodeDef]
    results: tuple[str, ...]


class Library:
    """The functions of a graph, each read when it is first asked for."""

    def __init__(self, message: Message) -> None:
        self._messages: dict[str, Message] = {}
        self._read: dict[str, Function] = {}
        functions = message.messages(LIBRARY_FUNCTIONS)
        check_count(len(functions), MOST_LAYERS, "functions")
        for function in functions:
            self._messages[function.message(SIGNATURE).text(SIGNATURE_NAME)] = function

    def function(self, name: str) -> Function:
        """The function of that name."""
        if name not in self._messages:
            raise FormatError(f"it calls {name!r:.80}, which is no function of the file; the file is damaged")
        if name not in self._read:
            message = self._messages[name]
            signature = message.message(SIGNATURE)
            arguments, results = (tuple(one.text(1) for one in signature.messages(part)) for part in (ARGUMENTS, RESULTS))
            returned = {entry.text(1): entry.text(2) for entry in message.messages(RETURNS)}
            if any(result not in returned for result in results):
                raise FormatError(f"function {name!r:.80} does not say what it returns; the file is damaged")
            nodes = read_nodes(message.messages(BODY))
            self._read[name] = Function(arguments, nodes, tuple(returned[result] for result in results))
        return self._read[name]


def read_dims(shape: Message) -> tuple[int | None, ...] | None:
    """The sizes in a TensorShapeProto, None for each that is open; None if not even the number of axes is known."""
    if shape.integer(UNKNOWN_RANK):
        return None
    sizes = [dimension.integer(1) for dimension in shape.messages(DIMENSIONS)]
    check_count(len(sizes), MOST_AXES, "axes in a shape")
    return tuple(size if size > 0 else None for size in sizes)


def placeholder_shape(node: NodeDef) -> tuple[int | None, ...] | None:
    """The shape that a Placeholder declares."""
    if "shape" not in node.attributes or SHAPE not in node.attributes["shape"]:
        return None
    return read_dims(node.attributes["shape"].message(SHAPE))


def type_name(number: int) -> str:
    """The type of that number as NumPy calls it; "" for none."""
    return TYPES[number].name if number in TYPES else f"type {number}" if number else ""
