"""Read fastjac's own file, whose form `fastjac.saving` describes; files may come from anywhere, so all of it is checked."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ..errors import FormatError, UnsupportedLayerError
from ..layers import LAYERS, Layer
from ..network import Network
from ..saving import FORMAT, VERSION, require_safetensors, tensor_name
from .located import located
from .options import Options
from .parts import Imported, Part
from .reading.probe import Probe

DTYPES = {"F32": "float32", "F64": "float64"}
HEADER_LENGTH_BYTES = 8
NON_FINITE = ("inf", "-inf", "nan")


def recognise(probe: Probe) -> bool:
    """Whether the file is a safetensors file: a length in eight bytes, and then a JSON object of that length."""
    length = int.from_bytes(probe.head[:HEADER_LENGTH_BYTES], "little")
    return probe.head[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + 1] == b"{" and length < 100_000_000


def load(probe: Probe, options: Options) -> Imported:
    """Read a network that `save` wrote.

    Raises FormatError where the file is damaged, is another program's safetensors file, comes from a later version of
    fastjac, or holds tensors that do not fit its architecture; UnsupportedLayerError where it names an unknown layer.
    """
    options.refuse_all_but()
    safetensors = require_safetensors()
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


def _build(metadata: dict[str, str], tensors: _Tensors) -> Imported:
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
    parts = tuple(Part(f"layers.{i} ({type(layer).__name__})", (layer,)) for i, layer in enumerate(layers))
    return Imported(Network(layers, n_in=n_in, dtype=dtype), parts)


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
        arrays = {field: tensors.take(tensor_name(position, field)) for field in described["arrays"]}
        return LAYERS[name](**options, **arrays)


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
