"""Entries put in order along an axis, by comparisons of neighbours that are the same for every input.

In each round every second pair of neighbours is compared, and exchanged where it is not in order; after as many rounds as there
are entries, all are. Equal entries are never exchanged, so that the derivative is that of a stable sort there too.
"""

from __future__ import annotations

import numpy as np

from ...errors import FormatError
from ..reading.limits import check_count
from .choice import Condition, where
from .elementwise import multiply, subtract
from .movement import checked_axis, flip, gather, part
from .values import Constant, Value, computed, constant

MOST_SORTED = 128
"""The most entries that are sorted, in as many rounds."""


def ordered(value: Value, axis: int, descending: bool = False) -> Value:
    """The entries along an axis from the smallest to the largest, or the other way round."""
    along = checked_axis(axis, len(value.shape))
    if isinstance(value, Constant):
        found = computed(lambda array: np.sort(array, along), value)
        return flip(found, [along]) if descending else found
    count = value.shape[along]
    check_count(count, MOST_SORTED, "entries that are sorted")
    for number in range(count if count > 1 else 0):
        value = _round(value, along, number % 2, -1.0 if descending else 1.0)
    return value


def top(value: Value, axis: int, count: int, largest: bool = True) -> Value:
    """The largest entries along an axis, so many of them and the largest first; or the smallest ones, the smallest first."""
    if not 0 <= count <= value.shape[checked_axis(axis, len(value.shape))]:
        raise FormatError(f"it takes {count} entries along axis {axis} of a value of shape {value.shape}")
    return part(ordered(value, axis, largest), axis, 0, count)


def ranked(value: Value, axis: int, number: int, descending: bool = False) -> Value:
    """The entry of that number, from 0 on, among the sorted ones along an axis, which stays with size 1."""
    return gather(ordered(value, axis, descending), constant(np.array([number])), axis)


def _round(value: Value, along: int, start: int, sign: float) -> Value:
    """The entries after neighbours were exchanged: those at `start` and behind it, and so on by two."""
    count = value.shape[along]
    low = np.arange(start, count - 1, 2)
    if not low.size:
        return value
    partners, signs = np.arange(count), np.zeros(count, np.float32)
    partners[low], partners[low + 1] = low + 1, low
    signs[low], signs[low + 1] = sign, -sign
    others = gather(value, constant(partners), along)
    shape = [1] * len(value.shape)
    shape[along] = count
    # Both of a pair find the same number here, which is above 0 where they are to be exchanged.
    apart = multiply(subtract(value, others), constant(signs.reshape(shape)))
    return where(Condition("compare", apart, "a > 0"), others, value)
