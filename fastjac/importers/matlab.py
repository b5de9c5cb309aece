"""Read weights and biases out of MATLAB files, `.mat` of versions 5 to 7.3.

They stand in cell arrays W and b, in numbered variables W1, b1, W2, ..., or in variables such as fc1_weight and fc1_bias, alone
or as the fields of a struct. The user states what follows each affine layer, unless a cell array of names beside them does. The
shapes show whether a layer is `W x + b` or, as Python programs may save it, `x W + b`; where both fit, the file is refused.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import FormatError, OptionError
from .entries import ACTIVATIONS
from .groups import MOST_SHOWN, Group, as_groups, groups_in_order
from .options import Options
from .parts import Imported, Part
from .reading import matlab, matlab_hdf5
from .reading.probe import Probe
from .weights import as_named, follow_each_other

LEVEL_5, HDF5 = b"MATLAB 5.0 MAT-", b"MATLAB 7."
"""How files of versions 5 to 7 start, and how files of version 7.3 do."""
WEIGHT, BIAS = "weight", "bias"
FIELDS = {"w": WEIGHT, "weight": WEIGHT, "weights": WEIGHT, "kernel": WEIGHT, "b": BIAS, "bias": BIAS, "biases": BIAS}
"""What variables are called, in small letters."""
KINDS = "|".join(FIELDS)
NUMBERED = re.compile(rf"(?P<field>{KINDS})_?(?P<group>\d{{1,5}})", re.IGNORECASE)
NAMED = re.compile(rf"(?P<group>.+)_(?P<field>{KINDS})", re.IGNORECASE)
ACTIVATION_CELLS = ("activation_fcns", "act_fcns", "activation_functions", "activations")
MATLAB_NAMES = {
    "linear": "identity", "purelin": "identity", "none": "identity", "poslin": "relu", "tansig": "tanh", "logsig": "sigmoid",
    "satlins": "hard_tanh", "swish": "silu",
}  # fmt: skip
"""MATLAB's names of activations, besides those that a state dict's list of layers has."""


def recognise(probe: Probe) -> bool:
    """Whether the file starts as MATLAB's do."""
    return probe.start.startswith((LEVEL_5, HDF5))


def load(probe: Probe, options: Options) -> Imported:
    """Read the weights, and put between them the activations that `options.layers` or the file states.

    Raises FormatError where the file is damaged, has no weights or several networks, or where shapes do not show what is a row;
    what `imported_weights` raises.
    """
    options.refuse_all_but("layers", "order", "n_in")
    place, table, state = _network(_variables(probe))
    groups = _oriented(groups_in_order(as_groups(state), options.order, is_ordered=False))
    layers = _named_activations(table, len(groups)) if options.layers is None else options.layers
    oriented = OrderedDict((key, array) for group in groups for key, array in zip(group.keys, group.fields.values(), strict=True))
    made = as_named(oriented, replace(options, layers=layers, order=None))
    used = {source for source in table if _field_of(source) or source.lower() in (*FIELDS, *ACTIVATION_CELLS)}
    others = [Part(f"{place}{name} (variable)", (), "left out: no weight or bias") for name in table if name not in used]
    return replace(made, parts=(*made.parts, *others))


def _variables(probe: Probe) -> dict[str, Any]:
    if probe.start.startswith(HDF5):
        return matlab_hdf5.read(probe.path)
    return {name: value for name, value in matlab.read(probe.read()).items() if name}


def _network(variables: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], dict[str, np.ndarray]]:
    """Where the weights stand, all that stands there, and a state dict of them."""
    found = [(place, table, state) for place, table in _tables("", variables) if (state := _state(table))]
    if not found:
        held = ", ".join(f"{name} ({_described(value)})" for name, value in list(variables.items())[:MOST_SHOWN])
        raise FormatError(
            "it has no weights that fastjac knows: cell arrays W and b, or arrays W1, b1, W2, ..., or a struct of these. "
            f"It has {held or 'nothing'}. Of a network object, save the weights so, or export it by exportONNXNetwork"
        )
    if len(found) > 1:
        places = ", ".join(place.rstrip(".") or "its variables" for place, _, _ in found)
        raise FormatError(f"it has weights at several places, {places}; save those of one network in a file of their own")
    return found[0]


