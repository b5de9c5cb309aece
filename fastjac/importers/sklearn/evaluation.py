"""What a live estimator itself gives, for the comparison with the network that was read off it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...network import Network
from .columns import Categories, n_units, starts_of
from .fitted import Fitted
from .steps import is_binary
from .survey import last


class Encoded:
    """A network that changes its inputs such that its estimator can be given them too.

    Of the units of an encoded column, the largest becomes 1 and the others 0. positive : all numbers lose their sign.
    """

    def __init__(self, network: Network, categories: Categories, positive: bool) -> None:
        self.inputs, self.n_in, self.n_out, self.dtype = network.inputs, network.n_in, network.n_out, network.dtype
        self._network = network
        self._categories = categories
        self._positive = positive

    def vjp(self, x: np.ndarray, u: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The values at `x (n, n_in)`, and the Jacobians multiplied by `u (n_out,)`."""
        x = np.abs(x) if self._positive else x.copy()
        starts = _starts(self.n_in, self._categories)
        for column in self._categories:
            units = range(starts[column], starts[column + 1])
            chosen = np.argmax(x[:, units], axis=1)
            x[:, units] = chosen[:, None] == np.arange(len(units))
        return self._network.vjp(x, u, threads=threads)


def needs_positive(evaluate: Callable[[np.ndarray], np.ndarray], n_in: int) -> bool:
    """Whether an estimator has no value at negative numbers, as where it takes logarithms."""
    x = np.random.default_rng(1).standard_normal((12, n_in))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return not np.isfinite(evaluate(x)).all()
        except Exception:  # whatever the estimator raises; the comparison will report it
            return True


def rows(x: np.ndarray, categories: Categories, names: Sequence[str]) -> Any:
    """The rows of a table for inputs `x (n, n_in)`: a category in place of its units, and names where columns have some."""
    pandas: Any = sys.modules.get("pandas")
    if not categories and (not names or pandas is None):
        return x
    table: list[np.ndarray] = []
    for column, (start, end) in enumerate(pairwise(_starts(x.shape[1], categories))):
        if column in categories:
            values = np.array([*categories[column], None], object)[:-1]
            table.append(values[np.argmax(x[:, start:end], axis=1)])
        else:
            table.append(x[:, start])
    if names and pandas is not None:
        return pandas.DataFrame(dict(zip(names, table, strict=True)))
    return np.array(table, object).T


def _starts(size: int, categories: Categories) -> list[int]:
    """Where the units of each column start, for `size` units in all."""
    return starts_of(size - n_units(0, categories), categories)


def evaluated(estimator: Any, view: Fitted, x: Any, two_columns: bool) -> np.ndarray:
    """What the estimator gives at rows `x`, by the method whose output `from_sklearn` promises."""
    if not hasattr(estimator, "predict_proba"):
        names = ("decision_function", "predict", "transform")
        method = next(getattr(estimator, name) for name in names if hasattr(estimator, name))
        return np.asarray(method(x))
    probabilities = estimator.predict_proba(x)
    if isinstance(probabilities, list):
        return np.concatenate([_kept(array, np.asarray(array).shape[1] == 2) for array in probabilities], axis=1)
    return np.asarray(probabilities) if two_columns else _kept(probabilities, _is_binary(view))


def _kept(probabilities: Any, binary: bool) -> np.ndarray:
    return np.asarray(probabilities)[:, 1:] if binary else np.asarray(probabilities)


def _is_binary(view: Fitted) -> bool:
    """Whether a classifier, or each classifier of an ensemble, gives one probability."""
    end = last(view)
    if end.has("estimators_"):
        return _is_binary(end.as_estimator(end.items("estimators_")[0], "estimators_"))
    return is_binary(end)
