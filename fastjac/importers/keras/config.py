"""From a Keras model's config to its layers in the order in which they compute.

A config is what `get_config` gives and config.json holds: nested models, each a list of layers (Sequential) or a graph of
calls (Functional). Here it becomes one flat chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...errors import FormatError, UnsupportedLayerError

Config = dict[str, Any]
SampleShape = tuple[int | None, ...]
MODEL_CLASSES = {"Sequential": "Sequential", "Functional": "Functional", "Model": "Functional"}
MODEL_MODULES = ("keras", "keras.models", "keras.src.models.sequential", "keras.src.models.functional")
OPERATION_MODULES = "keras.src.ops."


class Weights(Protocol):
    """The arrays of one layer or model, and of the layers inside it, wherever they are kept."""

    def layer(self, slot: str, name: str) -> Weights:
        """Those of an inner layer: `slot` is where Keras files it, `name` is what the user calls it."""

    def activation(self) -> Weights:
        """Those of the layer that is this layer's activation."""

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of this layer's own arrays, in Keras's order."""

    def arrays(self) -> list[np.ndarray]:
        """This layer's own arrays, in Keras's order."""


@dataclass(frozen=True)
class Entry:
    """One layer of a config.

    module, class_name : the Python class; Keras's own layers come from the module "keras.layers". None is that of a class
        from a script or notebook.
    registered_name : what Keras calls a custom class, "package>name" perhaps; None for its own.
    name : the names of the models around it and its own, joined by "/".
    config : the layer's options.
    weights : where its arrays are.
    """

    module: str | None
    class_name: str
    registered_name: str | None
    name: str
    config: Config
    weights: Weights

    def __str__(self) -> str:
        return f"{self.name!r} ({self.class_name})"

    @property
    def is_operation(self) -> bool:
        """Whether it is a bare operation of keras.ops, as `x + 1` makes one."""
        return _is_operation(self.module)


def flatten(model: Config, weights: Weights, prefix: str = "") -> Iterator[Entry]:
    """The layers of a model in the order in which they compute, those of inner models in their place.

    A layer that is called twice comes twice. Input layers are left out.

    Raises UnsupportedLayerError where the model branches.
    """
    entries = model["config"]["layers"]
    slots = _slots(entries)
    ordered = entries if _model_class(model) == "Sequential" else _call_order(model["config"])
    for entry in ordered:
        if entry["class_name"] == "InputLayer":
            continue
        name = entry["config"]["name"]
        inner = weights.layer(slots.get(name, ""), name)
        if _model_class(entry):
            yield from flatten(entry, inner, f"{prefix}{name}/")
        else:
            yield entry_of(entry, prefix + name, inner)


def entry_of(config: Config, name: str, weights: Weights) -> Entry:
    """The layer that a part of a config describes."""
    return Entry(config["module"], config["class_name"], config.get("registered_name"), name, config["config"], weights)


def input_shape(model: Config) -> SampleShape | None:
    """The shape of one sample of the model's input, or None where the config does not tell."""
    config = model["config"]
    if _model_class(model) == "Functional":
        name = _only(config["input_layers"], "input")[0]
        first = _by_name(config)[name]
    elif config["layers"]:
        first = config["layers"][0]
    else:
        return None
    if _model_class(first):
        return input_shape(first)
    batch_shape = first["config"].get("batch_shape") or config.get("build_input_shape")
    return tuple(batch_shape[1:]) if batch_shape else None


def check_model(model: Config) -> None:
    """Raise UnsupportedLayerError unless the outermost config is one of Keras's own model classes."""
    if not _model_class(model):
        raise UnsupportedLayerError(
            f"the model's class is {told_class(model.get('module'), model.get('class_name'), model.get('registered_name'))}; "
            "fastjac reads Sequential and Functional models, since only these tell their layers; a subclassed model can be "
            "rebuilt as one of them"
        )


def told_class(module: str | None, class_name: str | None, registered_name: str | None) -> str:
    """A custom class by all that a config tells of it."""
    told = class_name if module is None else f"{module}.{class_name}"
    return f"{told} (registered as {registered_name!r})" if registered_name not in (None, class_name) else str(told)


def _is_operation(module: str | None) -> bool:
    return module is not None and module.startswith(OPERATION_MODULES)


def _model_class(entry: Config) -> str | None:
    return MODEL_CLASSES.get(entry["class_name"]) if entry["module"] in MODEL_MODULES else None


def _slots(entries: list[Config]) -> dict[str, str]:
    """Where Keras files each layer's arrays: its class name in snake case, numbered from the second of a class on."""
    seen: dict[str, int] = {}
    slots = {}
    for entry in entries:
        if _is_operation(entry["module"]):
            continue
        stem = snake_case(entry["class_name"])
        count = seen.get(stem, 0)
        seen[stem] = count + 1
        slots[entry["config"]["name"]] = f"{stem}_{count}" if count else stem
    return slots


def snake_case(class_name: str) -> str:
    """Keras's spelling of a class name in file paths: PReLU is p_re_lu, BatchNormalization is batch_normalization."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _call_order(config: Config) -> list[Config]:
    """The layers of a Functional model from its input to its output, found by walking back from the output."""
    entries = _by_name(config)
    start = _only(config["input_layers"], "input")[0]
    name, call = _only(config["output_layers"], "output")[:2]
    # Only here, Keras counts the calls of an inner functional model from 1, the first being the one that defined it.
    call -= _model_class(entries[name]) == "Functional"
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


def _caller(entry: Config, call: int) -> tuple[str, int]:
    """The layer, and which call of it, that feeds call number `call` of `entry`."""
    node = entry["inbound_nodes"][call]
    what = f"layer {entry['name']!r} ({entry['class_name']})"
    sources = list(_tensors(node))
    if len(sources) != 1:
        raise UnsupportedLayerError(
            f"{what} joins {len(sources)} tensors; fastjac takes a chain, in which every layer feeds the next one alone"
        )
    extras = [f"{key}={value}" for key, value in node["kwargs"].items() if value not in (None, False) and not _is_tensor(value)]
    extras += [repr(value) for value in node["args"] if not _is_tensor(value)]
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
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _only(ends: Any, what: str) -> list[Any]:
    """The one input or output of a Functional model; Keras writes it as `[name, call, 0]`, in a list, or in a dict."""
    if isinstance(ends, dict):
        ends = list(ends.values())
    if isinstance(ends[0], str):
        ends = [ends]
    if len(ends) != 1:
        raise UnsupportedLayerError(f"the model has {len(ends)} {what}s ({', '.join(end[0] for end in ends)}); fastjac takes one")
    only: list[Any] = ends[0]
    return only


def _by_name(config: Config) -> dict[str, Config]:
    return {entry["config"]["name"]: entry for entry in config["layers"]}
