"""Transformers that join columns, or treat each in two pieces: the table FEATURES."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Node, concatenate, multiply, row
from ..reading.limits import MOST_JOINED, MOST_NESTING, check_count
from .fitted import Fitted
from .kernels import KERNELS
from .linear import PROBABILITIES, divided_by_sum
from .scalers import SCALERS, float64, scaled

Combination = tuple[int, ...]
"""The numbers of the columns that are multiplied."""
TINY = float(np.finfo(np.float32).tiny)
"""The number that replaces the norm of a vector of zeros, so that the vector stays one of zeros."""


def polynomial(transformer: Fitted, node: Node) -> Node:
    """All products of columns up to a degree, in scikit-learn's order."""
    low, high = _degrees(transformer.get("degree", 2))
    repeats = not transformer.flag("interaction_only")
    check_count(high, MOST_NESTING, "degrees")
    count = sum(math.comb(node.size + (degree - 1 if repeats else 0), degree) for degree in range(1, high + 1))
    check_count(count, MOST_JOINED, "products of columns")
    kept = [node.follow(fl.Take((0,), node.size)).follow(fl.Scale(0.0, 1.0))] if transformer.flag("include_bias", True) else []
    products: Node = node
    chosen: list[Combination] = [(column,) for column in range(node.size)]
    for degree in range(1, high + 1 if repeats else min(high, node.size) + 1):
        if degree > 1:
            products, chosen = _next(node, products, chosen, repeats)
        kept += [products] if degree >= low else []
    if not kept:
        raise FormatError("it gives no column; its degrees hold none")
    return concatenate(kept)


def _next(columns: Node, products: Node, chosen: list[Combination], repeats: bool) -> tuple[Node, list[Combination]]:
    """The products with one more factor, and the numbers of the columns in each; `chosen` has those of the products so far."""
    combine = itertools.combinations_with_replacement if repeats else itertools.combinations
    more = list(combine(range(columns.size), len(chosen[0]) + 1))
    places = {combination: place for place, combination in enumerate(chosen)}
    first = products[np.array([places[combination[:-1]] for combination in more])]
    return multiply([first, columns[np.array([combination[-1] for combination in more])]]), more


def _degrees(degree: Any) -> tuple[int, int]:
    """The least and the largest degree. Degree 0 is a matter of include_bias."""
    low, high = degree if isinstance(degree, tuple) and len(degree) == 2 else (0, degree)
    if not all(isinstance(number, (int, np.integer)) and number >= 0 for number in (low, high)):
        raise FormatError("its degree must be a whole number, or a pair of them")
    return int(low), int(high)


def normalizer(transformer: Fitted, node: Node) -> Node:
    """`x / |x|`, where a vector of zeros stays one of zeros."""
    norm = transformer.text("norm", "l2")
    check_count(node.size, MOST_JOINED, "columns whose norm is taken")
    if norm not in ("l1", "l2"):
        raise UnsupportedLayerError(f"its norm is {norm!r:.40}; fastjac has l1 and l2")
    sizes = row(node, fl.Power(2.0) if norm == "l2" else fl.Abs())
    total = row(sizes, fl.Affine(np.ones((1, node.size))), fl.Clamp(TINY, math.inf))
    length = row(total, fl.Sqrt()) if norm == "l2" else total
    return fl.Divide()(node, length[np.zeros(node.size, int)])


def power(transformer: Fitted, node: Node) -> Node:
    """A PowerTransformer: each column raised to a power of its own, by either method, with a StandardScaler behind."""
    exponents, method = float64(transformer, "lambdas_"), transformer.text("method", "yeo-johnson")
    if method not in ("yeo-johnson", "box-cox"):
        raise FormatError(f"its method {method!r:.40} is neither yeo-johnson nor box-cox")
    if len(exponents) != node.size:
        raise FormatError(f"it has {len(exponents)} lambdas_ for {node.size} columns")
    if method == "box-cox":
        made = _box_cox(node, exponents)
    else:
        # `max(x, 0)` and `max(-x, 0)` as half of `|x| + x` and of `|x| - x`: their slopes at 0 are a half, and add up to 1.
        size, half = row(node, fl.Abs()), fl.Scale(0.5, 1.0)
        above, below = row(fl.Add()(size, node), half), row(fl.Add()(size, row(node, fl.Scale(-1.0))), half)
        made = fl.Add()(_box_cox(above, exponents), row(_box_cox(below, 2.0 - exponents), fl.Scale(-1.0)))
    if not transformer.flag("standardize", True):
        return made
    return row(made, *scaled(SCALERS["StandardScaler"](transformer.estimator("_scaler"))))


def _box_cox(node: Node, exponents: np.ndarray) -> Node:
    """`(x^p - 1) / p` with a p for each column; the logarithm where p is 0."""
    logarithm = row(node, fl.Log())
    is_log = np.abs(exponents) < np.spacing(1.0)
    if is_log.all():
        return logarithm
    divisors = np.where(is_log, 1.0, exponents)
    powers = row(logarithm, fl.Scale(divisors), fl.Exp(), fl.Scale(1.0 / divisors, -1.0 / divisors))
    if not is_log.any():
        return powers
    columns = np.arange(node.size)
    return concatenate([powers, logarithm])[columns + node.size * is_log]


def _probabilities(model: Fitted, node: Node) -> Node:
    layers, is_divided = PROBABILITIES[model.name](model)
    made = row(node, *layers)
    return divided_by_sum(made) if is_divided else made


FEATURES: dict[str, Callable[[Fitted, Node], Node]] = {
    "Normalizer": normalizer,
    "PolynomialFeatures": polynomial,
    "PowerTransformer": power,
    **KERNELS,
    **dict.fromkeys(PROBABILITIES, _probabilities),
}
"""What makes a node of an estimator and the node before it, by class name."""
