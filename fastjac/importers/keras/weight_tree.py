"""Weights as Keras 2.12 and later file them: a group for each layer under its class, `layers/dense_1/vars/0`.

model.weights.h5 in a .keras file has this form, and so have .weights.h5 files.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..reading.hdf5 import Group
from ..reading.hdf5_array import Array

LAYERS, OLD_LAYERS = "layers", "_layer_checkpoint_dependencies"
"""The group that holds a model's layers, and what Keras 2.12 and 2.13 called it."""

VARIABLES = "vars"


class TreeWeights:
    """The arrays of one layer in such a file; of a layer that it does not hold, none."""

    def __init__(self, group: Group | None) -> None:
        self._group = group

    def layer(self, name: str, stem: str, rank: int) -> TreeWeights:
        """The weights of the inner layer that is number `rank` of those with the stem `stem`; not all files state its name."""
        layers, old_layers = (self._below(container) for container in (LAYERS, OLD_LAYERS))
        if layers is not None or old_layers is None:
            return TreeWeights(layers and layers.group(f"{stem}_{rank}" if rank else stem))
        slots = self._old_slots.get(stem, [])
        return TreeWeights(old_layers.group(slots[rank]) if rank < len(slots) else None)

    def inner(self, option: str) -> TreeWeights:
        """The weights of the layer that is one of this layer's options; its group has the name of the option."""
        return TreeWeights(self._below(option))

    def shapes(self) -> list[tuple[int, ...]]:
        """The declared shapes of the layer's arrays."""
        return [array.shape for array in self._variables]

    def arrays(self) -> list[np.ndarray]:
        """The layer's arrays."""
        return [array.read() for array in self._variables]

    @cached_property
    def _variables(self) -> list[Array]:
        group = self._below(VARIABLES)
        return [] if group is None else group.numbered()

    @cached_property
    def _old_slots(self) -> dict[str, list[str]]:
        """The groups of each class in the old form, `stem`, `stem_2`, ..., in the order of their numbers.

        Some numbers are left out, since a layer with weights is counted twice.
        """
        old_layers = self._below(OLD_LAYERS)
        slots: dict[str, list[str]] = {}
        for name in sorted([] if old_layers is None else old_layers.names(), key=number_of):
            slots.setdefault(stem_of(name), []).append(name)
        return slots

    def _below(self, name: str) -> Group | None:
        return None if self._group is None else self._group.group(name)


def stem_of(slot: str) -> str:
    """The class name in snake case that begins a group's name."""
    stem, _, number = slot.rpartition("_")
    return stem if stem and number.isdecimal() else slot


def number_of(slot: str) -> int:
    """The number behind the class name, 0 where there is none."""
    number = slot.rpartition("_")[2]
    return int(number) if number.isdecimal() else 0
