"""fastjac's own file: one safetensors file that holds the weights and, in its header, the architecture.

Tensors are called `layers.{position}.{field}`. The header's metadata holds, as strings:

- `format`: "fastjac";
- `version`: "1";
- `n_in`: the number of inputs;
- `dtype`: "float32" or "float64";
- `architecture`: a JSON list with one object for each layer, such as
  `{"layer": "LeakyReLU", "options": {"negative_slope": 0.01}, "arrays": []}` or
  `{"layer": "Affine", "options": {}, "arrays": ["weight", "bias"]}`.

An option that JSON has no number for is written as "inf", "-inf" or "nan".
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Collection
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ..errors import FileError, FormatError, MissingDependencyError, UnsupportedLayerError
from ..layers import LAYERS, Layer
from ..network import Network
from .located import located
from .probe import Probe, as_path

FORMAT, VERSION = "fastjac", 1
DTYPES = {"F32": "float32", "F64": "float64"}
HEADER_LENGTH_BYTES = 8
NON_FINITE = ("inf", "-inf", "nan")


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to one safetensors file, whole or not at all.

    Parameters
    ----------
    net : the network.
    path : where to; an existing file is replaced at the end, in one step, so that no reader ever sees half of it.

    Raises FileError where the file cannot be written, MissingDependencyError without the safetensors package.
    """
    target = as_path(path)
    tensors = {_key(i, name): array for i, layer in enumerate(net.layers) for name, array in layer.arrays.items()}
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "n_in": str(net.n_in),
        "dtype": str(net.dtype),
        "architecture": json.dumps([_describe(layer) for layer in net.layers], allow_nan=False),
    }
    safetensors = _safetensors()
    try:
        # Beside the target, since a rename is atomic only within one file system.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            draft = os.path.join(folder, target.name)
            # Not by save_file, which makes a file that only its owner can read.
            with open(draft, "wb") as file:
                file.write(safetensors.numpy.save(tensors, metadata))
            os.replace(draft, target)
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(f"cannot write {target}: {error}") from error


def recognise(probe: Probe) -> bool:
    """Whether the file is a safetensors file: a length in eight bytes, and then a JSON object of that length."""
    length = int.from_bytes(probe.head[:HEADER_LENGTH_BYTES], "little")
    return probe.head[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + 1] == b"{" and length < 100_000_000


def load(probe: Probe) -> Network:
    """Read a network that `save` wrote.

    Raises FormatError where the file is damaged, is another program's safetensors file, comes from a later version of
    fastjac, or holds tensors that do not fit its architecture; UnsupportedLayerError where it names an unknown layer.
    """
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(probe.path, framework="numpy") as file:
            metadata = file.metadata() or {}
            keys = list(file.keys())
            _check_origin(metadata, keys)
            return _build(metadata, _Tensors(file, keys))
    except (safetensors.SafetensorError, OSError) as error:
        raise FormatError(f"the safetensors file cannot be read ({error}); it is truncated or damaged") from error


class _Tensors:
    """The tensors of an open file, each to be taken once."""

    def __init__(self, file: Any, keys: list[str]) -> None:
        self._file = file
        self.left = set(keys)

    def take(self, key: str) -> np.ndarray:
        if key not in self.left:
            raise FormatError(f"tensor {key!r} is missing; the file holds {_listed(self.left)}")
        self.left.remove(key)
        dtype = self._file.get_slice(key).get_dtype()
        if dtype not in DTYPES:
            raise FormatError(f"tensor {key!r} has dtype {dtype}; fastjac writes {' and '.join(DTYPES)} only")
        array: np.ndarray = self._file.get_tensor(key)
        return array


def _build(metadata: dict[str, str], tensors: _Tensors) -> Network:
    architecture = _parse(metadata, "architecture", json.loads, "a JSON list of layers")
    n_in = _parse(metadata, "n_in", int, "a whole number")
    dtype = _parse(metadata, "dtype", str, "a dtype")
    if dtype not in DTYPES.values():
        raise FormatError(f"dtype must be {' or '.join(DTYPES.values())}, the header says {dtype!r}")
    if not isinstance(architecture, list):
        raise FormatError(f"architecture must be a JSON list of layers, the header holds a {type(architecture).__name__}")
    layers = [_restore(i, described, tensors) for i, described in enumerate(architecture)]
    if tensors.left:
        raise FormatError(f"no layer of the architecture uses {_listed(tensors.left)}; the file was changed after it was written")
    return Network(layers, n_in=n_in, dtype=dtype)


def _describe(layer: Layer) -> dict[str, Any]:
    return {
        "layer": type(layer).__name__,
        "options": {name: _to_json(value) for name, value in layer.options.items()},
        "arrays": list(layer.arrays),
    }


def _restore(position: int, described: Any, tensors: _Tensors) -> Layer:
    parts = {"layer": str, "options": dict, "arrays": list}
    if not isinstance(described, dict) or not all(isinstance(described.get(part), kind) for part, kind in parts.items()):
        raise FormatError(f"layer {position} of the architecture must tell layer, options and arrays, it is {described!r}")
    name = described["layer"]
    if name not in LAYERS:
        raise UnsupportedLayerError(
            f"layer {position} is a {name!r}, which this fastjac does not have; it has {', '.join(LAYERS)}"
        )
    with located(f"layer {position} ({name})"):
        parameters = {field.name: field.default is MISSING for field in fields(LAYERS[name])}
        required = {field for field, is_required in parameters.items() if is_required}
        given = {*described["options"], *map(str, described["arrays"])}
        if not required <= given <= parameters.keys():
            raise FormatError(f"it has the parameters {_listed(parameters)}, the header gives {_listed(given)}")
        options = {field: _from_json(value) for field, value in described["options"].items()}
        arrays = {field: tensors.take(_key(position, field)) for field in described["arrays"]}
        return LAYERS[name](**options, **arrays)


def _key(position: int, name: str) -> str:
    return f"layers.{position}.{name}"


def _to_json(value: float | str) -> float | str:
    return value if isinstance(value, str) or math.isfinite(value) else str(float(value))


def _from_json(value: Any) -> Any:
    return float(value) if value in NON_FINITE else value


def _parse(metadata: dict[str, str], name: str, convert: Any, expected: str) -> Any:
    if name not in metadata:
        raise FormatError(f"the header does not tell {name}; a file written by fastjac does")
    try:
        return convert(metadata[name])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name} in the header must be {expected}, it is {metadata[name]!r:.80}") from error


def _check_origin(metadata: dict[str, str], keys: list[str]) -> None:
    if metadata.get("format") != FORMAT:
        raise FormatError(
            f"the safetensors file holds weights without an architecture ({_listed(keys)}); tell the layers and pass the "
            "weights: fastjac.from_state_dict(safetensors.numpy.load_file(path), layers=[...])"
        )
    version = _parse(metadata, "version", int, "a whole number")
    if version > VERSION:
        raise FormatError(
            f"the file has version {version} of fastjac's format, this fastjac reads up to {VERSION}; upgrade fastjac"
        )


def _listed(names: Collection[str], limit: int = 6) -> str:
    shown = sorted(names)[:limit]
    return ", ".join(shown) + (f" and {len(names) - limit} more" if len(names) > limit else "") or "none"


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependencyError(
            "safetensors is needed to read and write network files; install it with: pip install 'fastjac[safetensors]'"
        ) from error
    return safetensors
