"""Operators that take entries along axes together: the table REDUCTIONS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import reduction as rd
from ...ir.values import Constant, Value, size_of
from ...precision import refuse_rounding
from .arithmetic import MAXIMUM, MINIMUM
from .values import PLACES, axes, dtype_name, floating, real, tensor, whole

Operator = Callable[..., Any]
Reduction = Callable[[Value, Sequence[int] | None, bool], Value]


def _along(function: Reduction) -> Operator:
    def call(self: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Value:
        refuse_rounding(dtype_name(dtype, "float32"))
        return function(tensor(self), axes(dim), bool(keepdim))

    return call


def _mean(value: Value, along: Sequence[int] | None, keep: bool) -> Value:
    return rd.reduce_mean(floating(value), along, keep)


def _extreme(function: Reduction, of_two: Operator) -> Operator:
    """The operator of the largest or smallest entries: of all, along one axis together with their places, or of two tensors."""

    def call(self: Any, dim: Any = None, keepdim: Any = False, other: Any = None) -> Any:
        if (isinstance(dim, Constant) and dim.alone.ndim) or not isinstance(dim, (int, Constant, type(None))):
            return of_two(self, dim)
        if other is not None:
            return of_two(self, other)
        if dim is None:
            return function(tensor(self), None, False)
        return [function(tensor(self), [whole(dim, "axis")], bool(keepdim)), PLACES]

    return call


def _extreme_along(function: Reduction) -> Operator:
    return lambda self, dim=None, keepdim=False: function(tensor(self), axes(dim), bool(keepdim))


def _norm(self: Any, p: Any = 2, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Value:
    """The norm of order 1, 2 or infinity."""
    order = 2.0 if p is None else real(p, "order")
    value, along = tensor(self), axes(dim)
    if order == math.inf:
        return rd.reduce_max(fn.absolute(value), along, bool(keepdim))
    return rd.norm(value, along, bool(keepdim), int(order) if order.is_integer() else 0)


def _variance(self: Any, dim: Any = None, unbiased: Any = True, keepdim: Any = False, correction: Any = None) -> Value:
    """The mean square of the deviations from the mean."""
    if isinstance(dim, bool):  # var(self, unbiased)
        dim, unbiased = None, dim
    value, along = floating(tensor(self)), axes(dim)
    taken = range(len(value.shape)) if along is None else along
    count = size_of(tuple(value.shape[axis] for axis in taken))
    less = (1.0 if unbiased else 0.0) if correction is None else real(correction)
    mean = rd.variance(value, along, bool(keepdim))
    return el.multiply(mean, tensor(count / max(count - less, 0.0) if count > less else math.nan)) if less else mean


def _deviation(*args: Any, **options: Any) -> Value:
    return fn.sqrt(_variance(*args, **options))


def _with_mean(function: Operator) -> Operator:
    """The operator of a variance or standard deviation together with the mean."""

    def call(self: Any, dim: Any = None, unbiased: Any = True, keepdim: Any = False, correction: Any = None) -> list[Value]:
        along = None if isinstance(dim, bool) else axes(dim)
        return [function(self, dim, unbiased, keepdim, correction), _mean(tensor(self), along, bool(keepdim))]

    return call


def _cosine_similarity(x1: Any, x2: Any, dim: Any = 1, eps: Any = 1e-8) -> Value:
    """`x1 x2 / (max(|x1|, eps) max(|x2|, eps))` along an axis."""
    first, second = tensor(x1), tensor(x2)
    along = [whole(dim, "axis")]
    least = tensor(real(eps))
    a, b = (el.divide(value, el.maximum(_norm(value, 2, along, True), least)) for value in (first, second))
    return rd.reduce_sum(el.multiply(a, b), along, False)


REDUCTIONS: dict[str, Operator] = {
    "sum": _along(rd.reduce_sum),
    "mean": _along(_mean),
    "prod": lambda self, dim=None, keepdim=False, dtype=None: rd.reduce_product(tensor(self), axes(dim), bool(keepdim)),
    "max": _extreme(rd.reduce_max, MAXIMUM),
    "min": _extreme(rd.reduce_min, MINIMUM),
    "amax": _extreme_along(rd.reduce_max),
    "amin": _extreme_along(rd.reduce_min),
    "argmax": lambda self, dim=None, keepdim=False: PLACES,
    "argmin": lambda self, dim=None, keepdim=False: PLACES,
    "norm": _norm,
    "linalg_vector_norm": lambda self, ord=2, dim=None, keepdim=False, dtype=None: _norm(self, ord, dim, keepdim, dtype),
    "var": _variance,
    "std": _deviation,
    "var_mean": _with_mean(_variance),
    "std_mean": _with_mean(_deviation),
    "aminmax": lambda self, dim=None, keepdim=False: [
        reduce(tensor(self), axes(dim), bool(keepdim)) for reduce in (rd.reduce_min, rd.reduce_max)
    ],
    "logsumexp": lambda self, dim, keepdim=False: rd.log_sum_exp(floating(tensor(self)), axes(dim), bool(keepdim)),
    "cosine_similarity": _cosine_similarity,
}
"""Operators by torch's names."""
