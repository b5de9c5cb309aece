"""The order in which the layers of a Functional model compute, found by walking back from its output.

A model that branches is refused: fastjac takes a chain, in which every layer feeds the next one alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import FormatError, UnsupportedLayerError

TENSOR = "__keras_tensor__"
"""The class name by which a config tells a tensor among the arguments of a call."""


def call_order(config: dict[str, Any], first_calls: dict[str, int]) -> list[dict[str, Any]]:
    """The layers of a Functional model's config from its input to its output; one that is called twice comes twice.

    first_calls : the number of the first call of a layer where the model's output counts them from another than 0.

    Raises UnsupportedLayerError where the model branches, FormatError where its calls run in a circle.
    """
    entries = by_name(config)
    start = only_end(config["input_layers"], "input")[0]
    name, call = only_end(config["output_layers"], "output")[:2]
    call -= first_calls.get(name, 0)
    order, visited = [], set()
    while name != start:
        if (name, call) in visited:
            raise FormatError(f"the model's graph runs in a circle through layer {name!r}")
        visited.add((name, call))
        entry = entries[name]
        order.append(entry)
        if not entry["inbound_nodes"]:
            raise UnsupportedLayerError(
                f"layer {name!r} takes nothing from the model's input {start!r}; fastjac takes a single chain"
            )
        name, call = _caller(entry, call)
    return order[::-1]


def only_end(ends: Any, what: str) -> list[Any]:
    """The one input or output of a Functional model; Keras writes it as `[name, call, 0]`, in a list, or in a dict."""
    if isinstance(ends, dict):
        ends = list(ends.values())
    if isinstance(ends[0], str):
        ends = [ends]
    if len(ends) != 1:
        raise UnsupportedLayerError(f"the model has {len(ends)} {what}s ({', '.join(end[0] for end in ends)}); fastjac takes one")
    only: list[Any] = ends[0]
    return only


def by_name(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The layers of a model's config by the names that its graph calls them."""
    return {entry["config"]["name"]: entry for entry in config["layers"]}


def _caller(entry: dict[str, Any], call: int) -> tuple[str, int]:
    """The layer, and which call of it, that feeds call number `call` of `entry`."""
    node = entry["inbound_nodes"][call]
    what = f"layer {entry['config']['name']!r} ({entry['class_name']})"
    sources = list(_tensors(node))
    if len(sources) != 1:
        raise UnsupportedLayerError(
            f"{what} joins {len(sources)} tensors; fastjac takes a chain, in which every layer feeds the next one alone"
        )
    options = {key: value for key, value in node["kwargs"].items() if value not in (None, False) and not _is_tensor(value)}
    extras = [f"{key}={value!r:.80}" for key, value in options.items()]
    extras += [f"{value!r:.80}" for value in node["args"] if not _is_tensor(value)]
    if extras:
        raise UnsupportedLayerError(
            f"{what} is called with {', '.join(extras)}; fastjac takes layers called on their input alone"
        )
    return sources[0]


def _tensors(node: Any) -> Iterator[tuple[str, int]]:
    """Every tensor among a call's arguments, as the layer and call that it comes from."""
    if _is_tensor(node):
        name, call, _ = node["config"]["keras_history"]
        yield name, call
    elif isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _tensors(value)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == TENSOR
