"""What an importer gives back: a network, and what became of each layer of the model that it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import LayerError
from ..graphs.blocks import Item
from ..graphs.nodes import Input, Node
from ..layers import Layer, Scale
from ..network import Network
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count

NOTHING_LEFT = (
    "no layer is left: what does nothing at inference, such as dropout, flatten or identity, falls away, and a network takes at "
    "least one layer"
)


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


def assemble(
    parts: Iterable[Part],
    n_in: int | None,
    call: str,
    widest: np.dtype | None = None,
    items: Sequence[Layer | Item] | None = None,
) -> Imported:
    """The network of a model's parts; `call` shows how the user would pass n_in.

    items : the layers of the parts in a row, with blocks of them; by default the layers alone.
    widest : the precision of the widest part of the model, where the arrays in its layers do not show it.

    Raises LayerError where no layer is left, where nothing states the number of inputs, or where the layers do not chain;
    FormatError where there are more layers, or more units in one, than fastjac imports.
    """
    kept = tuple(parts)
    layers = check_layers(kept)
    if n_in is None and all(layer.n_in is None for layer in layers):
        raise LayerError(f"no layer states how many inputs the network has; pass it: {call}")
    check_count(max([n_in or 0, *(layer.n_in or 0 for layer in layers)]), MOST_UNITS, "units in a layer")
    return Imported(Network(layers if items is None else items, n_in=n_in, dtype=widest), kept)


def assemble_graph(
    inputs: Sequence[Node], outputs: Sequence[Node], parts: Iterable[Part], widest: np.dtype | None = None
) -> Imported:
    """The network that leads from inputs to outputs; `widest` as for `assemble`.

    An output that is an input, or that is another output again, becomes a node of its own.

    Raises LayerError where an input reaches no output.
    """
    own: list[Node] = []
    for node in outputs:
        own.append(Scale()(node) if isinstance(node, Input) or node in own else node)
    return Imported(Network(inputs=inputs, outputs=own, dtype=widest), tuple(parts))


def check_layers(parts: Iterable[Part]) -> list[Layer]:
    """The layers of all parts; LayerError where there is none, FormatError where there are more than fastjac imports."""
    layers = [layer for part in parts for layer in part.layers]
    if not layers:
        raise LayerError(NOTHING_LEFT)
    check_count(len(layers), MOST_LAYERS, "layers")
    return layers
