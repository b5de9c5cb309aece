"""What a Keras model's config says of each layer and of each model in it.

A config is what `get_config` gives and config.json holds: nested models, each a list of layers (Sequential) or a graph of
calls (Functional).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from .graph import by_name, references

Config = dict[str, Any]
SampleShape = tuple[int | None, ...]
MODEL_CLASSES = ("Sequential", "Functional", "Model")
MODEL_MODULES = ("keras", "keras.models", "keras.src.models.sequential", "keras.src.models.functional")
SEVERAL = ("Split", "TopK", "Unstack")
"""Operations that give several tensors."""
OPERATION_MODULES = ("keras.src.ops.", "keras.src.activations.")


class Weights(Protocol):
    """The arrays of one layer or model, and of the layers inside it, wherever they are kept."""

    def layer(self, name: str, stem: str, rank: int) -> Weights:
        """The weights of an inner layer, which the user calls `name`, and which is number `rank`, from 0 on, of its class.

        stem : the class name in snake case.
        """

    def inner(self, option: str) -> Weights:
        """The weights of the layer that is one of this layer's options, such as its activation."""

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of this layer's own arrays, in Keras's order; no array is read for them."""

    def arrays(self) -> list[np.ndarray]:
        """This layer's own arrays, in Keras's order."""


@dataclass(frozen=True)
class Entry:
    """One layer of a config.

    module, class_name : the Python class; Keras's own layers come from the module "keras.layers". The module of a class from a
        script or notebook is None.
    registered_name : Keras's name for a custom class, perhaps "package>name"; None for Keras's own classes.
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

    @property
    def gives_several(self) -> bool:
        """Whether it is an operation that gives several tensors."""
        return self.is_operation and self.class_name in SEVERAL


def entry_of(config: Config, name: str, weights: Weights) -> Entry:
    """The layer that a part of a config describes."""
    return Entry(config["module"], config["class_name"], config.get("registered_name"), name, config["config"], weights)


def input_shapes(model: Config) -> list[tuple[str | None, SampleShape | None]]:
    """The name of each input, None in a Sequential model, and the shape of one sample at it, None if the config has none."""
    config = model["config"]
    if is_functional(model):
        layers = by_name(config)
        return [(source.layer, _shape_of(layers[source.layer])) for source in references(config["input_layers"])]
    if not config["layers"]:
        return [(None, None)]
    first = config["layers"][0]
    return [(None, _shape_of(first) or _sample_shape(config.get("build_input_shape")))]


def _shape_of(first: Config) -> SampleShape | None:
    """The shape of one sample at a layer or model that takes a model's input."""
    return input_shapes(first)[0][1] if is_model(first) else _sample_shape(first["config"].get("batch_shape"))


def _sample_shape(batch_shape: Any) -> SampleShape | None:
    if not batch_shape:
        return None
    sizes = batch_shape[1:]
    if not all(size is None or (type(size) is int and size > 0) for size in sizes):
        raise FormatError(f"the model's input has samples of shape {sizes}, whose sizes must be positive or None")
    return tuple(sizes)


INNER_OPTIONS = "activation", "layer"
"""The options of a layer that may be layers: the activation of its results, and the layer that a wrapper applies."""


def inner_layer(config: Config, option: str) -> Config | None:
    """The layer that an option in a layer's config is; None where the option is a name, a function, or not there."""
    value = config.get(option)
    return value if isinstance(value, dict) and isinstance(value.get("config"), dict) else None


def check_model(model: Config) -> None:
    """Raise UnsupportedLayerError unless the outermost config is one of Keras's own model classes."""
    if not is_model(model):
        name = full_class_name(model.get("module"), model.get("class_name"), model.get("registered_name"))
        raise UnsupportedLayerError(
            f"the model's class is {name}; fastjac reads Sequential and Functional models, since only these list their layers; "
            "write a subclassed model as keras.Sequential([...]), and take its weights over by set_weights(model.get_weights())"
        )


def is_model(entry: Config) -> bool:
    """Whether a part of a config describes one of Keras's own model classes."""
    return entry["class_name"] in MODEL_CLASSES and entry["module"] in MODEL_MODULES


def is_functional(entry: Config) -> bool:
    """Whether a part of a config describes a model that is a graph of calls."""
    return is_model(entry) and entry["class_name"] != "Sequential"


def full_class_name(module: str | None, class_name: str | None, registered_name: str | None) -> str:
    """The name of a custom class, with all that a config states about it."""
    name = class_name if module is None else f"{module}.{class_name}"
    return f"{name} (registered as {registered_name!r})" if registered_name not in (None, class_name) else str(name)


def _is_operation(module: str | None) -> bool:
    return module is not None and module.startswith(OPERATION_MODULES)


def ranks(entries: list[Config]) -> dict[str, tuple[str, int]]:
    """How files identify each layer: by its class name in snake case, and by how many layers of that class stand before it."""
    seen: dict[str, int] = {}
    ranked = {}
    for entry in entries:
        if not _is_operation(entry["module"]):
            stem = snake_case(entry["class_name"])
            ranked[entry["config"]["name"]] = stem, seen.get(stem, 0)
            seen[stem] = seen.get(stem, 0) + 1
    return ranked


def snake_case(class_name: str) -> str:
    """Keras's spelling of a class name in file paths: PReLU is p_re_lu, BatchNormalization is batch_normalization."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
