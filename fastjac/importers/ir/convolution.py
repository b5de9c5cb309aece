"""Convolution and pooling over small images and sequences.

A convolution becomes the affine map that it is, with a matrix that is mostly 0, so only such of up to MOST_ENTRIES are taken.
Tensors are (batch, channels, places ...).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ..reading.limits import check_count
from .account import spend
from .elementwise import add, divide, maximum
from .layout import Layout, units
from .movement import MOST_AXES, pad
from .values import Flow, MixedSamplesError, Shape, Single, Value, constant, fixed, moved, shown

MOST_ENTRIES = 1 << 22
"""Entries of the matrix that stands for a convolution."""
MOST_WINDOW = 256
"""Places in a window of a pooling."""


@dataclass(frozen=True)
class Window:
    """Where a kernel or a pooling stands.

    sizes : along each axis of places.  strides, dilations : of the windows, and within them.
    before, behind : how many places more there are at the ends of each axis.
    """

    sizes: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    before: Sequence[int]
    behind: Sequence[int]

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.sizes, self.strides, self.dilations, self.before, self.behind)}
        if len(lengths) != 1 or min([1, *self.sizes, *self.strides, *self.dilations]) < 1:
            raise FormatError(f"its window {tuple(self.sizes)} with strides {tuple(self.strides)} is none")

    def counts(self, places: Shape) -> Shape:
        """How many windows stand along each axis of so many places, those beyond the ends included."""
        reach = [(size - 1) * step + 1 for size, step in zip(self.sizes, self.dilations, strict=True)]
        counts = tuple((place - long) // stride + 1 for place, long, stride in zip(places, reach, self.strides, strict=True))
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


def same_padding(places: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """How many places TensorFlow's padding "SAME" adds along each axis, at both ends together."""
    reach = [(size - 1) * step + 1 for size, step in zip(sizes, dilations, strict=True)]
    ends = zip(places, reach, strides, strict=True)
    return [max((-(-place // stride) - 1) * stride + long - place, 0) for place, long, stride in ends]


def convolve(value: Value, kernel: Value, bias: Value | None, window: Window, groups: int = 1) -> Value:
    """The convolution with a constant kernel (channels out, channels in / groups, places ...)."""
    weight = fixed(kernel, "kernel")
    if not isinstance(value, Flow):
        raise UnsupportedLayerError("it convolves a constant; let the exporter fold constants")
    if value.shape[:1] != (1,):
        raise UnsupportedLayerError(
            f"it convolves {value.shape[0]} images of one sample; fastjac takes a batch of one, or an open one"
        )
    if weight.ndim != len(value.shape) or weight.ndim > MOST_AXES or value.shape[1] != weight.shape[1] * groups:
        raise FormatError(f"it convolves a value of shape {value.shape} with a kernel of shape {weight.shape} in {groups} groups")
    if weight.shape[0] % groups:
        raise FormatError(f"its {weight.shape[0]} kernels do not fall into {groups} groups")
    node, _ = units(value)
    numbers = np.arange(node.size).reshape(value.shape[1:])
    padded = np.pad(numbers, [(0, 0), *zip(window.before, window.behind, strict=True)], constant_values=node.size)
    counts = window.counts(padded.shape[1:])
    matrix = _matrix(weight, padded, window, groups, node.size)
    shift = None if bias is None else np.repeat(fixed(bias, "bias").astype(weight.dtype), math.prod(counts))
    return _per_sample(value, (weight.shape[0], *counts)).flow(fl.Affine(matrix, shift)(node))


def _matrix(weight: np.ndarray, padded: np.ndarray, window: Window, groups: int, size: int) -> np.ndarray:
    """The matrix of a convolution, from the numbers of the units at each place; the number `size` stands for no unit."""
    n_out, n_in = weight.shape[:2]
    counts = window.counts(padded.shape[1:])
    places = math.prod(counts)
    entries = n_out * places * (size + 1)
    if entries > MOST_ENTRIES:
        raise UnsupportedLayerError(
            f"as a matrix it would have {entries} entries; fastjac takes convolutions over small images, of up to {MOST_ENTRIES}"
        )
    spend(entries)
    matrix = np.zeros((n_out, places, size + 1), weight.dtype if weight.dtype.kind == "f" else np.float32)
    rows = np.arange(places)
    each = n_out // groups
    for group in range(groups):
        channels = padded[group * n_in : (group + 1) * n_in]
        kernels = slice(group * each, (group + 1) * each)
        for number, offset in enumerate(window.offsets()):
            taken = window.at(channels, offset).reshape(n_in, places)
            for channel in range(n_in):
                column = weight[kernels, channel].reshape(each, -1)[:, number]
                matrix[kernels, rows, taken[channel]] = column[:, None]
    return matrix[:, :, :size].reshape(n_out * places, size)


def max_pool(value: Value, window: Window) -> Value:
    """The largest entry of each window; the places beyond the ends do not count."""
    # A window that reaches beyond an end holds the place at that end too, so that repeating it changes nothing.
    return functools.reduce(maximum, _parts(_extended(value, window, "edge"), window))


def average_pool(value: Value, window: Window, count_padding: bool = True) -> Value:
    """The mean of each window, where the places beyond the ends count as 0, or do not count."""
    total = functools.reduce(add, _parts(_extended(value, window, "constant"), window))
    if count_padding or not any((*window.before, *window.behind)):
        return divide(total, constant(np.float32(math.prod(window.sizes))))
    ones = np.pad(np.ones(value.shape[2:], np.float32), list(zip(window.before, window.behind, strict=True)))
    return divide(total, constant(sum(window.at(ones, offset) for offset in window.offsets())))


def _extended(value: Value, window: Window, mode: str) -> Value:
    check_count(math.prod(window.sizes), MOST_WINDOW, "places in a window of a pooling")
    if not any((*window.before, *window.behind)):
        return value
    return pad(value, [0, 0, *window.before], [0, 0, *window.behind], constant(np.float32(0.0)), mode)


def _parts(value: Value, window: Window) -> list[Value]:
    """For each place in a window the entries there of all windows."""
    if len(value.shape) != 2 + len(window.sizes):
        raise FormatError(f"it pools a value of shape {value.shape} by windows of {tuple(window.sizes)}")
    return [moved(functools.partial(window.at, offset=offset), value) for offset in window.offsets()]


def _per_sample(value: Flow, shape: Shape) -> Layout:
    """Where the units of another shape for each sample stand, whose samples lie along the first axis as those of a tensor do."""
    if isinstance(value.batch, Single):
        return Layout((1, *shape), value.batch, value.samples)
    owners = value.owners
    first = owners.reshape(owners.shape[0], -1)[:, :1]
    if owners.shape[1:] != value.shape[1:] or np.any(owners.reshape(owners.shape[0], -1) != first):
        raise MixedSamplesError(
            f"it takes images out of a value of shape {shown(owners.shape, value.samples)}, where N counts the samples of a "
            "batch, which do not lie along its first axis"
        )
    spread = np.broadcast_to(first.reshape(-1, *[1] * len(shape)), (owners.shape[0], *shape))
    return Layout((value.shape[0], *shape), spread, value.samples)