def _tables(place: str, table: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """A table of variables, and those of all structs in it."""
    structs = [(name, value) for name, value in table.items() if isinstance(value, Mapping)]
    return [(place, table)] + [inner for name, value in structs for inner in _tables(f"{place}{name}.", value)]


def _state(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The weights and biases among some variables, in torch's naming; empty where there are none."""
    state: dict[str, np.ndarray] = {}
    for name, value in table.items():
        field = FIELDS.get(name.lower())
        if field is not None and isinstance(value, list):
            entries = [(f"{number}.{field}", entry) for number, entry in enumerate(value, start=1)]
        elif (found := _field_of(name)) is not None and isinstance(value, np.ndarray):
            entries = [(f"{found[0]}.{found[1]}", value)]
        else:
            continue
        for key, entry in entries:
            if key in state:
                raise FormatError(f"it has {key} twice, once as {name}; save each weight once")
            state[key] = _array(name, entry, key.endswith(BIAS))
    return state


def _field_of(name: str) -> tuple[str, str] | None:
    """The group of weights that a variable of this name belongs to, and whether it is the weight or the bias; else None."""
    found = NUMBERED.fullmatch(name) or NAMED.fullmatch(name)
    return (found["group"], FIELDS[found["field"].lower()]) if found else None


def _array(name: str, value: Any, is_bias: bool) -> np.ndarray:
    """A weight as a matrix, or a bias as a vector, which MATLAB keeps as matrices of one column or row."""
    if not isinstance(value, np.ndarray):
        raise FormatError(f"{name} has {_described(value)}, where arrays of numbers are expected")
    shape = value.shape[:2] if all(length == 1 for length in value.shape[2:]) else value.shape
    if is_bias and max(shape, default=0) == value.size:
        return value.ravel()
    if is_bias or len(shape) != 2:
        raise FormatError(f"{name} has the shape {value.shape!s:.80}; a weight has two axes, a bias has one")
    return value.reshape(shape)


def _oriented(groups: Sequence[Group]) -> list[Group]:
    """The groups with weights (n_out, n_in), as the sizes of biases and of the layers beside them show."""
    for group in groups:
        if WEIGHT not in group.fields:
            raise FormatError(f"{group} has a bias and no weight; the file is incomplete")
    turned = [Group(group.name, {name: array.T for name, array in group.fields.items()}) for group in groups]
    as_saved, as_turned = _fit(groups), _fit(turned)
    if as_saved == as_turned:
        shapes = "; ".join(f"{group.name} with {group.shapes}" for group in groups[:MOST_SHOWN])
        if as_saved:
            raise FormatError(
                f"its weights fit as they are and transposed, so it could mean W x + b or x W + b: {shapes}. Read them by "
                "scipy.io.loadmat, and pass weights of shape (n_out, n_in) to fastjac.from_state_dict"
            )
        raise FormatError(f"its weights and biases do not follow each other: {shapes}. Name those of one network by order=[...]")
    return list(groups if as_saved else turned)


def _fit(groups: Sequence[Group]) -> bool:
    """Whether weights (n_out, n_in) fit their biases and each other."""
    shapes = [np.shape(group.fields[WEIGHT]) for group in groups]
    biases = all(np.size(group.fields.get(BIAS, np.empty(rows))) == rows for group, (rows, _) in zip(groups, shapes, strict=True))
    return biases and follow_each_other(groups)


def _named_activations(table: Mapping[str, Any], count: int) -> list[str] | None:
    """What follows each layer, if a cell array or rows of text beside the weights name one activation for each; else None."""
    for cell, value in table.items():
        is_named = cell.lower() in ACTIVATION_CELLS and isinstance(value, list) and len(value) == count
        if is_named and all(isinstance(name, str) for name in value):
            names = [MATLAB_NAMES.get(name.lower(), name.lower()) for name in value]
            unknown = next((name for name in names if name not in ACTIVATIONS), None)
            if unknown is not None:
                raise OptionError(f"{cell} names {unknown:.80}, which fastjac does not know; specify the layers: layers=[...]")
            return names
    return None


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array {value.shape!s:.80}"
    if isinstance(value, matlab.Unread):
        return value.kind
    if isinstance(value, list):
        return "a cell array"
    return "text" if isinstance(value, str) else "a struct"
