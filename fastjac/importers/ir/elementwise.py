"""Arithmetic of two tensors, entry by entry."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ...graphs import nodes
from ...graphs.nodes import Node
from ...layers import Layer
from ..tensors import float_dtype
from .account import shared, spend, take_apart
from .functions import FUNCTIONS, exp, log, reciprocal, relu
from .layout import aligned, broadcast_shape, each_unit, spread
from .values import Constant, Flow, Value, computed, size_of


def add(a: Value, b: Value) -> Value:
    """`a + b`."""
    return _of_two(a, b, np.add, lambda one, other: one + other, lambda value, first: [fl.Scale(1.0, value)])


def subtract(a: Value, b: Value) -> Value:
    """`a - b`."""

    def beside(value: fl.Parameter, first: bool) -> list[Layer]:
        return [fl.Scale(-1.0, value) if first else fl.Scale(1.0, -value)]

    return _of_two(a, b, np.subtract, lambda one, other: one - other, beside)


def multiply(a: Value, b: Value) -> Value:
    """`a * b`."""
    return _of_two(a, b, np.multiply, lambda one, other: one * other, lambda value, first: [fl.Scale(value)])


def divide(a: Value, b: Value) -> Value:
    """`a / b`; the quotient of whole numbers is cut towards zero."""
    if isinstance(a, Flow):
        return _joined(a, b, nodes.divide) if isinstance(b, Flow) else _divided_by_constant(a, b)
    if isinstance(b, Constant):
        return _of_constants(a, b, _quotient)
    inverse = reciprocal(b)
    return inverse if a.alone.size == 1 and a.alone.item() == 1 else multiply(a, inverse)


def power(a: Value, b: Value) -> Value:
    """`a ** b`; where both depend on the network's inputs, it is `exp(b log(a))`, for a above 0."""
    if isinstance(a, Constant):
        if isinstance(b, Constant):
            return _of_constants(a, b, lambda x, y: np.power(x, y).astype(x.dtype))
        return exp(multiply(b, computed(lambda base: np.log(np.asarray(base, float_dtype(base))), a)))
    if isinstance(b, Flow):
        return exp(multiply(b, log(a)))
    return _by_number(a, b, lambda exponent: [] if exponent == 1.0 else [fl.Power(exponent)])


def _by_number(flow: Flow, numbers: Constant, layers: Callable[[float], Sequence[Layer]]) -> Flow:
    """What layers with a number as their parameter make of a tensor; units that have the same number are taken together."""
    (node,), layout = aligned([one for one in spread([flow, numbers]) if isinstance(one, Flow)])
    found, which = np.unique(layout.per_unit(numbers), return_inverse=True)
    take_apart(found.size)
    if found.size == 1:
        return layout.flow(nodes.row(node, *layers(float(found.item()))))
    units = [np.flatnonzero(which == place) for place in range(found.size)]
    parts = [nodes.row(node[taken], *layers(float(number))) for taken, number in zip(units, found, strict=True)]
    return layout.flow(nodes.concatenate(parts)[np.argsort(np.concatenate(units))])


Rounding = Literal["floor", "trunc"]
OfArrays = Callable[[Any, Any], Any]
REMAINDERS: dict[Rounding, OfArrays] = {"floor": np.remainder, "trunc": np.fmod}


def remainder(a: Value, b: Value, rounding: Rounding = "floor") -> Value:
    """What remains of a behind a whole multiple of b; that whole number is the quotient `a / b`, rounded as `rounding` says."""
    if isinstance(b, Flow):
        raise UnsupportedLayerError("it takes a remainder by what depends on the network's input; fastjac takes a constant there")
    if isinstance(a, Constant):
        return _of_constants(a, b, REMAINDERS[rounding])
    return _by_number(a, b, lambda divisor: [fl.Remainder(divisor, rounding)])


def rounded_quotient(a: Value, b: Value, rounding: Rounding = "floor") -> Value:
    """`a / b` rounded to a whole number: down for "floor", towards zero for "trunc"."""
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _of_constants(a, b, QUOTIENTS[rounding])
    if isinstance(b, Constant):
        return FUNCTIONS["round"](divide(subtract(a, remainder(a, b, rounding)), b))
    quotient = divide(a, b)
    return FUNCTIONS["floor"](quotient) if rounding == "floor" else truncated(quotient)


