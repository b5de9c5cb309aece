"""One list of nodes from a graph: sorted by what they depend on, with functions in the place of calls and constants apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir.account import Account
from ..ir.graph import Node
from ..located import located
from ..reading.limits import MOST_JOINED, MOST_LAYERS, MOST_NESTING, check_count
from .graphdef import LOOPS, Function, Library, NodeDef

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
SOURCES = ("Placeholder",)
MANY_RESULTS = {name: {"y": 0} for name in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")}
"""Operators whose several results each have a name, with the names and positions of the results that fastjac takes."""


ReadVariable = Callable[[NodeDef], np.ndarray]
"""A function that reads the array of the variable that a node stands for."""


class Flattener:
    """Makes one list of the nodes of a graph and its functions.

    nodes : the nodes, each after those whose outputs it takes.
    constants : functions that read the arrays in the file, by the names of values.
    """

    def __init__(self, library: Library, read_variable: ReadVariable, account: Account) -> None:
        self._library, self._read_variable, self._account = library, read_variable, account
        self._seen = self._taken = 0
        self._arrays: dict[NodeDef, np.ndarray] = {}
        self.nodes: list[Node] = []
        self.constants: dict[str, Callable[[], np.ndarray]] = {}

    def add(
        self,
        body: Mapping[str, NodeDef],
        wanted: Sequence[str],
        prefix: str = "",
        given: Mapping[str, str] | None = None,
        depth: int = 1,
    ) -> list[str]:
        """Add the nodes that some values of a body depend on, and return these values' names among all nodes.

        wanted : the values, by their names in the body.  prefix : put in front of the names of the body's nodes.
        given : the names among all nodes of the values that stand for the body's arguments, by their names in the body.
        """
        check_count(depth, MOST_NESTING, "levels of functions that call functions")
        names = dict(given or {})
        self._take(len(wanted))
        for node in _in_order(body, [_owner(value, names) for value in wanted], names):
            self._seen += _count_of_results(node)
            check_count(self._seen, MOST_LAYERS, "nodes, or results of these")
            self._take(len(node.inputs))
            with located(f"node {prefix + node.name!r:.80} ({node.operator:.80})"):
                _refuse_writing(node, body)
                inputs = [_name_of(value, body, names) for value in node.inputs]
                function = self._called(node, len(inputs))
            if function is None:
                self._add_node(node, f"{prefix}{node.name}", inputs)
                names[node.name] = f"{prefix}{node.name}"
            else:
                bound = {f"{argument}:0": value for argument, value in zip(function.arguments, inputs, strict=True)}
                results = self.add(function.nodes, function.results, f"{prefix}{node.name}/", bound, depth + 1)
                names.update({f"{node.name}:{i}": result for i, result in enumerate(results)})
        return [_name_of(value, body, names) for value in wanted]

    def _take(self, count: int) -> None:
        self._taken += count
        check_count(self._taken, MOST_JOINED, "values that its nodes take")

    def _array(self, node: NodeDef) -> np.ndarray:
        """The array of a constant or a variable. It is read once, however often its function is called."""
        if node not in self._arrays:
            read = node.tensor(self._account) if node.operator == "Const" else self._read_variable(node)
            self._arrays[node] = read
        return self._arrays[node]

    def _called(self, node: NodeDef, count: int) -> Function | None:
        """The function that a node calls with so many arguments, if it is a call."""
        if node.operator not in CALLS:
            return None
        function = self._library.function(node.function)
        if count != len(function.arguments):
            raise FormatError(f"it calls a function of {len(function.arguments)} arguments with {count}; the file is damaged")
        return function

    def _add_node(self, node: NodeDef, name: str, inputs: Sequence[str]) -> None:
        if node.operator == "Const" or node.operator in VARIABLES:
            self.constants[f"{name}:0"] = partial(self._array, node)
        elif node.operator in SOURCES:
            with located(f"node {name!r:.80} ({node.operator})"):
                raise UnsupportedLayerError("it is an input that the model's signature does not name; save the model with it")
        else:
            outputs = tuple(f"{name}:{i}" for i in range(_count_of_results(node)))
            self.nodes.append(Node(node.position, name, node.operator, tuple(inputs), outputs, node.options))


def _count_of_results(node: NodeDef) -> int:
    """How many values a node gives that other nodes may name."""
    for name in ("num", "num_split"):
        found = node.options.get(name) if node.operator in ("Unpack", "Split", "SplitV") else None
        if isinstance(found, int):
            check_count(found, MOST_LAYERS, "results of a node")
            return max(found, 1)
    return max(len(node.inputs), 1) if node.operator == "IdentityN" else 1


def _refuse_writing(node: NodeDef, body: Mapping[str, NodeDef]) -> None:
    for name in node.waits:
        before = body.get(name)
        if before is not None and before.operator.startswith("Assign"):
            raise UnsupportedLayerError(
                f"it waits until {name!r:.80} has changed a variable; fastjac takes networks without a state of their own"
            )


def _owner(value: str, given: Iterable[str]) -> str:
    """The node that gives a value, or "" where it is an argument."""
    name = value.partition(":")[0]
    return "" if f"{name}:0" in given else name


def _name_of(value: str, body: Mapping[str, NodeDef], names: Mapping[str, str]) -> str:
    """The name among all nodes of a value whose name in a body is "node", "node:1", or "node:result:1"."""
    owner, *rest = value.split(":")
    if len(rest) > 2 or (rest and not (rest[-1].isascii() and rest[-1].isdigit() and len(rest[-1]) < 10)):
        raise FormatError(f"{value!r:.80} names no value; the file is damaged")
    number = int(rest[-1]) if rest else 0
    known = MANY_RESULTS.get(body[owner].operator) if owner in body and len(rest) == 2 else None
    if known is not None:
        number = known.get(rest[0], -1)
    if f"{owner}:{number}" in names:
        return names[f"{owner}:{number}"]
    if owner not in names:
        raise FormatError(f"it takes {value!r:.80}, which nothing gives; the file is damaged")
    return f"{names[owner]}:{number}"


def _in_order(body: Mapping[str, NodeDef], wanted: Sequence[str], given: Iterable[str]) -> list[NodeDef]:
    """The nodes that some nodes depend on, each after those that it depends on.

    Raises UnsupportedLayerError where they do so in a circle, FormatError where one is missing.
    """
    order: list[NodeDef] = []
    state: dict[str, bool] = {}  # whether a node is done
    stack = [(name, False) for name in reversed(wanted) if name]
    while stack:
        name, is_done = stack.pop()
        if is_done:
            state[name] = True
            order.append(body[name])
        elif name in state:
            if not state[name]:
                raise UnsupportedLayerError(f"node {name!r:.80} depends on itself: {LOOPS}")
        else:
            if name not in body:
                raise FormatError(f"node {name!r:.80} is nowhere in the graph; the file is damaged")
            state[name] = False
            stack.append((name, True))
            owners = [owner for value in body[name].inputs if (owner := _owner(value, given))]
            stack.extend((owner, False) for owner in reversed(owners) if not state.get(owner))
    return order
