"""What an importer gives back: a network, and what became of each layer of the model that it was made of."""

from __future__ import annotations

from dataclasses import dataclass

from ..layers import Layer
from ..network import Network


@dataclass(frozen=True)
class Part:
    """One layer of a model, as its file or framework has it, and what became of it.

    source : how the model calls it, with its kind: "dense_1 (Dense)".
    layers : the fastjac layers that stand for it; none if it does nothing at inference.
    note : what a user may want to know besides, such as what was folded.
    """

    source: str
    layers: tuple[Layer, ...]
    note: str = ""


@dataclass(frozen=True)
class Imported:
    """A network and the parts of the model that it came from, input first."""

    network: Network
    parts: tuple[Part, ...]
