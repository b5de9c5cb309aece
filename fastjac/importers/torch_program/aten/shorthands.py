"""Operators that torch itself composes of others, and that a program keeps whole: the table SHORTHANDS."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import accumulation as ac
from ...ir import angles
from ...ir import choice as ch
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import movement as mv
from ...ir import reduction as rd
from ...ir.values import Constant, Value, constant
from ...reading.limits import MOST_LAYERS, check_count
from .activations import ACTIVATIONS
from .arithmetic import DIVIDE, MULTIPLY, SUBTRACT
from .movement import MOVEMENTS, along_axis
from .ordering import ORDERINGS
from .values import axes, floating, listed, paired, real, stored_dtype, tensor, tensors, whole

Operator = Callable[..., Any]
ONE, TWO, ZERO = 1.0, 2.0, 0.0
CAT = MOVEMENTS["cat"]
ERF = fn.of_each("erf")


def _together(values: Any) -> list[Value]:
    """Tensors spread over one another."""
    given = tensors(values)
    return [functools.reduce(lambda one, other: mv.expand(one, mv.shape_of(other)), given, value) for value in given]


def _difference(self: Any, n: Any = 1, dim: Any = -1, prepend: Any = None, append: Any = None) -> Value:
    value, along = along_axis(CAT([one for one in (prepend, self, append) if one is not None], dim), dim)
    check_count(whole(n, "number"), MOST_LAYERS, "differences")
    return ac.differences(value, along, whole(n, "number"))


def _heights(y: Any, dim: Any) -> Value:
    value, along = along_axis(y, dim)
    size = value.shape[along]
    return el.multiply(el.add(mv.part(value, along, 1, size), mv.part(value, along, 0, size - 1)), tensor(0.5))


def _trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: Any = -1) -> Value:
    if x is not None:
        raise UnsupportedLayerError("its points lie at places of their own; fastjac takes equal steps dx")
    return el.multiply(rd.reduce_sum(_heights(y, dim), axes(dim), False), tensor(real(dx)))


def _pieces(self: Any, indices: Any, dim: Any = 0) -> list[Value]:
    """Parts of a tensor: so many, of nearly one size, or those that begin at the listed numbers."""
    value, along = along_axis(self, dim)
    size = value.shape[along]
    if isinstance(indices, int):
        check_count(indices, MOST_LAYERS, "parts of one tensor")
        if indices < 1:
            raise FormatError(f"it takes a tensor apart into {indices} parts")
        return mv.split(value, along, [size // indices + (number < size % indices) for number in range(indices)])
    ends = [0, *(min(size, whole(one) + size * (whole(one) < 0)) for one in listed(indices)), size]
    return [mv.part(value, along, start, end) for start, end in itertools.pairwise(ends)]


def _logit(self: Any, eps: Any = None) -> Value:
    value = floating(tensor(self))
    if eps is not None:
        value = el.clip(value, tensor(real(eps)), tensor(1.0 - real(eps)))
    return fn.log(el.divide(value, el.subtract(tensor(ONE), value)))


def _sinc(self: Any) -> Value:
    """`sin(pi x) / (pi x)`, 1 at 0."""
    value = el.multiply(tensor(self), tensor(math.pi))
    apart = ch.greater(fn.absolute(value), tensor(ZERO))
    safe = ch.where(apart, value, tensor(ONE))
    return ch.where(apart, el.divide(fn.of_each("sin")(safe), safe), tensor(ONE))


def _normal_cdf(self: Any) -> Value:
    return el.multiply(el.add(ERF(el.multiply(tensor(self), tensor(math.sqrt(0.5)))), tensor(ONE)), tensor(0.5))


def _huber(self: Any, target: Any, reduction: Any = 1, delta: Any = 1.0) -> Value:
    """The square near 0, a line further out."""
    size = fn.absolute(SUBTRACT(self, target))
    near = el.minimum(size, tensor(real(delta)))
    return _loss(el.multiply(near, el.subtract(size, el.multiply(near, tensor(0.5)))), reduction)


def _step(self: Any, values: Any) -> Value:
    """1 above 0, 0 below, `values` at 0."""
    value, at_zero = tensor(self), tensor(values)
    if isinstance(at_zero, Constant) and not at_zero.alone.any():
        return ch.where(ch.greater(value, tensor(ZERO)), tensor(ONE), tensor(ZERO))
    return ch.where(
        ch.greater(value, tensor(ZERO)), tensor(ONE), ch.where(ch.at_least(value, tensor(ZERO)), at_zero, tensor(ZERO))
    )


def _linspace(start: Any, end: Any, steps: Any, dtype: Any = None, base: float | None = None, **options: Any) -> Value:
    count = whole(steps, "number")
    check_count(count, MOST_LAYERS, "numbers in a row")
    found = np.linspace(real(start), real(end), count)
    return constant((found if base is None else base**found).astype(stored_dtype(dtype, "float32")))


def _any(self: Any, dim: Any = None, keepdim: Any = False, *, most: bool = True) -> Any:
    """Whether the largest (smallest) of the truth values, as 0 or 1, is above a half."""
    reduce = rd.reduce_max if most else rd.reduce_min
    return ch.greater(reduce(tensor(self), axes(dim), bool(keepdim)), tensor(0.5))


def _moved_axes(self: Any, source: Any, destination: Any) -> Value:
    value = tensor(self)
    rank = len(value.shape)
    first, last = (mv.checked_axes([whole(one, "axis") for one in listed(ends)], rank) for ends in (source, destination))
    order = [axis for axis in range(rank) if axis not in first]
    for axis, place in sorted(zip(first, last, strict=True), key=lambda pair: pair[1]):
        order.insert(place, axis)
    return mv.transpose(value, order)


SHORTHANDS: dict[str, Operator] = {
    "broadcast_tensors": lambda tensors: _together(tensors),
    "broadcast_to": lambda self, size: MOVEMENTS["expand"](self, size),
    "column_stack": lambda tensors: CAT(
        [mv.unsqueeze(tensor(one), [-1]) if len(tensor(one).shape) < 2 else one for one in tensors], 1
    ),
    "dstack": lambda tensors: CAT(
        [mv.unsqueeze(tensor(one), [-1]) if len(tensor(one).shape) == 2 else one for one in tensors], 2
    ),
    "diff": _difference,
    "trapezoid": _trapezoid,
    "trapz": _trapezoid,
    "tensor_split": lambda self, indices_or_sections=None, dim=0, sections=None, indices=None: _pieces(
        self, next(one for one in (indices_or_sections, sections, indices) if one is not None), dim
    ),
    "hsplit": lambda self, sections=None, indices=None: _pieces(self, sections if indices is None else indices, 1),
    "fliplr": lambda self: mv.flip(tensor(self), [1]),
    "movedim": _moved_axes,
    "moveaxis": _moved_axes,
    "swapdims": lambda self, dim0, dim1: MOVEMENTS["transpose"](self, dim0, dim1),
    **dict.fromkeys(("mH", "mT", "adjoint"), lambda self: mv.swap_axes(tensor(self), -1, -2)),
    "ravel": lambda self: mv.reshape(tensor(self), [-1]),
    "atan2": lambda self, other: angles.arctan2(*paired(self, other)),
    "arctan2": lambda self, other: angles.arctan2(*paired(self, other)),
    "erfc": lambda self: el.subtract(tensor(ONE), ERF(tensor(self))),
    "special_erfc": lambda self: el.subtract(tensor(ONE), ERF(tensor(self))),
    "special_ndtr": _normal_cdf,
    "logit": _logit,
    "special_logit": _logit,
    "sinc": _sinc,
    "special_sinc": _sinc,
    "sgn": lambda self: ch.sign(tensor(self)),
    "heaviside": _step,
    "copysign": lambda self, other: MULTIPLY(
        fn.absolute(tensor(self)), ch.where(ch.at_least(tensor(other), tensor(ZERO)), tensor(ONE), tensor(-ONE))
    ),
    "float_power": lambda self, exponent: el.power(*paired(floating(tensor(self)), exponent)),
    "ldexp": lambda self, other: MULTIPLY(self, el.power(*paired(TWO, floating(tensor(other))))),
    "xlogy": lambda self, other: MULTIPLY(self, fn.log(floating(tensor(other)))),
    "special_xlogy": lambda self, other: MULTIPLY(self, fn.log(floating(tensor(other)))),
    "huber_loss": _huber,
    "smooth_l1_loss": lambda self, target, reduction=1, beta=1.0: DIVIDE(_huber(self, target, reduction, beta), beta),
    "linspace": _linspace,
    "logspace": lambda start, end, steps, base=10.0, dtype=None, **options: _linspace(start, end, steps, dtype, real(base)),
    "any": _any,
    "all": lambda self, dim=None, keepdim=False: _any(self, dim, keepdim, most=False),
    "mse_loss": lambda self, target, reduction=1: _loss(fn.square(SUBTRACT(self, target)), reduction),
    "l1_loss": lambda self, target, reduction=1: _loss(fn.absolute(SUBTRACT(self, target)), reduction),
    "special_log1p": ACTIVATIONS["log1p"],
    "special_exp2": ACTIVATIONS["exp2"],
    "special_expm1": ACTIVATIONS["expm1"],
    "special_entr": lambda self: fn.negative(el.multiply(floating(tensor(self)), fn.log(floating(tensor(self))))),
    "msort": lambda self: ORDERINGS["sort"](self, 0)[0],
    "logaddexp2": lambda self, other: DIVIDE(
        rd.log_add_exp(*(MULTIPLY(one, math.log(2.0)) for one in paired(self, other))), math.log(2.0)
    ),
}
"""Operators by torch's names."""


def _loss(entries: Value, reduction: Any) -> Value:
    if reduction:
        raise UnsupportedLayerError("it takes the mean or the sum of a loss over the batch; fastjac takes reduction='none'")
    return entries
