"""Operations that make one entry out of all entries along some axes: sums, means, products, extremes, norms."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ...graphs import nodes
from ...graphs.nodes import Node
from .account import spend
from .choice import as_number, greater, opposite
from .elementwise import add, clip, divide, subtract
from .functions import absolute, exp, log, softplus, sqrt, square
from .layout import Rows, rows
from .movement import checked_axes, squeeze
from .values import Constant, Value, computed, constant, moved

LARGEST = 3e38
"""A number that float32 can hold, and next to which it can hold few."""


def reduce_sum(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """The sum of the entries along some axes, of all by default."""
    return _reduced(value, axes, keep, np.sum, _sum)


def reduce_mean(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """The mean of the entries along some axes, of all by default."""

    def mean(array: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
        return np.asarray(np.sum(array, axis=axis) / math.prod(array.shape[i] for i in axis)).astype(array.dtype)

    return _reduced(value, axes, keep, mean, lambda found: fl.Scale(1.0 / found.length)(_sum(found)))


def variance(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """The mean square of the deviations of the entries along some axes from their mean, of all by default."""
    return reduce_mean(square(subtract(value, reduce_mean(value, axes))), axes, keep)


def reduce_max(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """The largest of the entries along some axes, of all by default."""
    return _reduced(value, axes, keep, np.max, lambda found: functools.reduce(nodes.maximum, found.columns()))


def reduce_min(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """The smallest of the entries along some axes, of all by default."""
    return _reduced(value, axes, keep, np.min, lambda found: functools.reduce(nodes.minimum, found.columns()))


def reduce_product(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """The product of the entries along some axes, of all by default."""
    return _reduced(value, axes, keep, np.prod, lambda found: nodes.multiply(found.columns()))


REDUCTIONS: dict[str, Callable[[Value, Sequence[int] | None, bool], Value]] = {
    "sum": reduce_sum,
    "mean": reduce_mean,
    "max": reduce_max,
    "min": reduce_min,
    "prod": reduce_product,
}
"""Those that most frameworks have, by the names that they give them."""


def log_sum_exp(value: Value, axes: Sequence[int] | None = None, keep: bool = True) -> Value:
    """`log sum exp(x)` of the entries along some axes, of all by default.

    The largest entry is subtracted first and added again, so that no exponential overflows and not all of them vanish.
    """
    bound = constant(np.float32(LARGEST))
    # Without bounds, infinity minus infinity would give nan.
    largest = clip(reduce_max(value, axes), constant(np.float32(-LARGEST)), bound)
    found = add(log(reduce_sum(exp(subtract(value, largest)), axes)), largest)
    return found if keep else squeeze(found, range(len(value.shape)) if axes is None else axes)


def log_add_exp(a: Value, b: Value) -> Value:
    """`log(exp(a) + exp(b))`, where nothing overflows."""
    return add(b, softplus(subtract(a, b)))


def norm(value: Value, axes: Sequence[int] | None = None, keep: bool = True, order: int = 2) -> Value:
    """The norm of the entries along some axes: the sum of their sizes for order 1, else the Euclidean norm.

    The derivative of the Euclidean norm is 0 where all entries are 0.
    """
    if order not in (1, 2):
        raise UnsupportedLayerError(f"it takes the norm of order {order}; fastjac has 1 and 2")
    if order == 1:
        return reduce_sum(absolute(value), axes, keep)
    total = reduce_sum(square(value), axes, keep)
    one = one_at_zero(total)
    return subtract(sqrt(add(total, one)), one)


def one_at_zero(total: Value) -> Value:
    """1 where a total, which is never below 0, is 0; else 0. The root of the sum of both has a derivative everywhere."""
    return as_number(opposite(greater(total, constant(np.float32(0.0)))))


def normalized(value: Value, axes: Sequence[int], order: int = 2) -> Value:
    """The entries divided by their norm along some axes."""
    return divide(value, norm(value, axes, True, order))


def _reduced(
    value: Value,
    axes: Sequence[int] | None,
    keep: bool,
    function: Callable[..., np.ndarray],
    record: Callable[[Rows], Node],
) -> Value:
    """What a function makes of the entries along some axes; for a tensor of the network, `record` makes a unit of each vector."""
    rank = len(value.shape)
    along = tuple(range(rank)) if axes is None else checked_axes(axes, rank)
    if not along:
        return value

    def put_back(array: np.ndarray) -> np.ndarray:
        return np.expand_dims(array, along) if keep else array

    if isinstance(value, Constant):
        spend(value.alone.size)
        return computed(lambda array: put_back(np.asarray(function(array, axis=along))), value)
    found = rows(value, along)
    return moved(lambda array: put_back(array[..., 0]), found.along_last(record(found)))


def _sum(found: Rows) -> Node:
    """The sum of each vector."""
    if found.length == 1:
        return found.node
    if found.count == 1:
        spend(found.length)
        return fl.Affine(np.ones((1, found.length), np.float32))(found.node)
    return nodes.add(found.columns())
