"""Compare what a file declares about a tensor with what the file holds, before an array is made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import FormatError
from .ir.movement import MOST_AXES, MOST_ENTRIES
from .ir.values import Shape
from .reading.limits import check_count


def declared_shape(sizes: Sequence[int]) -> Shape:
    """The shape with these sizes, all of which are known; FormatError where no array can have it."""
    check_count(len(sizes), MOST_AXES, "axes in a shape")
    shape = tuple(sizes)
    # NumPy refuses sizes whose product overflows, even if one of them is 0.
    if min(shape, default=0) < 0 or math.prod(max(size, 1) for size in shape) > MOST_ENTRIES:
        raise FormatError(f"its shape {shape} is none; the file is damaged")
    return shape


def check_size(kind: str, stored: str, shape: Shape, held: int) -> None:
    """Raise FormatError unless a file holds as many bytes as a shape of entries of the dtype `stored` takes.

    kind : what messages call the type `stored`.
    """
    needed = math.prod(shape) * np.dtype(stored).itemsize
    if held != needed:
        raise FormatError(
            f"{kind} of shape {shape} takes {needed} bytes, the file holds {held} for it; it is truncated or damaged"
        )
