"""What is known of the tensors that a forward computes from its inputs, and of their shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ...layers import Layer
from ...nodes import Node


@dataclass(eq=False)
class Features:
    """How many features samples have: None until a layer states it.

    are_an_inputs : whether they are those of an input, passed on by layers that take any number.
    """

    count: int | None = None
    are_an_inputs: bool = False


@dataclass(frozen=True)
class Sample:
    """A tensor that depends on the inputs: a batch of samples.

    features : how many one sample has; samples of equally many, whatever that number is, share this object.
    axes : of one sample: 1 after a reshape has stated it, 0 for a bare number, None where nothing states it.
    node : what records how the network computes it; None while the size of an input is not known.
    mixing : the step, if any, that acted along one of perhaps several axes; "" if none did.
    """

    features: Features
    axes: int | None = None
    node: Node | None = None
    mixing: str = ""

    @property
    def width(self) -> int | None:
        """The number of features, if it is known."""
        return self.features.count

    @property
    def is_vague(self) -> bool:
        """Whether nothing but the size of an input will tell the number of features."""
        return self.node is None and self.features.count is None and not self.features.are_an_inputs

    def after(self, layers: Sequence[Layer]) -> Sample:
        """What comes out of the layers."""
        features, node = self.features, self.node
        for layer in layers:
            if layer.n_in is not None and features.count is None:
                features.count = layer.n_in
            if node is not None:
                node = layer(node)
            if layer.n_out is not None:
                features = Features(layer.n_out)
        return replace(self, features=features, node=node)


def combined(record: Callable[..., Node], samples: Sequence[Sample], axes: int | None) -> Sample:
    """What `record` makes of the nodes of samples; vague while these are not known."""
    nodes = [sample.node for sample in samples]
    mixing = next((sample.mixing for sample in samples if sample.mixing), "")
    if None in nodes:
        return Sample(Features(), axes, None, mixing)
    node = record(*nodes)
    return Sample(Features(node.size), axes, node, mixing)


class Size(Enum):
    """A number that a forward takes from a shape and that is not known without an input."""

    BATCH = "the size of the batch"
    UNKNOWN = "a number computed from shapes"


@dataclass(frozen=True)
class Shape:
    """The shape of a tensor, which fastjac takes to have two axes where no reshape tells."""

    sample: Sample

    def __getitem__(self, index: Any) -> Any:
        if index in (slice(1, None), slice(-1, None)):
            return (self[-1],)
        if index == 0:
            return Size.BATCH
        known = index in (1, -1) and self.sample.width is not None
        return self.sample.width if known else Size.UNKNOWN
