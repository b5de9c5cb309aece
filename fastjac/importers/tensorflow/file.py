"""Read frozen graphs (.pb) and SavedModel folders. Protobuf has no signature, so the first fields show what a file is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir.account import Account
from ..ir.build import build
from ..ir.graph import End, Graph
from ..ir.sources import chosen_outputs
from ..options import Options
from ..parts import Imported
from ..reading.limits import check_count
from ..reading.probe import Probe
from ..reading.protobuf import Message
from ..reading.wire import LENGTH, VARINT, fields
from .bundle import Variables
from .flatten import SOURCES, Flattener
from .graphdef import (
    GRAPH_LIBRARY,
    GRAPH_NODES,
    NODE_NAME,
    NODE_OPERATOR,
    Library,
    NodeDef,
    placeholder_shape,
    read_nodes,
    type_name,
)
from .operators import GRAPHS
from .saved_model import GRAPH, META_GRAPHS, META_INFO, SIGNATURES, read_saved_model

HEAD_BYTES = 1 << 20
MOST_BYTES = 2**31 - 1
"""The largest file that protobuf itself reads."""
SCHEMA_VERSION = b"\x08\x01\x12"
"""The first bytes of a SavedModel: the version of its schema, and the tag of its first graph."""
NO_RESULTS = (
    "Const",
    "Placeholder",
    "NoOp",
    "ArgMax",
    "ArgMin",
    "TopKV2",
    "Assert",
    "Assign",
    "AssignVariableOp",
    "SaveV2",
    "RestoreV2",
)
"""Operators at the end of a graph whose results no network could give."""
FREEZE = (
    "its value is not in the file; load the folder of the SavedModel, or freeze the graph with "
    "tensorflow.python.framework.convert_to_constants.convert_variables_to_constants_v2"
)


def recognise_graph(probe: Probe) -> bool:
    """Whether the file starts with a node of a GraphDef: with the node's name and an operator's."""
    if not probe.head.startswith(b"\n"):
        return False
    try:
        number, kind, start, end = next(fields(probe.start, 0, probe.size))
        node = Message(probe.start, start, min(end, len(probe.start)))
        operator = node.text(NODE_OPERATOR)
        known = set(node.numbers) <= {1, 2, 3, 4, 5, 6, 7} and NODE_NAME in node
    except FormatError:
        return False
    return (number, kind) == (GRAPH_NODES, LENGTH) and known and operator.isascii() and operator.isidentifier()


def recognise_saved_model(probe: Probe) -> bool:
    """Whether the file starts as a SavedModel does, and its first MetaGraphDef holds a graph and no unknown fields before it."""
    if not probe.start.startswith(SCHEMA_VERSION):
        return False
    known = (META_INFO, GRAPH, 3, 4, SIGNATURES, 6, 7)
    try:
        data = probe.read(HEAD_BYTES)
        outer = list(_first(data, 2))
        if [(number, kind) for number, kind, _, _ in outer] != [(1, VARINT), (META_GRAPHS, LENGTH)]:
            return False
        for number, kind, _, _ in fields(data, outer[1][2], outer[1][3]):
            if kind != LENGTH or number not in known:
                return False
            if number == GRAPH:
                return True
    except FormatError:
        pass
    return False


def _first(data: bytes, count: int) -> list[tuple[int, int, int, int]]:
    found = fields(data, 0, 1 << 62)
    return [next(found) for _ in range(count)]


def load_graph(probe: Probe, options: Options) -> Imported:
    """Read a frozen graph, from its placeholders to the results that no node takes.

    Raises FormatError where the file is damaged, UnsupportedLayerError where fastjac cannot express the graph, LayerError where
    neither the file nor the option n_in states the number of inputs.
    """
    options.refuse_all_but("n_in", "inputs", "outputs")
    message = _message(probe)
    nodes = read_nodes(message.messages(GRAPH_NODES))
    inputs = [_placeholder(node) for node in nodes.values() if node.operator in SOURCES]
    ends = [_end(name) for name in _last_nodes(nodes, options.outputs or ())]
    account = Account()
    library = Library(message.message(GRAPH_LIBRARY))
    return _network(nodes, (inputs, ends), Flattener(library, _no_variable, account), options, account)


def load_saved_model(probe: Probe, options: Options) -> Imported:
    """Read the graph of a SavedModel's serving signature, and its variables beside it.

    Raises what `load_graph` does, and FormatError where files of the folder are missing.
    """
    options.refuse_all_but("n_in", "inputs", "outputs")
    model = read_saved_model(_message(probe))
    account = Account()
    variables = Variables(probe.path.parent / "variables" / "variables", model.restored, account)
    return _network(
        model.nodes, (model.inputs, model.outputs), Flattener(model.library, variables.read, account), options, account
    )


def _network(
    nodes: Mapping[str, NodeDef],
    ends: tuple[Sequence[End], Sequence[End]],
    flattener: Flattener,
    options: Options,
    account: Account,
) -> Imported:
    """The network of a graph between its ends."""
    inputs, known = ends
    kept, left_out = chosen_outputs(known, options.outputs)
    given = {end.value: end.value for end in inputs}
    values = flattener.add(nodes, [end.value for end in kept], given=given)
    outputs = [replace(end, value=value) for end, value in zip(kept, values, strict=True)]
    return build(Graph(flattener.nodes, inputs, outputs, flattener.constants, left_out), GRAPHS, options, account)


def _placeholder(node: NodeDef) -> End:
    """The input that a placeholder node stands for."""
    dtype = node.options.get("dtype", 0)
    return End(node.name, f"{node.name}:0", type_name(dtype if isinstance(dtype, int) else 0), placeholder_shape(node))


def _end(name: str) -> End:
    return End(name, f"{name}:0", "", None)


def _last_nodes(nodes: Mapping[str, NodeDef], chosen: Sequence[str]) -> list[str]:
    """The nodes that depend on inputs and whose results no other node takes, and nodes that the user asks for."""
    takers: dict[str, list[str]] = {}
    for node in nodes.values():
        for value in node.inputs:
            takers.setdefault(value.partition(":")[0], []).append(node.name)
    reached: set[str] = set()
    waiting = [node.name for node in nodes.values() if node.operator in SOURCES]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(takers.get(name, ()))
    last = [name for name in nodes if name in reached and name not in takers and nodes[name].operator not in NO_RESULTS]
    return [*last, *(name for name in chosen if name in nodes and name not in last)]


def _no_variable(node: NodeDef) -> np.ndarray:
    raise UnsupportedLayerError(FREEZE)


def _message(probe: Probe) -> Message:
    check_count(probe.size, MOST_BYTES, "bytes")
    return Message(probe.read())
