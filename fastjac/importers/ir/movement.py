"""Operations that move entries about and compute nothing: shapes, axes, slices, copies.

Each applies one function of NumPy to constants, and to tensors that depend on the network's inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..reading.limits import MOST_LAYERS, check_count
from .account import shared, spend, spend_places
from .values import (
    Constant,
    Flow,
    Shape,
    Value,
    computed,
    constant,
    moved,
    size_of,
)

MOST_AXES = 16
MOST_ENTRIES = 1 << 60
"""More entries than any array has; the sizes of a file's own shapes are multiplied as Python's integers."""


def checked_axis(axis: int, rank: int) -> int:
    """An axis counted from 0; FormatError where it is none of `rank` axes."""
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} is none of a value of {rank} axes; the file is damaged")
    return axis % rank


def checked_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from 0; FormatError where one is none of `rank` axes, or is named twice."""
    found = tuple(checked_axis(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise FormatError(f"axes {tuple(axes)} name an axis twice")
    return found


# Shapes


def reshape(value: Value, sizes: Value | Sequence[int], *, zero_keeps: bool = False) -> Value:
    """The same entries in another shape, where -1 stands for what is left, and 0 for the old size if `zero_keeps`."""

    def reshaped(array: np.ndarray, shape: np.ndarray) -> np.ndarray:
        return array.reshape(_resolved(array.shape, tuple(np.ravel(shape).tolist()), zero_keeps))

    return moved(reshaped, value, _as_value(sizes))


def _resolved(shape: Shape, wanted: tuple[int, ...], zero_keeps: bool) -> Shape:
    check_count(len(wanted), MOST_AXES, "axes in a shape")
    sizes = [shape[i] if size == 0 and zero_keeps and i < len(shape) else size for i, size in enumerate(wanted)]
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known > 0:
        sizes[sizes.index(-1)] = math.prod(shape) // known
    if any(size < 0 for size in sizes) or math.prod(sizes) != math.prod(shape):
        raise FormatError(
            f"a value of shape {shape} cannot take the shape {wanted}; if a batch size is fixed in it, export the model "
            "with a batch of 1 or a symbolic batch"
        )
    return tuple(sizes)


def flatten(value: Value, axis: int = 1) -> Value:
    """The same entries along two axes: the axes before `axis` become one, and the rest another."""

    def flattened(array: np.ndarray) -> np.ndarray:
        first = axis if axis == array.ndim else checked_axis(axis, array.ndim)
        return array.reshape(math.prod(array.shape[:first]), math.prod(array.shape[first:]))

    return moved(flattened, value)


def squeeze(value: Value, axes: Sequence[int] | None = None) -> Value:
    """The same entries without some axes, each of size 1; without all such axes where none are named."""

    def squeezed(array: np.ndarray) -> np.ndarray:
        ones = [axis for axis, size in enumerate(array.shape) if size == 1]
        gone = ones if axes is None else checked_axes(axes, array.ndim)
        if any(array.shape[axis] != 1 for axis in gone):
            raise FormatError(f"axes {tuple(gone)} of shape {array.shape} are not all of size 1, so they cannot be squeezed")
        return array.reshape([size for axis, size in enumerate(array.shape) if axis not in gone])

    return moved(squeezed, value)


def unsqueeze(value: Value, axes: Sequence[int]) -> Value:
    """The same entries with a new axis of size 1 at each of these places, counted in the new shape."""

    def unsqueezed(array: np.ndarray) -> np.ndarray:
        rank = array.ndim + len(axes)
        check_count(rank, MOST_AXES, "axes in a value")
        new = checked_axes(axes, rank)
        old = iter(array.shape)
        return array.reshape([1 if axis in new else next(old) for axis in range(rank)])

    return moved(unsqueezed, value)


def transpose(value: Value, order: Sequence[int] | None = None) -> Value:
    """The axes in another order; reversed where none is given."""

    def transposed(array: np.ndarray) -> np.ndarray:
        if order is not None and sorted(order) != list(range(array.ndim)):
            raise FormatError(f"perm={tuple(order)} is no order of {array.ndim} axes")
        return array.transpose(order)

    return _turned(transposed, value, order)


def swap_axes(value: Value, first: int, second: int) -> Value:
    """Two axes exchanged."""

    def swapped(array: np.ndarray) -> np.ndarray:
        return array.swapaxes(checked_axis(first, array.ndim), checked_axis(second, array.ndim))

    return _turned(swapped, value, (first, second))


def _turned(function: Callable[[np.ndarray], np.ndarray], value: Value, axes: Sequence[int] | None) -> Value:
    """What a function makes of a tensor. The same constant gives the same object, so that several operations share one layer."""
    if isinstance(value, Flow):
        return moved(function, value)
    return shared((function.__name__, value, axes and tuple(axes)), lambda: moved(function, value))


def shape_of(value: Value, start: int = 0, end: int | None = None) -> Constant:
    """The sizes of the axes from `start` on and before `end`."""
    return computed(lambda array: np.array(array.shape[start:end], np.int64), value)


def count_of(value: Value) -> Constant:
    """The number of entries."""
    return computed(lambda array: np.array(array.size, np.int64), value)


def number_range(start: Value, limit: Value, step: Value) -> Constant:
    """Numbers from `start`, each `step` more than the one before, as far as they are before `limit`."""

    def numbers(first: np.ndarray, end: np.ndarray, by: np.ndarray) -> np.ndarray:
        count = max(math.ceil((end.item() - first.item()) / by.item()), 0)
        spend(count)
        return (first + np.arange(count) * by).astype(first.dtype)

    return computed(numbers, start, limit, step)


# Pieces and copies


def slice_(value: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None) -> Value:
    """The entries from `starts` on and before `ends` along some axes, all by default."""

    if any(isinstance(operand, Flow) for operand in (starts, ends, axes, steps)):
        raise UnsupportedLayerError("it starts or ends where the network's input says; fastjac takes constant places")

    def sliced(array: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        first, last = (np.ravel(numbers).tolist() for numbers in operands[:2])
        rest = iter(operands[2:])
        along = range(len(first)) if axes is None else checked_axes(np.ravel(next(rest)).tolist(), array.ndim)
        by = [1] * len(first) if steps is None else np.ravel(next(rest)).tolist()
        index = [slice(None)] * array.ndim
        for axis, start, end, step in zip(along, first, last, by, strict=True):
            # No number means "before the first entry" to NumPy where a slice runs backwards.
            stop = None if step < 0 and end < -array.shape[axis] else end
            index[axis] = slice(start, stop, step)
        return array[tuple(index)]

    return moved(sliced, value, *(operand for operand in (starts, ends, axes, steps) if operand is not None))


def part(value: Value, axis: int, start: int, end: int) -> Value:
    """The entries from `start` on and before `end` along one axis."""
    return slice_(value, *(constant(np.array([number])) for number in (start, end, axis)))


def split(value: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """Pieces of these sizes along one axis."""
    along = checked_axis(axis, len(value.shape))
    if sum(sizes) != value.shape[along] or any(size < 0 for size in sizes):
        raise FormatError(f"it splits {value.shape[along]} entries along axis {along} into {list(sizes)[:10]}")
    ends = np.cumsum(sizes).tolist()
    return [part(value, along, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def entry(value: Value, axis: int, number: int) -> Value:
    """The entries at one place of an axis, without that axis."""
    return squeeze(part(value, axis, number, number + 1), [axis])


def unstack(value: Value, axis: int) -> list[Value]:
    """The tensors that lie one after another along an axis, without that axis."""
    return [entry(value, axis, number) for number in range(value.shape[checked_axis(axis, len(value.shape))])]


def even_sizes(whole: int, parts: int) -> list[int]:
    """The sizes of `parts` equal pieces of a whole; the last pieces may be smaller."""
    check_count(parts, MOST_LAYERS, "parts")
    each = -(-whole // parts)
    return [max(0, min(each, whole - i * each)) for i in range(parts)]


def refuse_computed(indices: Value) -> None:
    """Raise UnsupportedLayerError unless the numbers of the entries that are picked are constant."""
    if isinstance(indices, Flow):
        raise UnsupportedLayerError("it picks entries by numbers that depend on the network's input; fastjac takes constant ones")


def gather(value: Value, indices: Value, axis: int = 0) -> Value:
    """The entries at some numbers along one axis; negative numbers count from the end."""
    refuse_computed(indices)
    along = checked_axis(axis, len(value.shape))
    spend_moved(value, value.alone.size // max(value.shape[along], 1) * indices.alone.size)

    def gathered(array: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return np.take(array, numbers.astype(np.int64, casting="same_kind"), axis=along)

    return moved(gathered, value, indices)


def picked(value: Value, numbers: Sequence[np.ndarray | None]) -> Value:
    """The entries at some places, by a list of numbers for each of the first axes, as in NumPy; None takes a whole axis."""
    rank = len(value.shape)
    lists = {axis: one for axis, one in enumerate(numbers) if one is not None}
    if len(numbers) > rank:
        raise FormatError(f"it picks entries by {len(numbers)} axes of a value of {rank} axes; the file is damaged")
    try:
        count = size_of(np.broadcast_shapes(*(one.shape for one in lists.values())))
    except ValueError as error:
        raise FormatError(f"its lists of places do not go together: {error}") from error
    spend_moved(value, count * size_of(tuple(size for axis, size in enumerate(value.shape) if axis not in lists)))
    index = tuple(slice(None) if one is None else one.astype(np.int64, casting="same_kind") for one in numbers)
    return moved(lambda array: array[index], value)


def gather_elements(value: Value, indices: Value, axis: int = 0) -> Value:
    """For each place of `indices`, the entry whose number along one axis stands there."""
    refuse_computed(indices)
    along = checked_axis(axis, len(value.shape))
    spend_moved(value, indices.alone.size)

    def gathered(array: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return np.take_along_axis(array, np.where(numbers < 0, numbers + array.shape[along], numbers), along)

    return moved(gathered, value, indices)


def expand(value: Value, sizes: Value | Sequence[int]) -> Value:
    """The value spread over the shape `sizes`, which itself is first spread over that of the value."""

    def expanded(array: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        target = tuple(np.ravel(wanted).tolist())
        check_count(len(target), MOST_AXES, "axes in a shape")
        shape = np.broadcast_shapes(array.shape, target)
        spend(size_of(shape))
        return np.broadcast_to(array, shape)

    return moved(expanded, value, _as_value(sizes))


def tile(value: Value, repeats: Value | Sequence[int]) -> Value:
    """The value, copied so many times along each axis."""

    def tiled(array: np.ndarray, counts: np.ndarray) -> np.ndarray:
        times = np.ravel(counts).tolist()
        check_count(len(times), MOST_AXES, "axes in a list of repeats")
        spend(array.size * math.prod(max(1, number) for number in times))
        return np.tile(array, times)

    return moved(tiled, value, _as_value(repeats))


def flip(value: Value, axes: Sequence[int]) -> Value:
    """The value with its entries in reverse along some axes."""
    return moved(lambda array: np.flip(array, checked_axes(axes, array.ndim)), value)


def spend_moved(value: Value, entries: int) -> None:
    """Count entries that are made of a tensor by moving its own."""
    if isinstance(value, Flow):
        spend_places(entries, value.samples)
    else:
        spend(entries)


def _as_value(sizes: Value | Sequence[int]) -> Value:
    if isinstance(sizes, Flow):
        raise UnsupportedLayerError("a shape depends on the network's input; fastjac takes shapes that are constant")
    return sizes if isinstance(sizes, Constant) else constant(np.array(sizes, np.int64))
