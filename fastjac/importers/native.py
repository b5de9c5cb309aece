"""Read safetensors files: fastjac's own, whose form `fastjac.saving` describes, or weights whose layers the user tells.

Files may come from anywhere, so all of it is checked; the safetensors package is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ..errors import FormatError, UnsupportedLayerError
from ..layers import LAYERS, Layer
from ..network import Network
from ..saving import FORMAT, VERSION, tensor_name
from .located import located
from .options import Options
from .parts import Imported, Part
from .reading import safetensors
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count
from .reading.probe import Probe
from .weights import imported_weights

DTYPES = ("float32", "float64")
NON_FINITE = ("inf", "-inf", "nan")

recognise = safetensors.recognise


def load(probe: Probe, options: Options) -> Imported:
    """Read a network that `save` wrote, or another program's weights in the places that `options.layers` tells.

    Raises FormatError where the file is damaged, comes from a later version of fastjac, or holds tensors that do not fit its
    architecture; UnsupportedLayerError where it names an unknown layer; for weights what `imported_weights` raises.
    """
    metadata, tensors = safetensors.read(probe)
    if metadata.get("format") != FORMAT:
        # The order of tensors in a file is one of dtypes and names; sorted by name alone, nobody takes it for that of the layers.
        return imported_weights({name: tensors[name] for name in sorted(tensors, key=_layer_and_field)}, options)
    options.refuse_all_but()
    version = _parse(metadata, "version", int, "a whole number")
    if version > VERSION:
        raise FormatError(
            f"the file has version {version} of fastjac's format, this fastjac reads up to {VERSION}; upgrade fastjac"
        )
    return _build(metadata, _Tensors(tensors))


def _layer_and_field(name: str) -> tuple[str, str, str]:
    return name.rpartition(".")


class _Tensors:
    """The tensors of a file, each to be taken once."""

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        self.left = dict(tensors)

    def take(self, key: str) -> np.ndarray:
        if key not in self.left:
            raise FormatError(f"tensor {key!r} is missing; the file holds {_listed(self.left)}")
        array = self.left.pop(key)
        if array.dtype not in DTYPES:
            raise FormatError(f"tensor {key!r} has dtype {array.dtype}; fastjac writes {' and '.join(DTYPES)} only")
        return array


def _build(metadata: dict[str, str], tensors: _Tensors) -> Imported:
    architecture = _parse(metadata, "architecture", json.loads, "a JSON list of layers")
    n_in = _parse(metadata, "n_in", int, "a whole number")
    dtype = _parse(metadata, "dtype", str, "a dtype")
    if dtype not in DTYPES:
        raise FormatError(f"dtype must be {' or '.join(DTYPES)}, the header says {dtype!r}")
    if not isinstance(architecture, list):
        raise FormatError(f"architecture must be a JSON list of layers, the header holds a {type(architecture).__name__}")
    check_count(len(architecture), MOST_LAYERS, "layers")
    check_count(n_in, MOST_UNITS, "inputs")
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
        return LAYERS[name](**{**options, **arrays})


def _from_json(value: Any) -> Any:
    return float(value) if value in NON_FINITE else value


def _parse(metadata: dict[str, str], name: str, convert: Any, expected: str) -> Any:
    if name not in metadata:
        raise FormatError(f"the header does not tell {name}; a file written by fastjac does")
    try:
        return convert(metadata[name])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name} in the header must be {expected}, it is {metadata[name]!r:.80}") from error


def _listed(names: Collection[str], limit: int = 6) -> str:
    shown = sorted(names)[:limit]
    return ", ".join(shown) + (f" and {len(names) - limit} more" if len(names) > limit else "") or "none"
