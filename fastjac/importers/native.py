"""Read safetensors files: fastjac's own, whose form `fastjac.saving` describes, or weights whose layers the user states.

Files may come from anywhere, so everything in them is checked; the safetensors package is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any

import numpy as np

from ..errors import FormatError, UnsupportedLayerError
from ..graphs.selection import selected
from ..layers import JOINS, LAYERS, Formula, Layer, Take
from ..network import Network
from ..saving import FORMAT, VERSIONS, tensor_name
from .described import is_count, restored
from .located import located
from .options import Options
from .parts import Imported, Part
from .reading import jsontext, safetensors
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count
from .reading.probe import Probe
from .weights import imported_weights

KNOWN: dict[str, type[Layer]] = {**LAYERS, "Formula": Formula}
DTYPES = ("float32", "float64")
NON_FINITE = ("inf", "-inf", "nan")

recognise = safetensors.recognise


def load(probe: Probe, options: Options) -> Imported:
    """Read a network that `save` wrote, or another program's weights in the places that `options.layers` states.

    Raises FormatError where the file is damaged, comes from a later version of fastjac, or holds tensors that do not fit its
    architecture; UnsupportedLayerError where it names an unknown layer; for weights what `imported_weights` raises.
    """
    metadata, tensors = safetensors.read(probe)
    if metadata.get("format") != FORMAT:
        # A file orders its tensors by dtype and name. Sorted by name alone, their order is not mistaken for that of the layers.
        return imported_weights({name: tensors[name] for name in sorted(tensors, key=_layer_and_field)}, options)
    options.refuse_all_but()
    version = _parse(metadata, "version", int, "a whole number")
    if version > max(VERSIONS):
        known = f"this fastjac reads up to {max(VERSIONS)}"
        raise FormatError(f"the file has version {version} of fastjac's format, {known}; upgrade fastjac")
    dtype = _parse(metadata, "dtype", str, "a dtype")
    if dtype not in DTYPES:
        raise FormatError(f"dtype must be {' or '.join(DTYPES)}, the header says {dtype!r}")
    build = _build_chain if version == min(VERSIONS) else _build_graph
    return _with_names(build(metadata, _Tensors(tensors), dtype), metadata)


def _with_names(imported: Imported, metadata: dict[str, str]) -> Imported:
    """The network with the names of its features, if the header holds any."""
    if "feature_names" not in metadata:
        return imported
    names = _parse(metadata, "feature_names", json.loads, "a JSON list of strings")
    if not isinstance(names, list):
        raise FormatError(f"feature_names must be a JSON list of strings, the header holds a {type(names).__name__}")
    with located("feature_names in the header"):
        return replace(imported, network=imported.network.with_feature_names(names))


def _layer_and_field(name: str) -> tuple[str, str, str]:
    return name.rpartition(".")


class _Tensors:
    """The tensors of a file; each is taken once."""

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        self.left = dict(tensors)

    def take(self, key: str, dtypes: Collection[str] = DTYPES) -> np.ndarray:
        if key not in self.left:
            raise FormatError(f"tensor {key!r} is missing; the file holds {_listed(self.left)}")
        array = self.left.pop(key)
        if array.dtype not in dtypes:
            raise FormatError(f"tensor {key!r} has dtype {array.dtype}; fastjac writes {' and '.join(dtypes)} only")
        return array


def _build_chain(metadata: dict[str, str], tensors: _Tensors, dtype: str) -> Imported:
    """The network of a file of version 1."""
    n_in = _parse(metadata, "n_in", int, "a whole number")
    check_count(n_in, MOST_UNITS, "inputs")
    layers = _layers(metadata, "architecture", tensors, KNOWN)
    return Imported(Network(layers, n_in=n_in, dtype=dtype), _parts(layers))


def _build_graph(metadata: dict[str, str], tensors: _Tensors, dtype: str) -> Imported:
    """The network of a file of version 2."""
    network = jsontext.read_object(_parse(metadata, "network", str, "a text"), "network in the header")
    layers = _layers(metadata, "layers", tensors, KNOWN | JOINS)
    return Imported(restored(network, layers, dtype), _parts(layers))


def _layers(metadata: dict[str, str], name: str, tensors: _Tensors, known: Mapping[str, type[Layer]]) -> list[Layer]:
    """The layers that the header lists under a name; they must use all tensors of the file."""
    described = _parse(metadata, name, json.loads, "a JSON list of layers")
    if not isinstance(described, list):
        raise FormatError(f"{name} must be a JSON list of layers, the header holds a {type(described).__name__}")
    check_count(len(described), MOST_LAYERS, "layers")
    layers = [_restore(number, entry, tensors, known) for number, entry in enumerate(described)]
    if tensors.left:
        raise FormatError(f"no layer of the architecture uses {_listed(tensors.left)}; the file was changed after it was written")
    return layers


def _parts(layers: Sequence[Layer]) -> tuple[Part, ...]:
    return tuple(Part(f"layers.{i} ({type(layer).__name__})", (layer,)) for i, layer in enumerate(layers))


def _restore(position: int, described: Any, tensors: _Tensors, known: Mapping[str, type[Layer]]) -> Layer:
    parts = {"layer": str, "options": dict, "arrays": list}
    if not isinstance(described, dict) or not all(isinstance(described.get(part), kind) for part, kind in parts.items()):
        raise FormatError(f"layer {position} of the architecture must give layer, options and arrays, it is {described!r}")
    name = described["layer"]
    if name not in known:
        raise UnsupportedLayerError(
            f"layer {position} is a {name!r}, which this fastjac does not have; it has {', '.join(known)}"
        )
    with located(f"layer {position} ({name})"):
        options = {field: _from_json(value) for field, value in described["options"].items()}
        if known[name] is Formula:
            return _formula(options | {field: tensors.take(tensor_name(position, field)) for field in described["arrays"]})
        parameters = {field.name: field.default is MISSING for field in fields(known[name])}
        required = {field for field, is_required in parameters.items() if is_required}
        given = {*described["options"], *map(str, described["arrays"])}
        if not required <= given <= parameters.keys():
            raise FormatError(f"it has the parameters {_listed(parameters)}, the header gives {_listed(given)}")
        if known[name] is Take:
            return _take(options.get("size"), tensors.take(tensor_name(position, "index"), ("int64",)))
        arrays = {field: tensors.take(tensor_name(position, field)) for field in described["arrays"]}
        return known[name](**{**options, **arrays})


def _formula(values: dict[str, Any]) -> Formula:
    """A formula; its text decides the names of its parameters."""
    if "formula" not in values:
        raise FormatError(f"it has a formula, the header gives {_listed(values)}")
    return Formula(values.pop("formula"), **values)


def _take(size: Any, index: np.ndarray) -> Take:
    if not is_count(size):
        raise FormatError(f"size must be a positive whole number, the header gives {size!r:.80}")
    check_count(size, MOST_UNITS, "units")
    return Take(selected(index, size, "index"), size)


def _from_json(value: Any) -> Any:
    return float(value) if value in NON_FINITE else value


def _parse(metadata: dict[str, str], name: str, convert: Any, expected: str) -> Any:
    if name not in metadata:
        raise FormatError(f"the header does not state {name}; a file written by fastjac does")
    try:
        return convert(metadata[name])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name} in the header must be {expected}, it is {metadata[name]!r:.80}") from error


def _listed(names: Collection[str], limit: int = 6) -> str:
    shown = sorted(names)[:limit]
    return ", ".join(shown) + (f" and {len(names) - limit} more" if len(names) > limit else "") or "none"
