"""The shapes of samples at a model's inputs, from the model and from what the user adds."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...arguments import positive_count
from ...errors import DtypeError, LayerError
from .config import SampleShape

Shape = SampleShape | None


def resolved(shapes: Sequence[Shape], given: Any) -> list[Shape]:
    """The shape at each input, with its open sizes filled by what the user gives: None, a size or shape, or one for each input.

    Raises LayerError where that does not fit the model.
    """
    if given is None:
        return list(shapes)
    is_list = isinstance(given, (list, tuple))
    each = given if is_list and (len(shapes) > 1 or any(isinstance(one, (list, tuple)) for one in given)) else [given]
    if len(each) != len(shapes):
        raise LayerError(
            f"input_shape must be a list with a size or shape for each of the model's {len(shapes)} inputs, got {given!r}"
        )
    return [shape if one is None else _checked(shape, one) for shape, one in zip(shapes, each, strict=True)]


def _checked(shape: Shape, given: Any) -> Shape:
    sizes = tuple(_size(size) for size in (given if isinstance(given, (list, tuple)) else [given]))
    found = filled(shape, sizes[0]) if len(sizes) == 1 else sizes
    stated = found if shape is None else shape
    if prod(sizes) != prod(found) or [size or other for size, other in zip(stated, found, strict=False)] != list(found):
        held = f"{prod(found)} entries" if None not in stated else f"samples of shape {shape}"
        raise LayerError(f"input_shape={given!r} was given, but the model's input has {held}; leave input_shape out")
    return found


def filled(shape: Shape, size: int) -> tuple[int, ...]:
    """The shape with its first open size filled so that it holds `size` entries, as near as may be; other open sizes are 1."""
    if shape is None:
        return (size,)
    known = prod(one for one in shape if one is not None)
    first = shape.index(None) if None in shape else None
    return tuple(max(1, size // known) if axis == first else one or 1 for axis, one in enumerate(shape))


def _size(value: Any) -> int:
    size = positive_count(value, "input_shape")
    if size is None:
        raise DtypeError("input_shape must hold positive integers, got None")
    return size
