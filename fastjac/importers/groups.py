"""The arrays of a state dict in groups, one for each layer, in the order of the layers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np

from ..errors import DtypeError, FormatError, OptionError
from .located import located
from .reparametrized import plain_weights
from .tensors import as_numpy

MOST_SHOWN = 20
"""How many names an error lists."""
NAMING = (
    'the arrays of one layer have the same name up to a last dot, as "0.weight" (n_out, n_in) and "0.bias" (n_out,); rename '
    "them, or make the network of them, as fastjac.Network([fastjac.Affine(weight, bias), fastjac.Tanh(), ...])"
)
"""What to do where no names are those of layers."""


@dataclass(frozen=True, eq=False)
class Group:
    """The entries of a state dict whose names differ only in their last part.

    name : what they have in common, such as "net.0".
    fields : the last parts, such as "weight", to the arrays.
    """

    name: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return f"group {self.name!r}" if self.name else "the group of names without a dot"

    @property
    def keys(self) -> list[str]:
        """The full names of the entries."""
        return [f"{self.name}.{field}" if self.name else field for field in self.fields]

    @property
    def shapes(self) -> str:
        """Its fields with their shapes, as in "weight (48, 25), bias (48,)"."""
        return ", ".join(f"{field} {np.shape(array)}" for field, array in self.fields.items())

    @property
    def is_affine(self) -> bool:
        """Whether it holds a weight matrix, perhaps a bias, and nothing else."""
        return "weight" in self.fields and np.ndim(self.fields["weight"]) == 2 and self.fields.keys() <= {"weight", "bias"}

    @property
    def kind(self) -> str | None:
        """What its arrays look like, for a proposal that the user checks; None where no layer holds such arrays."""
        if "running_mean" in self.fields:
            return "batch_norm"
        if "weight" not in self.fields or not self.fields.keys() <= {"weight", "bias"}:
            return None
        if np.ndim(self.fields["weight"]) != 1:
            return "affine"
        return "layer_norm" if "bias" in self.fields else "prelu"

    def arrays(self, *required: str, optional: Sequence[str] = (), ignored: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The arrays by field; FormatError where a required one is missing or there are others than those named."""
        missing = set(required) - self.fields.keys()
        surplus = self.fields.keys() - {*required, *optional, *ignored}
        if missing or surplus:
            raise FormatError(
                f"the layer takes {' and '.join(required)}{' and perhaps ' * bool(optional)}{' and '.join(optional)}, "
                f"the state dict holds {', '.join(self.keys)}"
            )
        return {field: array for field, array in self.fields.items() if field not in ignored}


def groups_in_order(groups: Sequence[Group], order: Sequence[str] | None, is_ordered: bool) -> list[Group]:
    """The groups in the order of the layers, which `order` states, or else their names and places.

    order : the names of groups from input to output; groups that it leaves out fall away.
    is_ordered : whether the mapping they come from is known to be in the order of the layers.

    Raises OptionError where none of these states the order, or where `order` names something that is no group, or a group
    twice; DtypeError where it is no list of strings.
    """
    names = [group.name for group in groups]
    if order is not None:
        return [groups[names.index(name)] for name in _checked(order, names)]
    by_number = sorted(groups, key=lambda group: _natural(group.name))
    if all(_differ_in_integers(first.name, second.name) for first, second in pairwise(by_number)):
        return by_number
    if not is_ordered and names == sorted(names):
        raise OptionError(
            f"the names {listed(names)} stand in alphabetical order, as in a safetensors file, so they do not show the order of "
            f"the layers; pass it from input to output: order={listed(names)} if this is it"
        )
    return list(groups)


def registered_twice(groups: Sequence[Group]) -> str:
    """A sentence about groups that repeat the arrays of an earlier group, and what to do; empty where there are none."""
    holders: dict[Any, list[str]] = {}
    for group in groups:
        contents = tuple((name, np.shape(array), _checksum(array)) for name, array in group.fields.items())
        holders.setdefault(contents, []).append(group.name)
    if not any(len(names) == 2 for names in holders.values()) or any(len(names) > 2 for names in holders.values()):
        return ""  # more than two groups with the same arrays are untrained layers, not one that is registered twice
    again = [name for names in holders.values() for name in names[1:]]
    kept = listed([names[0] for names in holders.values()])
    return f" {listed(again)} hold the arrays of groups before them, as modules that are registered twice do: pass order={kept}."


def _checksum(array: Any) -> int:
    return crc32(np.ascontiguousarray(array).data.cast("B") if np.size(array) else b"")


def _checked(order: Any, names: list[str]) -> Sequence[str]:
    if isinstance(order, str) or not isinstance(order, Sequence) or not all(isinstance(name, str) for name in order):
        raise DtypeError(f"order must be a list of the groups' names, got {order!r}; the groups are {listed(names)}")
    if not set(order) <= set(names) or len(set(order)) < len(order):
        raise OptionError(f"order must name groups, each at most once; the groups are {listed(names)}, order is {list(order)}")
    return order


def listed(names: Sequence[str]) -> str:
    """The names as a list in Python, cut where there are many."""
    shown = ", ".join(f"{name!r:.200}" for name in names[:MOST_SHOWN])
    return f"[{shown}{', ...' * (len(names) > MOST_SHOWN)}]"


def as_groups(state: Mapping[str, Any]) -> list[Group]:
    """The groups of a state dict in the order of the mapping, each weight as the layer uses it."""
    arrays = {}
    for key, value in state.items():
        if not isinstance(key, str):
            raise FormatError(f"the names of a state dict must be strings, one is {key!r}")
        with located(repr(key)):
            arrays[key] = as_numpy(value)
    members: dict[str, dict[str, Any]] = {}
    for key, array in plain_weights(arrays).items():
        name, _, field = key.rpartition(".")
        members.setdefault(name, {})[field] = array
    return [Group(name, fields) for name, fields in members.items()]


def _natural(name: str) -> list[str | int]:
    """The name as text and numbers in turn, so that "net.10" comes after "net.2"."""
    # Python refuses to convert text of more than 4,300 digits to a number; no model's names need more than 18.
    parts: list[str | int] = list(re.split(r"(\d{1,18})", name))
    parts[1::2] = map(int, parts[1::2])
    return parts


def _differ_in_integers(first: str, second: str) -> bool:
    """Whether two names first differ in a number."""
    for a, b in zip(_natural(first), _natural(second), strict=False):
        if a != b:
            return isinstance(a, int)
    return False
