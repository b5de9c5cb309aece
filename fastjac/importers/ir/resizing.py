"""Images of another size: each new place along an axis takes the nearest old one, or mixes the two around it.

Images of other sizes come also by channels that become places, or the other way round.
"""

from __future__ import annotations

import numpy as np

from ...errors import FormatError
from .account import spend
from .contraction import matmul
from .movement import gather, swap_axes
from .values import Value, constant, moved

ALIGNED, HALF_PIXEL, ASYMMETRIC = "align_corners", "half_pixel", "asymmetric"


def positions(places: int, count: int, kind: str, whole: float | None = None) -> np.ndarray:
    """Where each of `count` new places lies on an axis of `places` old ones; that may be beyond the ends of the axis.

    kind : ALIGNED, where the middles of the first and the last places coincide; HALF_PIXEL, where the ends of the axis coincide;
        ASYMMETRIC, where the middles of the first places coincide, and a new place is as long as its share of the axis.
    whole : how many new places span the whole axis; this is `count` unless a scale gives another number, even a fraction.
    """
    if count < 1 or places < 1:
        raise FormatError(f"it makes {count} places of {places}")
    spend(count)
    length = count if whole is None else whole
    numbers = np.arange(count, dtype=np.float64)
    if kind == ALIGNED:
        return numbers * (places - 1) / (length - 1) if length > 1 else 0 * numbers
    return (numbers + 0.5) * places / length - 0.5 if kind == HALF_PIXEL else numbers * places / length


def nearest(value: Value, axis: int, numbers: np.ndarray) -> Value:
    """The entries at these whole numbers along an axis; numbers beyond its ends take the entries at its ends."""
    inside = np.clip(numbers, 0, value.shape[axis] - 1).astype(np.int64)
    return gather(value, constant(inside), axis)


def linear(value: Value, axis: int, at: np.ndarray) -> Value:
    """The linear mix of the two entries around each position along an axis; positions beyond its ends take those at its ends."""
    last = value.shape[axis] - 1
    inside = np.clip(at, 0, last)
    before = np.floor(inside).astype(np.int64)
    spend(len(at) * (last + 1))
    shares = np.zeros((last + 1, len(at)))
    columns = np.arange(len(at))
    shares[before, columns] = 1 - (inside - before)
    shares[np.minimum(before + 1, last), columns] += inside - before
    return swap_axes(matmul(swap_axes(value, axis, -1), constant(shares)), axis, -1)


def channels_to_places(value: Value, times: int, places_first: bool = False) -> Value:
    """Groups of channels become `times` places along each of the last two axes.

    places_first : whether a channel is counted by the place that it becomes and then by its new channel, or the other way round.
    """

    def turned(array: np.ndarray) -> np.ndarray:
        *batch, channels, height, width = array.shape
        rest = channels // times**2
        if places_first:
            parts = np.moveaxis(array.reshape(*batch, times, times, rest, height, width), -3, -5)
        else:
            parts = array.reshape(*batch, rest, times, times, height, width)
        return np.moveaxis(parts, (-4, -3), (-3, -1)).reshape(*batch, rest, height * times, width * times)

    return moved(turned, value)


def places_to_channels(value: Value, times: int, places_first: bool = False) -> Value:
    """The other way round."""

    def turned(array: np.ndarray) -> np.ndarray:
        *batch, channels, height, width = array.shape
        parts = array.reshape(*batch, channels, height // times, times, width // times, times)
        parts = np.moveaxis(parts, (-3, -1), (-4, -3))
        parts = np.moveaxis(parts, -5, -3) if places_first else parts
        return parts.reshape(*batch, channels * times**2, height // times, width // times)

    return moved(turned, value)
