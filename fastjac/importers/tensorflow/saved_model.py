"""The contents of a SavedModel: its serving signature, its graph, and the names that its variables are restored from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...errors import FormatError, UnsupportedLayerError
from ..ir.graph import End, listed
from ..reading.limits import MOST_ENDS, MOST_NESTING, check_count
from ..reading.protobuf import Message
from .flatten import CALLS
from .graphdef import GRAPH_LIBRARY, GRAPH_NODES, TENSOR, Library, NodeDef, read_dims, read_nodes, type_name
from .tensors import read_strings

META_GRAPHS = 2
META_INFO, GRAPH, SAVER, SIGNATURES = 1, 2, 3, 5
TAGS, RESTORE = 4, 3
SIGNATURE_INPUTS, SIGNATURE_OUTPUTS = 1, 2
INFO_VALUE, INFO_DTYPE, INFO_SHAPE = 1, 2, 3
SERVING = "serving_default"


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A SavedModel's graph for serving.

    inputs, outputs : those of its serving signature, in the order of their names.
    restored : for the name of each variable's node, the variable's name in the bundle.
    """

    nodes: Mapping[str, NodeDef]
    library: Library
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    restored: Mapping[str, str]


def read_saved_model(message: Message) -> SavedModel:
    """The graph that a SavedModel serves; UnsupportedLayerError where it does not specify which."""
    graphs = message.messages(META_GRAPHS)
    if not graphs:
        raise FormatError("it holds no graph; the file is damaged")
    meta = next((graph for graph in graphs if "serve" in graph.message(META_INFO).texts(TAGS)), graphs[0])
    signature = _signature(meta.entries(SIGNATURES))
    nodes = read_nodes(meta.message(GRAPH).messages(GRAPH_NODES))
    library = Library(meta.message(GRAPH).message(GRAPH_LIBRARY))
    inputs, outputs = (tuple(_ends(signature.entries(part))) for part in (SIGNATURE_INPUTS, SIGNATURE_OUTPUTS))
    restored = dict(_restored(nodes, library, meta.message(SAVER).text(RESTORE)))
    return SavedModel(nodes, library, inputs, outputs, restored)


def _signature(signatures: Mapping[str, Message]) -> Message:
    """The signature that is served by default, or the only one."""
    names = [name for name in signatures if not name.startswith("__")]
    if SERVING in names:
        return signatures[SERVING]
    if len(names) != 1:
        raise UnsupportedLayerError(
            f"it has no signature {SERVING!r}, but {listed(names) if names else 'none'}; save it with the one that is wanted: "
            "tf.saved_model.save(model, folder, signatures=function.get_concrete_function(tf.TensorSpec((None, n))))"
        )
    return signatures[names[0]]


def _ends(infos: Mapping[str, Message]) -> Iterator[End]:
    """The ends of a signature, sorted by name, since a map has no order."""
    check_count(len(infos), MOST_ENDS, "inputs or outputs")
    for name, info in sorted(infos.items()):
        yield End(name, info.text(INFO_VALUE), type_name(info.integer(INFO_DTYPE)), read_dims(info.message(INFO_SHAPE)))


def _restored(nodes: Mapping[str, NodeDef], library: Library, restore: str) -> Iterator[tuple[str, str]]:
    """Variables with the names under which they are stored, as the model's own restore function assigns them."""
    yield from _assigned(nodes, {})
    call = nodes.get(restore.partition(":")[0])
    if call is not None and call.operator in CALLS:
        function = library.function(call.function)
        bound = dict(zip(function.arguments, (value.partition(":")[0] for value in call.inputs), strict=False))
        yield from _assigned(function.nodes, bound)


def _assigned(body: Mapping[str, NodeDef], bound: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    stored: dict[str, list[str]] = {}
    for node in body.values():
        if node.operator in ("AssignVariableOp", "Assign") and len(node.inputs) > 1:
            name, _, number = _origin(node.inputs[1], body).partition(":")
            origin = body.get(name)
            if origin is not None and origin.operator == "RestoreV2":
                if name not in stored:
                    stored[name] = list(_names(origin, body))
                place = number.rpartition(":")[2] or "0"
                if not (place.isascii() and place.isdigit() and len(place) < 10 and int(place) < len(stored[name])):
                    raise FormatError(f"{node.name!r:.80} restores a variable that has no name; the file is damaged")
                variable = node.inputs[0].partition(":")[0]
                yield bound.get(variable, variable), stored[name][int(place)]


def _origin(value: str, body: Mapping[str, NodeDef]) -> str:
    """The value before the Identity nodes that have passed it on."""
    for _ in range(MOST_NESTING):
        node = body.get(value.partition(":")[0])
        if node is None or node.operator != "Identity" or not node.inputs:
            break
        value = node.inputs[0]
    return value


def _names(restore: NodeDef, body: Mapping[str, NodeDef]) -> Iterable[str]:
    """The names that a RestoreV2 reads."""
    names = body.get(restore.inputs[1].partition(":")[0]) if len(restore.inputs) > 1 else None
    if names is None or "value" not in names.attributes:
        raise FormatError(f"{restore.name!r:.80} does not say what it restores; the file is damaged")
    return [content.decode(errors="replace") for content in read_strings(names.attributes["value"].message(TENSOR))]
