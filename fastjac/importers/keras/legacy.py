"""Configs of every Keras in the form of a .keras file of Keras 3, the only form that other modules read.

The tables state what a layer's options were called and meant before; the graph of a Functional model is in `legacy_graph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from .activations import HARD_SIGMOID_2
from .config import MODEL_CLASSES, Config, inner_layer
from .legacy_graph import modern_graph

NEWEST = 3
OPERATIONS = "keras.src.ops.numpy"
"""A module of bare operations, which an .h5 file does not mark as such."""


@dataclass(frozen=True)
class Change:
    """What became of a class from one generation of Keras to the next.

    renamed : old names of options to new ones.
    added : options that the older generation did not have, with the values by which the newer one does the same.
    dropped : options that the newer generation does not have, with the only values by which it does the same.
    becomes : the newer class, where it has another name.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)
    dropped: Mapping[str, Any] = field(default_factory=dict)
    becomes: str | None = None


CHANGES: dict[int, dict[str, Change]] = {
    1: {
        "Dense": Change(renamed={"output_dim": "units", "bias": "use_bias"}),
        # Mode 1 normalizes each sample by itself, mode 2 by the statistics of the current batch.
        "BatchNormalization": Change(added={"scale": True, "center": True}, dropped={"mode": 0}),
    },
    2: {
        "InputLayer": Change(renamed={"batch_input_shape": "batch_shape"}),
        "LeakyReLU": Change(renamed={"alpha": "negative_slope"}),
        "ReLU": Change(added={"negative_slope": 0.0, "threshold": 0.0}),
        "ThresholdedReLU": Change(
            renamed={"theta": "threshold"}, added={"negative_slope": 0.0, "max_value": None}, becomes="ReLU"
        ),
        "Flatten": Change(added={"data_format": "channels_last"}),
        "Normalization": Change(added={"mean": None, "variance": None, "invert": False}),
        "BatchNormalizationV1": Change(becomes="BatchNormalization"),
        "BatchNormalizationV2": Change(becomes="BatchNormalization"),
    },
}
"""By generation, what became of each class in the next one; classes that are not named kept their options."""

ACTIVATION_NAMES = {"hard_sigmoid": HARD_SIGMOID_2}
"""Names of activations that had another meaning up to Keras 2, and this package's names for that meaning."""

OLD_MODEL_MODULES = ("keras.engine.functional", "keras.src.engine.functional", "tf_keras.src.engine.functional")
"""The modules of Functional models of Keras 2; the module of Sequential ones is "keras", if the config states it."""


def generation(version: Any) -> int:
    """The generation of Keras, 1, 2 or 3, that a version such as "2.2.4-tf" belongs to; FormatError if it is none."""
    number = str(version).split(".")[0]
    if number not in ("1", "2", "3"):
        raise FormatError(f"it was written by Keras {version!r:.20}; fastjac reads what Keras 1, 2 and 3 wrote")
    return int(number)


def modern(model: Config, written_by: int) -> Config:
    """The config of a model as a .keras file of Keras 3 would have it; `written_by` is the generation that it comes from.

    Raises UnsupportedLayerError where an old option has a value without an equivalent.
    """
    return _model(model, written_by, "model") if model["class_name"] in MODEL_CLASSES else {"module": None, **model}


def _model(entry: Config, written_by: int, name: str) -> Config:
    config = entry["config"]
    if isinstance(config, list):  # a Sequential model up to Keras 2.2.2, whose config does not state its name
        config = {"name": name, "layers": config}
    layers = [_part(inner, written_by, f"{inner['class_name'].lower()}_{i}") for i, inner in enumerate(config["layers"])]
    config = {"name": name, **config, "layers": layers}
    if entry["class_name"] == "Sequential":
        config["layers"] = _with_input(layers, name)
    elif written_by < NEWEST:
        config = modern_graph(config)
    module = entry.get("module", "keras")
    return {**entry, "module": "keras" if module in OLD_MODEL_MODULES else module, "config": config}


def _part(entry: Config, written_by: int, default_name: str) -> Config:
    name = entry.get("name", default_name)
    if entry["class_name"] in MODEL_CLASSES:
        return _model(entry, written_by, name)
    with located(f"layer {entry['config'].get('name', name)!r} ({entry['class_name']})"):
        return _layer(entry, written_by, name)


def _layer(entry: Config, written_by: int, default_name: str) -> Config:
    class_name = entry["class_name"]
    config = {"name": default_name, **{option: _plain(value) for option, value in entry["config"].items()}}
    for step in range(written_by, NEWEST):
        change = CHANGES[step].get(class_name, Change())
        config = _changed(config, change, step)
        class_name = change.becomes or class_name
    if written_by < NEWEST and "activation" in config:
        config["activation"] = _activation(config, written_by)
    if written_by < NEWEST and (wrapped := inner_layer(config, "layer")) is not None:
        config["layer"] = _part(wrapped, written_by, "layer")
    # Where no module is stated, Keras's own classes have bare names, and classes that the user registered are package>name.
    module = entry.get("module", None if ">" in class_name else "keras.layers")
    is_in_graph = written_by == NEWEST and "module" not in entry and entry.get("inbound_nodes")
    if is_in_graph and not config.keys() & {"trainable", "bin_boundaries"}:
        module = OPERATIONS  # every layer has the first of these options, but for Discretization, which has the second
    return {**entry, "module": module, "class_name": class_name, "config": config}


def _changed(config: Config, change: Change, step: int) -> Config:
    for option, value in change.dropped.items():
        if config.get(option, value) != value:
            raise UnsupportedLayerError(
                f"{option}={config[option]!r:.20} of Keras {step} has no equivalent at inference; fastjac takes {option}={value}"
            )
    return {**change.added, **{change.renamed.get(option, option): value for option, value in config.items()}}


def _activation(config: Config, written_by: int) -> Any:
    """The name of a layer's activation, or the layer that stands for it; anything else as it is."""
    layer, option = inner_layer(config, "activation"), config["activation"]
    if layer is not None:
        return _part(layer, written_by, "activation")
    return ACTIVATION_NAMES.get(option, option) if isinstance(option, str) else option


def _plain(value: Any) -> Any:
    """A config's value; a NumPy or TensorFlow number or array is taken out of the dict that is saved around it."""
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__numpy__", "__tensor__"):
        return value["config"]["value"]
    return value["value"] if value.get("type") == "ndarray" else value  # Keras 2 without TensorFlow writes this form


def _with_input(layers: list[Config], name: str) -> list[Config]:
    """A Sequential model's layers behind an input layer, which older files leave out where the first layer states the shape."""
    shape = layers[0]["config"].get("batch_input_shape") if layers and layers[0]["class_name"] != "InputLayer" else None
    if shape is None:
        return layers
    given = {"name": f"{name}_input", "batch_shape": shape}
    return [{"module": "keras.layers", "class_name": "InputLayer", "config": given}, *layers]
