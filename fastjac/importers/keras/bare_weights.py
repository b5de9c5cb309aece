"""Weights of Keras without a config, and the list of layers that the user knows.

The weights become a state dict as torch would have it, with kernels transposed. Names in the list mean what Keras means by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DtypeError, FormatError, OptionError
from .. import state_dict
from ..entries import all_entries, name_of, translated
from ..groups import Group as StateGroup
from ..groups import groups_in_order
from ..located import located
from ..options import Options
from ..parts import Imported, Part
from ..reading.hdf5 import Group
from ..reading.hdf5_array import Array
from ..reading.limits import MOST_LAYERS, MOST_NAME, MOST_NESTING, check_count
from .activations import ACTIVATIONS
from .weight_lists import is_listing, layer_names, listed_arrays, weight_names
from .weight_tree import VARIABLES, number_of, stem_of

FIELDS: dict[str, dict[int, tuple[str, ...]]] = {
    "affine": {1: ("weight",), 2: ("weight", "bias")},
    "batch_norm": {2: ("running_mean", "running_var"), 4: ("weight", "bias", "running_mean", "running_var")},
    "layer_norm": {2: ("weight", "bias")},
    "rms_norm": {1: ("weight",)},
    "prelu": {1: ("weight",)},
}
"""For each entry of a list of layers that takes arrays, the names of the arrays by how many there are. Where there are more or
fewer, nobody knows which array is missing."""

STEMS = {
    "affine": "dense",
    "batch_norm": "batch_normalization",
    "layer_norm": "layer_normalization",
    "rms_norm": "rms_normalization",
    "prelu": "p_re_lu",
}
"""For each of these entries Keras's class, as files spell it."""

EPSILONS = {"batch_norm": 1e-3, "layer_norm": 1e-3, "rms_norm": 1e-6}
"""The eps that Keras gives a normalization by default."""
AMBIGUOUS = {
    "leaky_relu": "the slope is 0.2 by name in Keras, 0.3 in its layer; write fastjac.LeakyReLU(slope)",
    "hard_sigmoid": "the slope is 1/6 in Keras 3, which is fastjac.HardSigmoid(), and 0.2 before; for that, pass config instead",
}
"""Names of activations that leave open what is meant."""


@dataclass(frozen=True)
class WeightGroup:
    """The arrays of one layer; its name is their place in the file."""

    name: str
    arrays: tuple[Array, ...]

    @property
    def container(self) -> str:
        """The group around it."""
        return self.name.rpartition("/")[0]

    @property
    def stem(self) -> str:
        """The class that its own name states, in snake case."""
        return stem_of(self.name.rpartition("/")[2])

    @property
    def key(self) -> tuple[str, str, int]:
        """The key by which groups are sorted: container, class and number."""
        return self.container, self.stem, number_of(self.name)


def weight_groups(root: Group) -> list[WeightGroup]:
    """Every group of weights in a file, in the order that the file lists, or else of class and number; FormatError if none."""
    found = list(_listed(root)) if is_listing(root) else sorted(_filed(root), key=lambda group: group.key)
    if not found:
        raise FormatError(f"it is no Keras file with weights; it holds {', '.join(root.names()[:10]) or 'nothing'}")
    return found


def summary(groups: Sequence[WeightGroup], most: int = 6) -> str:
    """The groups with the shapes of their arrays."""
    shown = [f"{group.name} {' '.join(str(array.shape) for array in group.arrays)}" for group in groups[:most]]
    return ", ".join(shown) + f" and {len(groups) - most} more" * (len(groups) > most)


def imported(groups: Sequence[WeightGroup], is_ordered: bool, options: Options) -> Imported:
    """The network of the groups and the layers that `options` list; `is_ordered` says whether the groups have the layers' order.

    Raises OptionError where the order cannot be known, or an entry of the list leaves something open.
    """
    if isinstance(options.layers, str) or not isinstance(options.layers, Sequence):
        raise DtypeError(f'layers must be a list such as ["relu", "softmax"], got {options.layers!r}')
    layers = translated(options.layers, _meaning, "layers")
    given = list(all_entries(layers))
    kinds = [kind for kind in map(_kind, given) if kind is not None] or ["affine"] * len(given)
    used = list(groups) if options.order is None else _named(groups, options.order)
    if len(kinds) != len(used):
        raise FormatError(
            f"layers lists {len(kinds)} layers with weights, there are {len(used)}: {summary(used)}; give one entry for each "
            'affine layer, or name every layer in its place, as in ["affine", "batch_norm", "relu"]'
        )
    if options.order is None and not is_ordered:
        used = _in_order(used, kinds)
    state: dict[str, np.ndarray] = {}
    for group, kind in zip(used, kinds, strict=True):
        with located(f"group {group.name!r}"):
            state |= _fields(group, kind)
    found = state_dict.imported(state, layers, [group.name for group in used], options.n_in)
    left_out = [Part(f"{group.name} (weights)", (), "left out: order does not name it") for group in groups if group not in used]
    return Imported(found.network, (*found.parts, *left_out))


