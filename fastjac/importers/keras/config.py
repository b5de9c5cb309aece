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
from ..reading.limits import MOST_LAYERS, MOST_NAME, check_count
from .graph import by_name, call_order, only_end

Config = dict[str, Any]
SampleShape = tuple[int | None, ...]
MODEL_CLASSES = ("Sequential", "Functional", "Model")
MODEL_MODULES = ("keras", "keras.models", "keras.src.models.sequential", "keras.src.models.functional")
OPERATION_MODULES = ("keras.src.ops.", "keras.src.activations.")


class Weights(Protocol):
    """The arrays of one layer or model, and of the layers inside it, wherever they are kept."""

    def layer(self, name: str, stem: str, rank: int) -> Weights:
        """Those of an inner layer: the user calls it `name`, and it is number `rank`, from 0 on, of those of its class.

        stem : the class name in snake case.
        """

    def activation(self) -> Weights:
        """Those of the layer that is this layer's activation."""

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of this layer's own arrays, in Keras's order; no array is read for them."""

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
        """Whether it is a bare operation, as `keras.ops.relu(x)` and `x + 1` make one."""
        return _is_operation(self.module)


def flatten(model: Config, weights: Weights) -> Iterator[Entry]:
    """The layers of a model in the order in which they compute, those of inner models in their place.

    A layer that is called twice comes twice, as the same entry. Input layers are left out.

    Raises UnsupportedLayerError where the model branches, FormatError where there are too many layers and inner models.
    """
    inner_models: dict[int, list[tuple[Config, Entry]]] = {}
    open_models = [iter(_layers(model, weights, ""))]
    visited = 0
    while open_models:
        found = next(open_models[-1], None)
        if found is None:
            open_models.pop()
            continue
        visited += 1
        check_count(visited, MOST_LAYERS, "layers, counted as often as they are called")
        config, entry = found
        if not is_model(config):
            yield entry
            continue
        if id(config) not in inner_models:
            inner_models[id(config)] = _layers(config, entry.weights, f"{entry.name}/")
        open_models.append(iter(inner_models[id(config)]))


def _layers(model: Config, weights: Weights, prefix: str) -> list[tuple[Config, Entry]]:
    """The layers and inner models that one model holds, in the order of their calls, each with its config."""
    config = model["config"]
    ranks = _ranks(config["layers"])
    calls = _calls(config) if is_functional(model) else config["layers"]
    entries: dict[int, Entry] = {}
    for called in calls:
        name = called["config"]["name"]
        if called["class_name"] != "InputLayer" and id(called) not in entries:
            check_count(len(prefix) + len(name), MOST_NAME, "letters in the name of a layer")
            entries[id(called)] = entry_of(called, prefix + name, weights.layer(name, *ranks.get(name, ("", 0))))
    return [(called, entries[id(called)]) for called in calls if id(called) in entries]


def _calls(config: Config) -> list[Config]:
    # Only for the model's output, Keras counts the calls of an inner functional model from 1, the first being the one that
    # defined it.
    functional = [entry for entry in config["layers"] if is_functional(entry)]
    return call_order(config, {entry["config"]["name"]: 1 for entry in functional})


def entry_of(config: Config, name: str, weights: Weights) -> Entry:
    """The layer that a part of a config describes."""
    return Entry(config["module"], config["class_name"], config.get("registered_name"), name, config["config"], weights)


def input_shape(model: Config) -> SampleShape | None:
    """The shape of one sample of the model's input, or None where the config does not tell."""
    config = model["config"]
    if is_functional(model):
        first = by_name(config)[only_end(config["input_layers"], "input")[0]]
    elif config["layers"]:
        first = config["layers"][0]
    else:
        return None
    if is_model(first):
        return input_shape(first)
    batch_shape = first["config"].get("batch_shape") or config.get("build_input_shape")
    return _sample_shape(batch_shape[1:]) if batch_shape else None


def _sample_shape(sizes: Any) -> SampleShape:
    if not all(size is None or (type(size) is int and size > 0) for size in sizes):
        raise FormatError(f"the model's input has samples of shape {sizes}, whose sizes must be positive or None")
    return tuple(sizes)


def activation_layer(config: Config) -> Config | None:
    """The layer that is a layer's `activation` option, by the layer's options; None where that is a name or a function."""
    option = config.get("activation")
    return option if isinstance(option, dict) and isinstance(option.get("config"), dict) else None


def check_model(model: Config) -> None:
    """Raise UnsupportedLayerError unless the outermost config is one of Keras's own model classes."""
    if not is_model(model):
        raise UnsupportedLayerError(
            f"the model's class is {told_class(model.get('module'), model.get('class_name'), model.get('registered_name'))}; "
            "fastjac reads Sequential and Functional models, since only these tell their layers; a subclassed model can be "
            "rebuilt as one of them"
        )


def is_model(entry: Config) -> bool:
    """Whether a part of a config describes one of Keras's own model classes."""
    return entry["class_name"] in MODEL_CLASSES and entry["module"] in MODEL_MODULES


def is_functional(entry: Config) -> bool:
    """Whether a part of a config describes a model that is a graph of calls."""
    return is_model(entry) and entry["class_name"] != "Sequential"


def told_class(module: str | None, class_name: str | None, registered_name: str | None) -> str:
    """A custom class by all that a config tells of it."""
    told = class_name if module is None else f"{module}.{class_name}"
    return f"{told} (registered as {registered_name!r})" if registered_name not in (None, class_name) else str(told)


def _is_operation(module: str | None) -> bool:
    return module is not None and module.startswith(OPERATION_MODULES)


def _ranks(entries: list[Config]) -> dict[str, tuple[str, int]]:
    """What files know each layer by: its class name in snake case, and how many of that class stand before it."""
    seen: dict[str, int] = {}
    ranks = {}
    for entry in entries:
        if not _is_operation(entry["module"]):
            stem = snake_case(entry["class_name"])
            ranks[entry["config"]["name"]] = stem, seen.get(stem, 0)
            seen[stem] = seen.get(stem, 0) + 1
    return ranks


def snake_case(class_name: str) -> str:
    """Keras's spelling of a class name in file paths: PReLU is p_re_lu, BatchNormalization is batch_normalization."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
