"""Rows of linear layers out of named weights, each followed by the one activation that all of an agent's networks have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import DtypeError, FormatError, OptionError, UnsupportedLayerError
from ..entries import ACTIVATIONS, WITH_WEIGHTS
from ..groups import Group, as_groups
from ..located import located
from ..parts import Part
from ..tensors import float_dtype

MakeActivation = Callable[[], Part]
"""Gives the activation that stands between layers; raises OptionError where nobody has stated it."""
STATE_LAYERS = "state the layers yourself: fastjac.load(path, layers=[...], order=[...]), as for any file of weights"
"""What a user can do where a network is not what its library builds."""


class Weights:
    """The groups of a state dict by name."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._groups = {group.name: group for group in as_groups(arrays)}
        self.names = tuple(self._groups)

    def get(self, name: str) -> Group | None:
        """The group of this name, if there is one."""
        return self._groups.get(name)

    def fields(self, name: str) -> list[str]:
        """The last parts of the names in the group of this name."""
        return list(self._groups[name].fields)

    def below(self, name: str) -> list[Group]:
        """The groups whose names begin with this name and a dot."""
        return [group for known, group in self._groups.items() if known.startswith(f"{name}.")]

    def affine(self, name: str) -> Part:
        """The linear layer of the group of this name; FormatError where there is none."""
        if name not in self._groups:
            raise FormatError(f"it holds no weights of {name}; the file is damaged, or of another version of the library")
        return _with_weights(self._groups[name], "affine", "Linear")

    def row(self, name: str, activation: MakeActivation, ends: bool = False) -> list[Part]:
        """The layers of torch's Sequential of this name; an activation follows each layer but the last.

        ends : whether an activation follows the last as well.

        Raises UnsupportedLayerError where anything else than linear layers and single activations stands there.
        """
        groups = {_number(group.name, name): group for group in self.below(name)}
        numbers = sorted(number for number in groups if groups[number].is_affine)
        slopes_behind = {number for number in groups if groups[number].kind == "prelu"}
        _check_row(name, groups, numbers, slopes_behind)
        parts: list[Part] = []
        for number in numbers:
            parts.append(_with_weights(groups[number], "affine", "Linear"))
            if number + 1 in slopes_behind:
                parts.append(_with_weights(groups[number + 1], "prelu", "PReLU"))
            elif number != numbers[-1] or ends:
                parts.append(activation())
        return parts


def numbered(names: Iterable[str], start: str) -> list[int]:
    """The numbers in the names that are `start` and a number, in order."""
    return sorted(int(name.removeprefix(start)) for name in names if re.fullmatch(rf"{start}\d{{1,4}}", name, re.ASCII))


def output_size(parts: Sequence[Part]) -> int:
    """The number of outputs of a row of parts, which ends in a linear layer or in activations behind one."""
    return _affines(parts)[-1].n_out


def input_size(parts: Sequence[Part]) -> int:
    """The number of inputs of a row of parts that begins with a linear layer."""
    return _affines(parts)[0].n_in


def dtype_of(parts: Sequence[Part]) -> np.dtype:
    """The precision of the first linear layer, in which its library computes."""
    return np.dtype(float_dtype(_affines(parts)[0].weight))


def _affines(parts: Sequence[Part]) -> list[fl.Affine]:
    return [layer for part in parts for layer in part.layers if isinstance(layer, fl.Affine)]


def given_activation(value: Any) -> Part:
    """What a user means by `activation`: a name in ACTIVATIONS, or a fastjac layer.

    Raises OptionError for another name, DtypeError for anything else.
    """
    if isinstance(value, fl.Layer):
        return Part(f"{type(value).__name__} (given)", (value,))
    if not isinstance(value, str):
        raise DtypeError(
            f'activation must be a name such as "elu" or a fastjac layer such as fastjac.ELU(0.5), got {value!r:.200}'
        )
    if value not in ACTIVATIONS:
        raise OptionError(f"activation must be one of {', '.join(ACTIVATIONS)}, or a fastjac layer, got {value!r:.200}")
    return Part(f"{value} (given)", ACTIVATIONS[value])


def _with_weights(group: Group, kind: str, called: str) -> Part:
    with located(str(group)):
        return Part(f"{group.name} ({called})", (WITH_WEIGHTS[kind](group),))


def _number(name: str, row: str) -> int:
    """The number of the module in a row that a group belongs to."""
    last = name.removeprefix(f"{row}.")
    if not re.fullmatch(r"\d{1,9}", last, re.ASCII):
        raise UnsupportedLayerError(f"{row} holds {name}, which is no module of a plain Sequential; {STATE_LAYERS}")
    return int(last)


def _check_row(name: str, groups: Mapping[int, Group], numbers: Sequence[int], slopes_behind: set[int]) -> None:
    """Raise FormatError for a row without linear layers, UnsupportedLayerError for one with more than those and activations."""
    if not numbers:
        raise FormatError(f"{name} holds no linear layer; the file is damaged, or of another version of the library")
    other = [number for number in groups if number not in numbers and not (number in slopes_behind and number - 1 in numbers)]
    if other:
        group = groups[other[0]]
        raise UnsupportedLayerError(f"{group.name} is neither linear nor an activation: it holds {group.shapes}; {STATE_LAYERS}")
    for before, behind in pairwise(numbers):
        if behind - before != 2:
            raise UnsupportedLayerError(
                f"{behind - before - 1} modules stand between {name}.{before} and {name}.{behind}, where its library puts one "
                f"activation; {STATE_LAYERS}"
            )