def _named(groups: Sequence[WeightGroup], order: Sequence[str]) -> list[WeightGroup]:
    """The groups that `order` names, in its order."""
    by_name = {group.name: group for group in groups}
    return [by_name[known.name] for known in groups_in_order([StateGroup(name, {}) for name in by_name], order, True)]


def _listed(root: Group) -> Iterator[WeightGroup]:
    """The groups of a file that lists its layers."""
    for layer in layer_names(root):
        if names := weight_names(root, layer):
            yield WeightGroup(layer, tuple(listed_arrays(root, layer, names)))


def _filed(root: Group) -> Iterator[WeightGroup]:
    """The groups of a file that files arrays by class, without those of the optimizer, of metrics and of random seeds."""
    waiting = [("", root)]
    visited = 0
    while waiting:
        path, group = waiting.pop()
        visited += 1
        check_count(visited, MOST_LAYERS, "groups")
        check_count(path.count("/"), MOST_NESTING, "groups within groups")
        check_count(len(path), MOST_NAME, "letters in the path of a group")
        for name in group.names():
            member = group.member(name)
            if isinstance(member, Group) and name != VARIABLES and f"{path}{name}" != "optimizer":
                waiting.append((f"{path}{name}/", member))
        variables = group.group(VARIABLES)
        arrays = () if variables is None else tuple(variables.numbered())
        if any(array.is_float and array.shape for array in arrays):
            yield WeightGroup(path.rstrip("/"), arrays)


def _meaning(entry: Any, place: str) -> Any:
    """An entry of the list, with Keras's meaning, as `from_state_dict` takes it."""
    kind = _kind(entry)
    if kind in EPSILONS:
        return kind, {"eps": EPSILONS[kind], **({} if entry == kind else entry[1])}
    if not isinstance(entry, str):
        return entry
    if entry in AMBIGUOUS:
        raise OptionError(f"{place} {entry!r}: {AMBIGUOUS[entry]}")
    if entry == "linear":
        return "identity"
    return ACTIVATIONS[entry][0] if entry in ACTIVATIONS else entry


def _kind(entry: Any) -> str | None:
    """The name of an entry that takes arrays; None for any other."""
    name = name_of(entry)
    return name if name in FIELDS else None


def _in_order(groups: Sequence[WeightGroup], kinds: Sequence[str]) -> list[WeightGroup]:
    """The groups in the order of the layers: each entry of `kinds` takes the next group of its class by number."""
    waiting = {kind: [group for group in groups if group.stem == stem] for kind, stem in STEMS.items()}
    counts = {kind: kinds.count(kind) for kind in STEMS}
    if len({group.container for group in groups}) > 1 or counts != {kind: len(known) for kind, known in waiting.items()}:
        names = [group.name for group in groups]
        raise OptionError(
            f"the file does not show the order of {names}; pass it from input to output: order={names} if this is it"
        )
    return [waiting[kind].pop(0) for kind in kinds]


def _fields(group: WeightGroup, kind: str) -> dict[str, np.ndarray]:
    """The arrays of a group by the names that a state dict has for them."""
    names = FIELDS[kind].get(len(group.arrays))
    if names is None:
        raise FormatError(
            f"{kind} takes {' or '.join(map(str, FIELDS[kind]))} arrays here, it holds {len(group.arrays)}; "
            "pass config=model.to_json(), which says more"
        )
    arrays = [array.read() for array in group.arrays]
    if kind == "affine":
        arrays[0] = arrays[0].T
    return {f"{group.name}.{name}": array for name, array in zip(names, arrays, strict=True)}
