"""Mean, mean absolute value and standard deviation of many arrays that come in blocks."""

from __future__ import annotations

import numpy as np


class Moments:
    """Moments of arrays of one shape, entry by entry, in float64.

    The squares in a block are those of deviations from the block's own mean, and blocks are merged by the formula of Chan, Golub
    and LeVeque ("Algorithms for computing the sample variance", The American Statistician 37, 1983). So a spread keeps its digits
    where it is small beside the mean. Entries that are nan or inf are left out.

    count : how many values of each entry were taken.
    mean, mean_abs : the means of each entry, 0 where no value was taken.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = np.zeros(shape, np.int64)
        self.mean, self.mean_abs = np.zeros(shape), np.zeros(shape)
        self._weight, self._squares = np.zeros(shape), np.zeros(shape)

    def add(self, values: np.ndarray, weights: np.ndarray) -> None:
        """Take a block: `values (n, *shape)` and their weights `(n,)`, all of them positive."""
        known = np.isfinite(values)
        weight_of = np.broadcast_to(weights.reshape(-1, *(1,) * (values.ndim - 1)), values.shape)
        if not known.all():
            weight_of, values = np.where(known, weight_of, 0.0), np.where(known, values, 0.0)
        weight = weight_of.sum(axis=0)
        total = self._weight + weight
        mean = _quotient(np.einsum("n...,n...->...", weight_of, values), weight)
        mean_abs = _quotient(np.einsum("n...,n...->...", weight_of, np.abs(values)), weight)
        rest = values - mean
        share, step = _quotient(weight, total), mean - self.mean
        self._squares += np.einsum("n...,n...,n...->...", weight_of, rest, rest) + step * step * self._weight * share
        self.mean += step * share
        self.mean_abs += (mean_abs - self.mean_abs) * share
        self._weight = total
        self.count += known.sum(axis=0)

    @property
    def std(self) -> np.ndarray:
        """The standard deviation of each entry, as `numpy.std` gives it; 0 where no value was taken."""
        return np.sqrt(_quotient(self._squares, self._weight))


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0.0)
