"""Comparison bit by bit, in which the sign of a zero counts."""

from collections.abc import Iterable

import numpy as np


def assert_same_bits(actual: Iterable[np.ndarray], expected: Iterable[np.ndarray]) -> None:
    """Each array of the first is each of the second, down to the last bit."""
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}"))
