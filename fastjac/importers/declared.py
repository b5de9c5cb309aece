"""What a file declares of a tensor is held against what it holds, before an array is made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import FormatError
from .ir.movement import MOST_AXES, MOST_ENTRIES
from .ir.values import Shape
from .reading.limits import check_count


def declared_shape(sizes: Sequence[int]) -> Shape:
    """A shape, all of whose sizes are known; FormatError where they are none."""
    check_count(len(sizes), MOST_AXES, "axes in a shape")
    shape = tuple(sizes)
    # NumPy takes no sizes whose product is beyond it, even if one is 0.
    if min(shape, default=0) < 0 or math.prod(max(size, 1) for size in shape) > MOST_ENTRIES:
        raise FormatError(f"its shape {shape} is none; the file is damaged")
    return shape


def check_size(kind: str, stored: str, shape: Shape, held: int) -> None:
    """Raise FormatError unless a file holds as many bytes as a shape of entries of the dtype `stored` takes.

    kind : what messages call that type.
    """
    needed = math.prod(shape) * np.dtype(stored).itemsize
    if held != needed:
        raise FormatError(
            f"{kind} of shape {shape} takes {needed} bytes, the file holds {held} for it; it is truncated or damaged"
        )
