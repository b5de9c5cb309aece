"""What becomes of one call of a Keras layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...layers import Layer
from ...layers.joins import Join, Pairwise, Take
from ...nodes import Node
from .config import SampleShape

Layers = tuple[Layer, ...]
TAKEN_UNIT = 32
"""Bytes that the number of a unit takes in a Take."""


@dataclass(frozen=True)
class Recipe:
    """Layers behind each tensor that the call takes, the join of what they give, and layers behind that.

    join : None for a call that takes one tensor.
    shape : of one sample of what the call gives.
    """

    before: tuple[Layers, ...]
    join: Join | None
    after: Layers
    shape: SampleShape | None

    @property
    def layers(self) -> Layers:
        """All of them, in the order in which they compute."""
        joins = () if self.join is None else (self.join,)
        return (*(layer for layers in self.before for layer in layers), *joins, *self.after)

    @property
    def nbytes(self) -> int:
        """How much memory they take."""
        arrays = sum(array.nbytes for layer in self.layers for array in layer.arrays.values())
        return arrays + sum(TAKEN_UNIT * (len(layer.index) + layer.size) for layer in self.layers if isinstance(layer, Take))

    def record(self, nodes: Sequence[Node]) -> Node:
        """The node that the call makes of others."""
        operands = [_recorded(layers, node) for layers, node in zip(self.before, nodes, strict=True)]
        return _recorded(self.after, operands[0] if self.join is None else _joined(self.join, operands))


def of_layers(layers: Iterable[Layer], shape: SampleShape | None) -> Recipe:
    """That of a call which takes one tensor."""
    return Recipe(((),), None, tuple(layers), shape)


def _recorded(layers: Layers, node: Node) -> Node:
    for layer in layers:
        node = layer(node)
    return node


def _joined(join: Join, nodes: Sequence[Node]) -> Node:
    if not isinstance(join, Pairwise):
        node: Node = join(*nodes)
        return node
    first, *others = nodes
    for other in others:
        first = join(first, other)
    return first
