"""What is known, without any input, of the tensor that runs through a forward, and of its shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ...layers import Layer


@dataclass(frozen=True)
class Sample:
    """The tensor that runs through the chain: a batch of samples.

    width : the features of one sample; None where no layer has told them yet.
    axes : the axes of one sample: 1 after a reshape has told it, 0 for a bare number, None where nothing tells.
    """

    width: int | None = None
    axes: int | None = None

    def after(self, layers: Sequence[Layer]) -> Sample:
        """What comes out of the layers."""
        widths = [layer.n_out for layer in layers if layer.n_out is not None]
        return replace(self, width=widths[-1]) if widths else self


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
