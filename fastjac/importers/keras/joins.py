"""What Keras's merging layers become: Add, Concatenate and the like, which take several tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import prod

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...layers import joins as fj
from ..reading.limits import EXPANSION_FLOOR, check_count
from .config import Entry, SampleShape
from .recipe import TAKEN_UNIT, Layers, Recipe
from .shapes import sample_axis, units

Shapes = Sequence[SampleShape | None]
Merge = Callable[[Entry, Shapes], Recipe]


def add(entry: Entry, shapes: Shapes) -> Recipe:
    """`a + b + ...`."""
    return joined(fj.Add(), shapes)


def subtract(entry: Entry, shapes: Shapes) -> Recipe:
    """`a - b`."""
    if len(shapes) != 2:
        raise FormatError(f"it subtracts two tensors, and is called on {len(shapes)}")
    (first, second), shape = aligned(shapes)
    return Recipe((first, (*second, fl.Scale(-1.0))), fj.Add(), (), shape)


def average(entry: Entry, shapes: Shapes) -> Recipe:
    """`(a + b + ...) / n` of n tensors."""
    return joined(fj.Add(), shapes, (fl.Scale(1.0 / len(shapes)),))


def concatenate(entry: Entry, shapes: Shapes) -> Recipe:
    """The entries of all tensors along one axis, one tensor after another."""
    ranks = {1 if shape is None else len(shape) for shape in shapes}
    if len(ranks) != 1:
        raise FormatError(f"it concatenates tensors of different rank, with samples of shapes {_listed(shapes)}")
    axis = sample_axis(entry.config["axis"], shapes[0])
    known = [shape or (None,) for shape in shapes]
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in known}) != 1:
        raise FormatError(f"it concatenates along axis {axis + 1} samples of shapes {_listed(shapes)}, which differ in others")
    sizes = [shape[axis] for shape in known]
    size = None if None in sizes else sum(sizes)  # type: ignore[arg-type]
    shape = (*known[0][:axis], size, *known[0][axis + 1 :])
    after = () if all(one == 1 for one in shape[:axis]) else _interleaved(shapes, axis)
    return _recipe(((),) * len(shapes), fj.Concatenate(), after, shape)


def _interleaved(shapes: Shapes, axis: int) -> Layers:
    """The units of flattened samples that lie one after another, in the order in which Keras flattens what it concatenates."""
    numbers, first = [], 0
    for shape in shapes:
        size = checked_units(shape, shapes)
        numbers.append(first + np.arange(size).reshape(shape))  # type: ignore[arg-type]
        first += size
    check_count(first, EXPANSION_FLOOR // TAKEN_UNIT, "units that a layer takes")
    return (taken(np.concatenate(numbers, axis), first),)


def joined(join: fj.Join, shapes: Shapes, after: Layers = ()) -> Recipe:
    """Tensors joined unit by unit; such as are smaller are spread, as NumPy broadcasts samples."""
    before, shape = aligned(shapes)
    return _recipe(before, join, after, shape)


def _recipe(before: tuple[Layers, ...], join: fj.Join, after: Layers, shape: SampleShape | None) -> Recipe:
    if not before:
        raise FormatError("it joins tensors, and is called on none")
    return Recipe(before, join if len(before) > 1 else None, after, shape)


def aligned(shapes: Shapes) -> tuple[tuple[Layers, ...], SampleShape | None]:
    """What brings each of several samples to the shape that they have together, and that shape."""
    if len(set(shapes)) <= 1:
        return ((),) * len(shapes), shapes[0] if shapes else None
    for shape in shapes:
        checked_units(shape, shapes)
    columns = list(zip_longest(*((shape or ())[::-1] for shape in shapes), fillvalue=1))[::-1]
    target: SampleShape = tuple(max(column) for column in columns)  # type: ignore[type-var]
    if any(size not in (1, most) for column, most in zip(columns, target, strict=True) for size in column):
        raise FormatError(f"samples of shapes {_listed(shapes)} do not fit together")
    checked_units(target, shapes)
    return tuple(_spread(shape, target) for shape in shapes), target


def _spread(shape: SampleShape | None, target: SampleShape) -> Layers:
    size = prod(shape or ())  # type: ignore[arg-type]
    if size == prod(target):  # type: ignore[arg-type]
        return ()
    return (taken(np.broadcast_to(np.arange(size).reshape(shape or ()), target), size),)  # type: ignore[arg-type]


def taken(numbers: np.ndarray, size: int) -> fj.Take:
    """The units with these numbers of a flattened sample, whose own number is `size`."""
    return fj.Take(tuple(numbers.ravel().tolist()), size)


def checked_units(shape: SampleShape | None, shapes: Shapes) -> int:
    """The number of units of a sample; UnsupportedLayerError where it is open, FormatError where it is too large."""
    size = units(shape)
    if size is None:
        raise UnsupportedLayerError(
            f"it joins samples of shapes {_listed(shapes)}, of which not all sizes are known; pass input_shape to "
            "fastjac.from_keras, with the model live in Keras"
        )
    check_count(size, EXPANSION_FLOOR // TAKEN_UNIT, "units in a tensor that is spread")
    return size


def _listed(shapes: Shapes) -> str:
    return ", ".join(map(str, shapes[:10])) + ", ..." * (len(shapes) > 10)


MERGES: dict[str, Merge] = {
    "Add": add,
    "Subtract": subtract,
    "Multiply": lambda entry, shapes: joined(fj.Multiply(), shapes),
    "Average": average,
    "Maximum": lambda entry, shapes: joined(fj.Maximum(), shapes),
    "Minimum": lambda entry, shapes: joined(fj.Minimum(), shapes),
    "Concatenate": concatenate,
}
"""Every merging layer that fastjac reads, by class name."""
