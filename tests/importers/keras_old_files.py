"""Files as Keras 1 and 2 wrote them, written here from the description of their formats, since the tests have Keras 3 alone.

A whole model, `.h5`, is an HDF5 file with the attributes `keras_version` and `model_config` (the JSON text of the config) and the
group `model_weights`. That group's attribute `layer_names` lists the outermost layers; each has a group of its own, whose
attribute `weight_names` lists its arrays, which stand under these names in it. Weights alone have what `model_weights` holds at
the root. A list that takes more than 64,512 bytes is spread over the attributes `layer_names0`, `layer_names1`, ...

Keras 2.12 to 2.15 wrote `.keras` too, and `.weights.h5`: a zip archive with config.json, metadata.json and model.weights.h5, in
which `layers/dense_1/vars/0` is the first array of the second Dense layer. Up to 2.13, `layers` was called
`_layer_checkpoint_dependencies`, and the number grew by two at a layer with arrays.

What differs in the config: up to Keras 2.2.2 a Sequential model's config is the bare list of its layers. The first layer
states the shape of the input, `batch_input_shape`, until an input layer does so from TensorFlow 2.2 on. A Functional model is
called Model up to TensorFlow 2.3. Its calls are lists `[layer, number of the call, output, options]`, without options in Keras 1.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Arrays = dict[str, np.ndarray]
HEADER_LIMIT = 64512


def layer(class_name: str, name: str, **options: Any) -> dict[str, Any]:
    """One layer of a config."""
    return {"class_name": class_name, "config": {"name": name, **options}}


def dense_1(name: str, output_dim: int, activation: str = "linear", **options: Any) -> dict[str, Any]:
    """A Dense layer of Keras 1, with all that its config held."""
    unused = dict.fromkeys(["W_constraint", "b_constraint", "W_regularizer", "b_regularizer", "activity_regularizer"])
    given = {"output_dim": output_dim, "activation": activation, "init": "uniform", "bias": True, "trainable": True}
    return layer("Dense", name, **unused, **{**given, **options})


def dense_2(name: str, units: int, activation: Any = "linear", **options: Any) -> dict[str, Any]:
    """A Dense layer of Keras 2, with all that matters of its config."""
    given = {"trainable": True, "dtype": "float64", "units": units, "activation": activation, "use_bias": True}
    return layer("Dense", name, **{**given, **options})


def functional(name: str, layers: list[tuple[dict[str, Any], list[Any]]], output: list[Any]) -> dict[str, Any]:
    """A Functional model of layers with their calls, the first of which is the input."""
    entries = [{**entry, "name": entry["config"]["name"], "inbound_nodes": calls} for entry, calls in layers]
    ends = {"input_layers": [[entries[0]["name"], 0, 0]], "output_layers": [output]}
    return {"class_name": "Functional", "config": {"name": name, "layers": entries, **ends}}


def write_model(path: Path, config: dict[str, Any], weights: dict[str, Arrays], version: str, as_bytes: bool = True) -> None:
    """Write a whole model; `weights` maps each outermost layer to its arrays by name, both in order."""
    with h5py.File(path, "w") as file:
        for name, text in (("keras_version", version), ("model_config", json.dumps(config)), ("backend", "tensorflow")):
            file.attrs[name] = text.encode() if as_bytes else text
        _write_groups(file.create_group("model_weights"), weights, as_bytes)


def write_weights(path: Path, weights: dict[str, Arrays], version: str, as_bytes: bool = True) -> None:
    """Write weights alone, as `model.save_weights("weights.h5")` did."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode() if as_bytes else version
        _write_groups(file, weights, as_bytes)


def _write_groups(root: h5py.Group, weights: dict[str, Arrays], as_bytes: bool) -> None:
    _write_names(root, "layer_names", list(weights), as_bytes)
    for layer_name, arrays in weights.items():
        group = root.create_group(layer_name)
        _write_names(group, "weight_names", list(arrays), as_bytes)
        for name, array in arrays.items():
            group.create_dataset(name, data=array)


def _write_names(group: h5py.Group, name: str, texts: list[str], as_bytes: bool) -> None:
    """Keras 1 and 2 write an array of bytes, or of floats if it is empty; newer versions of h5py make it one of texts."""
    found = np.array([text.encode() for text in texts]) if as_bytes else np.array(texts, dtype=object)
    if not texts:
        group.attrs[name] = np.array([], dtype=np.float64)
    elif found.nbytes <= HEADER_LIMIT:
        group.attrs[name] = found
    else:
        for i, part in enumerate(np.array_split(found, found.nbytes // HEADER_LIMIT + 1)):
            group.attrs[f"{name}{i}"] = part


def write_tree(target: Path | io.BytesIO, tree: dict[str, Any]) -> None:
    """Write arrays filed by class: `tree` maps groups to groups, and "vars" to a list of arrays."""
    with h5py.File(target, "w") as file:
        for path, arrays in _leaves(tree, ""):
            group = file.create_group(path)
            for i, array in enumerate(arrays):
                group[str(i)] = array


def write_archive(path: Path, config: dict[str, Any], tree: dict[str, Any], version: str) -> None:
    """Write a .keras file of Keras 2.12 to 2.15."""
    weights = io.BytesIO()
    write_tree(weights, tree)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2023-11-22@10:08:11"}))
        archive.writestr("config.json", json.dumps({"module": "keras", **config, "registered_name": None}))
        archive.writestr("model.weights.h5", weights.getvalue())


def _leaves(tree: dict[str, Any], prefix: str) -> Iterator[tuple[str, list[np.ndarray]]]:
    for name, inner in tree.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{prefix}{name}/")
        else:
            yield prefix + name, inner