def truncated(value: Value) -> Value:
    """The entries without their digits behind the decimal point."""
    if isinstance(value, Constant):
        return computed(np.trunc, value)
    return subtract(value, each_unit(value, [fl.Remainder(1.0, "trunc")]))


def cut_quotient(a: Any, b: Any) -> Any:
    """The quotient of numbers or arrays without the digits behind the decimal point."""
    below = a // b
    return below + ((below < 0) & (below * b != a))


QUOTIENTS: dict[Rounding, OfArrays] = {"floor": np.floor_divide, "trunc": cut_quotient}


def maximum(a: Value, b: Value) -> Value:
    """The larger of both."""
    return _of_two(a, b, np.maximum, nodes.maximum, lambda value, first: _at_least(value))


def minimum(a: Value, b: Value) -> Value:
    """The smaller of both."""
    return _of_two(a, b, np.minimum, nodes.minimum, lambda value, first: _at_most(value))


def total(values: Sequence[Value], function: Callable[[Value, Value], Value] = add) -> Value:
    """What a function of two tensors makes of any number of them, joined from the first to the last."""
    take_apart(len(values))
    return functools.reduce(function, values)


def clip(value: Value, low: Value | None, high: Value | None, layer: type[fl.Clamp | fl.HardTanh] = fl.Clamp) -> Value:
    """`min(max(x, low), high)`; either bound may be left out.

    layer : the layer for bounds that are numbers; the two choices differ in the derivative at the bounds.
    """
    least, most = _bound(low, -math.inf), _bound(high, math.inf)
    if isinstance(value, Flow) and least is not None and most is not None:
        return value if (least, most) == (-math.inf, math.inf) else each_unit(value, [layer(least, most)])
    if low is not None:
        value = maximum(value, low)
    return value if high is None else minimum(value, high)


def prelu(value: Value, slope: Value) -> Value:
    """`x` above 0, `slope x` below."""
    if isinstance(value, Flow) and isinstance(slope, Constant):
        return _beside(value, slope, fl.PReLU, lambda parameter: [fl.PReLU(parameter)])
    if isinstance(value, Constant) and isinstance(slope, Constant):
        return _of_constants(value, slope, lambda x, s: np.where(x < 0, s * x, x))
    return add(relu(value), multiply(slope, subtract(value, relu(value))))


def _of_two(
    a: Value,
    b: Value,
    function: Callable[[Any, Any], Any],
    join: Callable[[Node, Node], Node],
    beside: Callable[[Any, bool], Sequence[Layer]],
) -> Value:
    """A function of two tensors.

    function : NumPy's function, for two constants.  join : joins the vectors of two tensors that depend on the network's inputs.
    beside : makes the layers for one such tensor and a constant; its second argument is whether the constant comes first.
    """
    if isinstance(a, Flow):
        return _joined(a, b, join) if isinstance(b, Flow) else _beside(a, b, function, lambda one: beside(one, False))
    if isinstance(b, Flow):
        return _beside(b, a, (function, "first"), lambda one: beside(one, True))
    return _of_constants(a, b, function)


def _joined(a: Flow, b: Flow, join: Callable[[Node, Node], Node]) -> Flow:
    (one, other), layout = aligned([flow for flow in spread([a, b]) if isinstance(flow, Flow)])
    return layout.flow(join(one, other))


def _of_constants(a: Constant, b: Constant, function: Callable[[Any, Any], Any]) -> Constant:
    spend(size_of(broadcast_shape([a.shape, b.shape])))
    return computed(function, a, b)


def _beside(flow: Flow, value: Constant, key: Any, layers: Callable[[fl.Parameter], Sequence[Layer]]) -> Flow:
    """What layers with a constant as their parameter make of a tensor, where the two are spread over each other.

    key : names the kind of layers, so that layers with the same constant at several places are one.
    """
    (node,), layout = aligned([one for one in spread([flow, value]) if isinstance(one, Flow)])
    made = shared((key, value, layout), lambda: layers(_real(layout.per_unit(value))))
    return layout.flow(nodes.row(node, *made))


