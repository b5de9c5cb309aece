"""Weights as .h5 files of whole models and of Keras 1 and 2 list them: for each outermost layer, names in a certain order.

The attribute `layer_names` lists the outermost layers, and `weight_names` of a layer's group lists its arrays. Keras finds both
by order and never by name, since names change when a model is built again. The arrays that are trained come first, in the order
of the layers, then those that are not.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ...errors import FormatError
from ..reading.hdf5 import Group
from ..reading.hdf5_array import Array
from ..reading.limits import MOST_NAME, check_count
from .config import INNER_OPTIONS, Config, inner_layer, is_model
from .variables import variables

Path = tuple[str, ...]
"""The names of the models around a layer, outermost first, and its own. One of INNER_OPTIONS at the end is a layer within it."""

LAYER_NAMES, WEIGHT_NAMES = "layer_names", "weight_names"


class Listing:
    """All arrays of such a file, by the layer that each belongs to."""

    def __init__(self, model: Config, group: Group) -> None:
        """`group` holds the arrays of `model`, whose config is that of Keras 3."""
        self._layers, self._group = model["config"]["layers"], group

    @cached_property
    def arrays(self) -> dict[Path, list[Array]]:
        """The arrays by layer. They are found only when first needed: by then, every layer is known to be one of Keras's own."""
        owners = [(entry["config"]["name"], owned) for entry in self._layers if (owned := _owners(entry, ()))]
        held = [(name, names) for name in layer_names(self._group) if (names := weight_names(self._group, name))]
        if len(owners) != len(held):
            raise FormatError(
                f"the config has {len(owners)} layers with weights ({_listed(name for name, _ in owners)}), the file holds those "
                f"of {len(held)} ({_listed(name for name, _ in held)}); was the model built (called once) before it was saved?"
            )
        found: dict[Path, list[Array]] = {}
        for (layer, owned), (name, names) in zip(owners, held, strict=True):
            if len(owned) != len(names):
                if len(set(owned)) > 1:
                    raise FormatError(
                        f"layer {layer!r}: the layers in it take {len(owned)} weight arrays, the file holds {len(names)}"
                    )
                owned = owned[:1] * len(names)  # the reader of that one layer reports which arrays it should have
            for path, array in zip(owned, listed_arrays(self._group, name, names), strict=True):
                found.setdefault(path, []).append(array)
        return found


class ListedWeights:
    """The arrays of one layer or model of a listing."""

    def __init__(self, listing: Listing, path: Path = ()) -> None:
        self._listing, self._path = listing, path

    def layer(self, name: str, stem: str, rank: int) -> ListedWeights:
        """The weights of the inner layer called `name`."""
        return ListedWeights(self._listing, (*self._path, name))

    def inner(self, option: str) -> ListedWeights:
        """The weights of the layer that is one of this layer's options."""
        return ListedWeights(self._listing, (*self._path, option))

    def shapes(self) -> list[tuple[int, ...]]:
        """The declared shapes of the layer's arrays."""
        return [array.shape for array in self._arrays()]

    def arrays(self) -> list[np.ndarray]:
        """The layer's arrays."""
        return [array.read() for array in self._arrays()]

    def _arrays(self) -> list[Array]:
        return self._listing.arrays.get(self._path, [])


def is_listing(group: Group) -> bool:
    """Whether a group of weights lists its layers."""
    return group.texts(LAYER_NAMES) is not None


def layer_names(group: Group) -> list[str]:
    """The outermost layers that a group of weights lists; FormatError if it lists none."""
    names = _names(group, LAYER_NAMES)
    if names is None:
        raise FormatError(f"{group.name} does not list its layers in an attribute {LAYER_NAMES}, as Keras 1 and later do")
    return names


def weight_names(group: Group, layer: str) -> list[str]:
    """The names of one layer's arrays, in order."""
    found = group.group(*layer.split("/"))
    return [] if found is None else _names(found, WEIGHT_NAMES) or []


def _names(group: Group, attribute: str) -> list[str] | None:
    """The names that an attribute lists; FormatError if one is longer than any real name, since it would stand in many paths."""
    names = group.texts(attribute)
    check_count(max(map(len, names or ()), default=0), MOST_NAME, f"letters in a name in {attribute}")
    return names


def listed_arrays(group: Group, layer: str, names: list[str]) -> list[Array]:
    """The arrays called `names` of one layer; FormatError where one is missing."""
    return [group.array(f"{layer}/{name}") for name in names]


def _owners(entry: Config, around: Path) -> list[Path]:
    """The layer that each array belongs to; those of trained arrays come first."""
    trained, fixed = _split_owners(entry, around, entry["config"]["name"])
    return trained + fixed


def _split_owners(entry: Config, around: Path, name: str) -> tuple[list[Path], list[Path]]:
    """The layers that the trained arrays belong to, and those that the other arrays do, both in the order of the layers."""
    path, config = (*around, name), entry["config"]
    trained, fixed = ([path] * count for count in variables(entry))
    for inner, inner_name in _inner(entry):
        more_trained, more_fixed = _split_owners(inner, path, inner_name)
        trained += more_trained
        fixed += more_fixed
    if config.get("trainable", True):
        return trained, fixed
    if is_model(entry) and trained:
        raise FormatError(
            f"model {name!r} is frozen but layers in it are not, and versions of Keras list the weights of such a model in "
            "different orders; set trainable alike for all of them, or save the model as .keras"
        )
    return [], trained + fixed


def _inner(entry: Config) -> list[tuple[Config, str]]:
    """The layers inside a model or layer, with their names."""
    if is_model(entry):
        return [(inner, inner["config"]["name"]) for inner in entry["config"]["layers"]]
    if entry["class_name"] == "Bidirectional":
        forward = entry["config"]["layer"]
        return [(forward, "forward_layer"), (entry["config"].get("backward_layer") or forward, "backward_layer")]
    options = ((inner_layer(entry["config"], option), option) for option in INNER_OPTIONS)
    return [(inner, option) for inner, option in options if inner is not None]


def _listed(names: Any, most: int = 10) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:most]) + ", ..." * (len(shown) > most) or "none"
