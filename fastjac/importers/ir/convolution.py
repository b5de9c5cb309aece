"""Convolution and pooling over small images and sequences; tensors are (batch, channels, places ...).

A convolution is one affine layer on the entries in the window at each place; all places share it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ..reading.limits import check_count
from .account import spend
from .contraction import affine
from .elementwise import add, divide, maximum
from .joining import concatenate, pad, stack
from .movement import MOST_AXES, gather, spend_moved, split
from .values import Flow, Shape, Value, constant, fixed, moved

MOST_WINDOW = 1024
"""How many places the window of a kernel or a pooling may have."""


@dataclass(frozen=True)
class Window:
    """The windows of a kernel or a pooling.

    sizes : how many places a window has along each axis.
    strides, dilations : the steps from one window to the next, and from one place in a window to the next.
    before, behind : how many places are added at the ends of each axis.
    beyond : how many places are added behind these, which no mean counts; none by default.
    """

    sizes: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    before: Sequence[int]
    behind: Sequence[int]
    beyond: Sequence[int] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "beyond", tuple(self.beyond) or (0,) * len(self.sizes))
        lengths = {len(part) for part in (self.sizes, self.strides, self.dilations, self.before, self.behind, self.beyond)}
        if len(lengths) != 1 or min([1, *self.sizes, *self.strides, *self.dilations]) < 1:
            raise FormatError(f"its window {tuple(self.sizes)} with strides {tuple(self.strides)} is none")

    @property
    def reach(self) -> list[int]:
        """How many places lie from the first to the last of a window, along each axis."""
        return reach_of(self.sizes, self.dilations)

    @property
    def ends(self) -> list[int]:
        """How many places are added behind each axis in all."""
        return [behind + beyond for behind, beyond in zip(self.behind, self.beyond, strict=True)]

    @property
    def is_inside(self) -> bool:
        """Whether there are no places but those of the image."""
        return not any((*self.before, *self.ends))

    def over_all(self, places: Shape) -> Window:
        """With one more window along each axis whose last places no window holds, if it starts before the places added behind."""
        beyond = []
        for place, long, stride, before, behind in zip(places, self.reach, self.strides, self.before, self.behind, strict=True):
            missing = (long - place - before - behind) % stride
            last = place + before + behind + missing - long
            beyond.append(missing if last < place + before else 0)
        return replace(self, beyond=beyond)

    def counts(self, places: Shape) -> Shape:
        """How many windows stand along axes of these sizes, where `places` counts those added at the ends."""
        counts = tuple((place - long) // stride + 1 for place, long, stride in zip(places, self.reach, self.strides, strict=True))
        if min(counts, default=1) < 1:
            raise FormatError(f"its window of {tuple(self.sizes)} does not fit an image of {places}")
        return counts

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """The places in a window, in order."""
        return itertools.product(*map(range, self.sizes))

    def at(self, array: np.ndarray, offset: Sequence[int]) -> np.ndarray:
        """The entries at one place of all windows, along the last axes of an array."""
        lead = array.ndim - len(self.sizes)
        counts = self.counts(array.shape[lead:])
        index = [slice(None)] * lead
        for place, step, stride, count in zip(offset, self.dilations, self.strides, counts, strict=True):
            index.append(slice(place * step, place * step + (count - 1) * stride + 1, stride))
        return array[tuple(index)]


def reach_of(sizes: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """How many places lie from the first to the last of a window, along each axis."""
    return [(size - 1) * step + 1 for size, step in zip(sizes, dilations, strict=True)]


def same_padding(
    places: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[list[int], list[int]]:
    """How many places TensorFlow's padding "SAME" adds before and behind each axis; an odd number puts one more behind."""
    ends = zip(places, reach_of(sizes, dilations), strides, strict=True)
    added = [max((-(-place // stride) - 1) * stride + long - place, 0) for place, long, stride in ends]
    return [count // 2 for count in added], [count - count // 2 for count in added]


def window_within(
    places: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int], is_same: bool
) -> Window:
    """Windows on the places of an image alone, or with the padding "SAME"."""
    none = (0,) * len(sizes)
    ends = same_padding(places, sizes, strides, dilations) if is_same else (none, none)
    return Window(sizes, strides, dilations, *ends)


def convolve(value: Value, kernel: Value, bias: Value | None, window: Window, groups: int = 1) -> Value:
    """The convolution with a constant kernel (channels out, channels in / groups, places ...)."""
    weight = fixed(kernel, "kernel")
    shift = None if bias is None else fixed(bias, "bias")
    if (
        groups < 1
        or not 3 <= weight.ndim <= MOST_AXES
        or weight.ndim != len(value.shape)
        or value.shape[1] != weight.shape[1] * groups
    ):
        raise FormatError(f"it convolves a value of shape {value.shape} with a kernel of shape {weight.shape} in {groups} groups")
    if weight.shape[0] % groups or (shift is not None and shift.shape != weight.shape[:1]):
        raise FormatError(f"its kernel of shape {weight.shape} does not fall into {groups} groups, or does not fit its bias")
    patches = stack(_parts(_extended(value, window), window), -1)
    parts = split(patches, 1, [weight.shape[1]] * groups)
    kernels = np.split(weight.reshape(*weight.shape[:2], -1), groups)
    shifts = [None] * groups if shift is None else np.split(shift, groups)
    made = [_convolved(part, one, its) for part, one, its in zip(parts, kernels, shifts, strict=True)]
    return concatenate(made, 1)


def convolve_backwards(
    value: Value, kernel: Value, bias: Value | None, window: Window, longer: Sequence[int], groups: int = 1
) -> Value:
    """A transposed convolution, by the transposed matrix of another: it convolves the image with zeros between its places.

    kernel : (channels in, channels out / groups, places ...).  window : that of the other convolution.
    longer : how many more places the result gets along each axis, which the other convolution leaves out.
    """
    weight = fixed(kernel, "kernel")
    if groups < 1 or not 3 <= weight.ndim <= MOST_AXES or weight.ndim != len(value.shape) or weight.shape[0] % groups:
        raise FormatError(f"it convolves a value of shape {value.shape} with a kernel of shape {weight.shape} in {groups} groups")
    parts = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    turned = np.flip(parts.reshape(-1, *parts.shape[2:]), tuple(range(2, weight.ndim)))
    before = [long - 1 - added for long, added in zip(window.reach, window.before, strict=True)]
    behind = [long - 1 - added + more for long, added, more in zip(window.reach, window.behind, longer, strict=True)]
    spread = Window(window.sizes, [1] * len(before), window.dilations, before, behind)
    return convolve(_with_gaps(value, window.strides), constant(turned), bias, spread, groups)


def _with_gaps(value: Value, strides: Sequence[int]) -> Value:
    """An image whose places lie a stride apart along each axis, with zeros between."""
    for axis, stride in enumerate(strides, 2):
        if stride > 1:
            places = value.shape[axis]
            spend(places * stride)
            at = np.arange((places - 1) * stride + 1)
            behind = [int(other == axis) for other in range(len(value.shape))]
            zeros_last = pad(value, [0] * len(behind), behind, constant(np.float32(0.0)))
            value = gather(zeros_last, constant(np.where(at % stride, places, at // stride)), axis)
    return value


def _convolved(patches: Value, kernel: np.ndarray, bias: np.ndarray | None) -> Value:
    """The products of the windows (batch, channels, places ..., window) with a kernel (channels out, channels, window)."""
    if not isinstance(patches, Flow):
        raise UnsupportedLayerError("it convolves a constant; let the exporter fold constants")
    last = moved(lambda array: np.moveaxis(array, 1, -2).reshape(array.shape[:1] + array.shape[2:-1] + (-1,)), patches)
    assert isinstance(last, Flow)
    spend(kernel.size)
    layer = fl.Affine(kernel.reshape(len(kernel), -1), bias)
    return moved(lambda array: np.moveaxis(array, -1, 1), affine(last, layer))


def max_pool(value: Value, window: Window) -> Value:
    """The largest entry of each window; the places beyond the ends do not count."""
    if window.is_inside:
        return functools.reduce(maximum, _parts(value, window))
    _check(value, window)
    places = value.shape[2:]
    counts = window.counts(tuple(map(sum, zip(places, window.before, window.ends, strict=True))))
    spend_moved(value, math.prod((*value.shape[:2], *counts, *window.sizes)))
    # A place beyond the ends is replaced by another place of the same window, since taking that one twice changes nothing.
    rows = [_inside(window, axis, size, count) for axis, (size, count) in enumerate(zip(places, counts, strict=True))]

    def at(offset: Sequence[int]) -> Value:
        index = np.ix_(*(row[number] for row, number in zip(rows, offset, strict=True)))
        return moved(lambda array: array[(..., *index)], value)

    return functools.reduce(maximum, map(at, window.offsets()))


def _inside(window: Window, axis: int, size: int, count: int) -> np.ndarray:
    """The number along one axis of each place of each window (place, window); beyond the ends, that of another place in it."""
    steps, starts = np.arange(window.sizes[axis]), np.arange(count)
    numbers = steps[:, None] * window.dilations[axis] + starts * window.strides[axis] - window.before[axis]
    is_inside = (numbers >= 0) & (numbers < size)
    if not is_inside.any(axis=0).all():
        raise FormatError(f"one of its windows of {tuple(window.sizes)} lies beyond an image of {size} places along an axis")
    return np.where(is_inside, numbers, numbers[is_inside.argmax(axis=0), starts])


def average_pool(value: Value, window: Window, count_padding: bool = True, dtype: Any = np.float64) -> Value:
    """The mean of each window, where the places beyond the ends count as 0, or do not count.

    dtype : the type of the counts of places, which may differ between windows.
    """
    total = functools.reduce(add, _parts(_extended(value, window), window))
    if window.is_inside or (count_padding and not any(window.beyond)):
        return divide(total, constant(np.float64(math.prod(window.sizes))))
    ones = np.pad(
        np.ones(value.shape[2:], dtype),
        list(zip(window.before, window.behind, strict=True)),
        constant_values=1 if count_padding else 0,
    )
    ones = np.pad(ones, [(0, count) for count in window.beyond])
    return divide(total, constant(sum(window.at(ones, offset) for offset in window.offsets())))


def _extended(value: Value, window: Window) -> Value:
    if window.is_inside:
        return value
    return pad(value, [0, 0, *window.before], [0, 0, *window.ends], constant(np.float32(0.0)))


def _parts(value: Value, window: Window) -> list[Value]:
    """For each place in a window, the entries that all windows have there."""
    _check(value, window)
    return [moved(functools.partial(window.at, offset=offset), value) for offset in window.offsets()]


def _check(value: Value, window: Window) -> None:
    check_count(math.prod(window.sizes), MOST_WINDOW, "places in a window")
    if len(value.shape) != 2 + len(window.sizes):
        raise FormatError(f"it pools a value of shape {value.shape} by windows of {tuple(window.sizes)}")