def _real(parameter: Any) -> fl.Parameter:
    """A parameter in a precision that layers take; whole numbers become float32, since they must not widen a network."""
    if isinstance(parameter, np.ndarray) and parameter.dtype.kind != "f":
        return parameter.astype(np.float32)
    return parameter


def _divided_by_constant(flow: Flow, value: Constant) -> Flow:
    """`x / c`, as `x` times `1 / c`, which is rounded once from float64."""

    def layers(divisor: fl.Parameter) -> list[Layer]:
        divisors = np.asarray(divisor, float_dtype(value.alone))
        power = _power_of_two(divisors)
        inverse = 1.0 / (np.float64(divisors) * power)
        if divisors.ndim:  # a single number is rounded later, to the precision of the network
            inverse = inverse.astype(divisors.dtype)
        first = [] if np.all(power == 1.0) else [fl.Scale(_number_or_array(power))]
        return [*first, fl.Scale(_number_or_array(inverse))]

    return _beside(flow, value, np.divide, layers)


def _power_of_two(divisor: np.ndarray) -> np.ndarray:
    """A power of two that first multiplies x and the divisor, so that their type can hold the divisor's inverse; mostly 1."""
    info, size = np.finfo(divisor.dtype), np.abs(divisor)
    power = np.ones(divisor.shape, divisor.dtype)
    power[(size < 2 * info.tiny) & (size > 0.0)] = 2.0**info.nmant
    power[(size > 0.25 / info.tiny) & np.isfinite(size)] = 2.0**-info.nmant
    return power


def _number_or_array(array: np.ndarray) -> fl.Parameter:
    return array if array.ndim else float(array)


def _quotient(a: np.ndarray, b: np.ndarray) -> Any:
    return a / b if a.dtype.kind == "f" else cut_quotient(a, b)


def _bound(bound: Value | None, default: float) -> float | None:
    """A bound as a number, None if it is no single number; `default` where there is no bound."""
    if bound is None:
        return default
    return float(bound.alone.item()) if isinstance(bound, Constant) and bound.alone.size == 1 else None


# Bounds


LARGEST_BOUND = 1e30
"""Division by a larger bound would bring small inputs below the smallest numbers of float32."""


def _at_most(bound: fl.Parameter) -> list[Layer]:
    """`min(x, bound)`, which is `-max(-x, -bound)`."""
    if not isinstance(bound, np.ndarray):
        return [fl.HardTanh(-math.inf, bound)] if bound < math.inf else []
    return [fl.Scale(-1.0), *_at_least(-bound), fl.Scale(-1.0)]


def _at_least(bound: fl.Parameter) -> list[Layer]:
    """`max(x, bound)` with a bound for each unit, such that a bound far from x does not round it.

    For a bound below 0, x is divided by the size of the bound, clipped at -1, and multiplied again. Any other bound is subtracted
    from x and added again. That rounds only an x smaller than the bound, which becomes the bound or is next to nothing.
    """
    if not isinstance(bound, np.ndarray):
        return [fl.HardTanh(bound, math.inf)] if bound > -math.inf else []
    if not np.all(np.abs(bound) <= LARGEST_BOUND):
        raise UnsupportedLayerError(
            f"its bounds differ from unit to unit, and fastjac takes none beyond {LARGEST_BOUND:g}; one of them is "
            f"{bound[~(np.abs(bound) <= LARGEST_BOUND)][0]}"
        )
    layers: list[Layer] = []
    is_below = bound < -1.0 / LARGEST_BOUND
    if np.any(is_below):
        size = np.where(is_below, -bound, np.ones_like(bound))
        layers += [fl.Scale(1.0 / size), fl.HardTanh(-1.0, math.inf), fl.Scale(size)]
    if not np.all(is_below):
        shift = np.where(is_below, np.zeros_like(bound), bound)
        rectifier = fl.PReLU(is_below.astype(bound.dtype)) if np.any(is_below) else fl.ReLU()
        layers += [fl.Scale(1.0, -shift), rectifier, fl.Scale(1.0, shift)]
    return layers
