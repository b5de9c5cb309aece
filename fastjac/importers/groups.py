"""The arrays of a state dict in groups, one for each layer, in the order of the layers."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import DtypeError, FormatError, OptionError
from .located import located
from .tensors import as_numpy


@dataclass(frozen=True)
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
    def is_affine(self) -> bool:
        """Whether it holds a weight matrix, a bias perhaps, and nothing else."""
        return "weight" in self.fields and np.ndim(self.fields["weight"]) == 2 and self.fields.keys() <= {"weight", "bias"}

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


def groups_in_order(state: Mapping[str, Any], order: Sequence[str] | None) -> list[Group]:
    """The groups of a state dict in the order of the layers, as `order` tells or the names and the mapping do.

    Raises OptionError where none of these tells the order, or `order` does not name exactly the groups; DtypeError where it is
    no list of strings.
    """
    groups = {group.name: group for group in _groups(state)}
    if order is not None:
        if isinstance(order, str) or not isinstance(order, Sequence) or not all(isinstance(name, str) for name in order):
            raise DtypeError(f"order must be a list of the groups' names, got {order!r}; the groups are {list(groups)}")
        if sorted(order) != sorted(groups):
            raise OptionError(f"order must name every group once; the groups are {list(groups)}, order is {list(order)}")
        return [groups[name] for name in order]
    by_number = sorted(groups, key=_natural)
    if all(_differ_in_integers(first, second) for first, second in pairwise(by_number)):
        return [groups[name] for name in by_number]
    if not isinstance(state, OrderedDict) and list(groups) == sorted(groups):
        raise OptionError(
            f"the names {list(groups)} stand in alphabetical order, as in a safetensors file, so they do not tell the order of "
            f"the layers; pass it from input to output: order={list(groups)} if this is it"
        )
    return list(groups.values())


def _groups(state: Mapping[str, Any]) -> list[Group]:
    members: dict[str, dict[str, Any]] = {}
    for key, value in state.items():
        if not isinstance(key, str):
            raise FormatError(f"the names of a state dict must be strings, one is {key!r}")
        name, _, field = key.rpartition(".")
        with located(repr(key)):
            members.setdefault(name, {})[field] = as_numpy(value)
    return [Group(name, fields) for name, fields in members.items()]


def _natural(name: str) -> list[str | int]:
    """The name as text and numbers in turn, so that "net.10" comes after "net.2"."""
    parts: list[str | int] = list(re.split(r"(\d+)", name))
    parts[1::2] = map(int, parts[1::2])
    return parts


def _differ_in_integers(first: str, second: str) -> bool:
    """Whether the first difference between two names is one between two numbers."""
    for a, b in zip(_natural(first), _natural(second), strict=False):
        if a != b:
            return isinstance(a, int)
    return False
