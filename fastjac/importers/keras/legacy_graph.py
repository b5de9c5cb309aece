"""The graph of a Functional model of Keras 1 or 2 in the form of Keras 3.

There, a call is a list of the tensors that it takes, each `[layer, call, output]` and perhaps the call's options, and calls of
an inner model are counted from 1, the first being the one that defined it, if it has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .config import is_functional
from .graph import TENSOR


def modern_graph(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a Functional model with its calls written, and counted, as Keras 3 does.

    Every call that a config keeps feeds another or the output, so the first call of a layer is the lowest that anything names.
    """
    nodes = [entry["inbound_nodes"] for entry in config["layers"]]
    first: dict[str, int] = {}
    for name, call, *_ in _references([*nodes, config["output_layers"]]):
        first[name] = min(first.get(name, call), call)
    layers = [{**entry, "inbound_nodes": [_node(node, first) for node in entry["inbound_nodes"]]} for entry in config["layers"]]
    graphs = {entry["config"]["name"] for entry in layers if is_functional(entry)}
    outputs = [[name, call - first[name] + (name in graphs), 0] for name, call, *_ in _references(config["output_layers"])]
    return {**config, "layers": layers, "output_layers": outputs}


def _node(node: Any, first: dict[str, int]) -> dict[str, Any]:
    """One call of a layer."""
    taken = list(_references(node))
    tensors = [
        {"class_name": TENSOR, "config": {"keras_history": [name, call - first[name], output]}}
        for name, call, output, *_ in taken
    ]
    options: dict[str, Any] = {}
    for reference in taken:
        options |= reference[3] if len(reference) > 3 else {}
    return {"args": tensors, "kwargs": options}


def _references(node: Any) -> Iterator[list[Any]]:
    """The tensors that are named in any nesting of lists and dicts."""
    if isinstance(node, dict):
        node = list(node.values())
    if node and isinstance(node[0], str):
        yield node
    else:
        for inner in node:
            yield from _references(inner)
