"""Every layer that a network can hold: a class declares itself here once, and all lists of names follow from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

from .base import Layer

LAYERS: dict[str, type[Layer]] = {}
"""The layers by name, in the order of their declaration. Files store these names, and errors list them."""

Declared = TypeVar("Declared", bound=Layer)


@dataclass_transform(eq_default=False, frozen_default=True)
def layer(cls: type[Declared]) -> type[Declared]:
    """Declare a class as a layer that networks can hold and files can store: a frozen dataclass, exported by its name."""
    made = dataclass(frozen=True, eq=False, repr=False)(cls)
    LAYERS[cls.__name__] = made
    return made


def declared_in(module: str) -> list[str]:
    """The names of the layers that a module has declared: its `__all__`."""
    return [name for name, cls in LAYERS.items() if cls.__module__ == module]
