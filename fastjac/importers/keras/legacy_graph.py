"""The graph of a Functional model of Keras 1 or 2 in the form of Keras 3.

In Keras 1 and 2, a call is a list of the tensors that it takes, each `[layer, call, output]`, perhaps with the call's options.
Calls of an inner model are counted from 1, if call 0 is the one that defined it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .config import is_functional
from .graph import TENSOR, references


def modern_graph(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a Functional model with its calls written, and counted, as Keras 3 does.

    Every call that a config keeps feeds another call or the output, so the first call of a layer is the lowest that is named.
    """
    nodes = [entry["inbound_nodes"] for entry in config["layers"]]
    first: dict[str, int] = {}
    for name, call, _ in references([*nodes, config["output_layers"]]):
        first[name] = min(first.get(name, call), call)
    layers = [{**entry, "inbound_nodes": [_node(node, first) for node in entry["inbound_nodes"]]} for entry in config["layers"]]
    graphs = {entry["config"]["name"] for entry in layers if is_functional(entry)}
    outputs = [
        [name, call - first[name] + (name in graphs), output] for name, call, output in references(config["output_layers"])
    ]
    return {**config, "layers": layers, "output_layers": outputs}


def _node(node: Any, first: dict[str, int]) -> dict[str, Any]:
    """One call of a layer."""
    options: dict[str, Any] = {}
    for given in _options(node):
        options |= given
    return {"args": [_tensors(node, first)], "kwargs": options}


def _tensors(node: Any, first: dict[str, int]) -> Any:
    """The same lists and dicts, with tensors as Keras 3 writes them."""
    if isinstance(node, dict):
        return {key: _tensors(inner, first) for key, inner in node.items()}
    if node and isinstance(node[0], str):
        name, call, output = node[:3]
        return {"class_name": TENSOR, "config": {"keras_history": [name, call - first[name], output]}}
    return [_tensors(inner, first) for inner in node]


def _options(node: Any) -> Iterator[dict[str, Any]]:
    """The options that stand behind each tensor."""
    if node and not isinstance(node, dict) and isinstance(node[0], str):
        yield from node[3:4]
    else:
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _options(inner)
