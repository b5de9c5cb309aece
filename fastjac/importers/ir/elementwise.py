"""Operations on each entry by itself: functions of one tensor, and arithmetic of two."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import layers as fl
from ... import nodes
from ...errors import UnsupportedLayerError
from ...layers import Layer
from ...nodes import Node
from ..tensors import float_dtype
from .account import shared, spend, take_apart
from .layout import aligned, broadcast_shape, each_unit, spread
from .values import Constant, Flow, Value, computed, size_of

NO_CONSTANT = "it computes a constant, which fastjac does not do with this operation; let the exporter fold constants"


def apply(value: Value, layers: Sequence[Layer], function: Callable[[Any], Any] | None = None) -> Value:
    """What layers that act on each unit by itself make of a tensor; of a constant, what the function of NumPy does."""
    if isinstance(value, Flow):
        return each_unit(value, layers)
    if function is None:
        raise UnsupportedLayerError(NO_CONSTANT)
    spend(value.alone.size)
    return computed(_like(function), value)


def _like(function: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """The function with a result of its operand's own precision."""
    return lambda array: (
        np.asarray(function(array)).astype(array.dtype, copy=False) if array.dtype.kind == "f" else function(array)
    )


def relu(value: Value) -> Value:
    """`max(x, 0)`."""
    return apply(value, [fl.ReLU()], lambda x: np.maximum(x, 0))


def tanh(value: Value) -> Value:
    """The hyperbolic tangent."""
    return apply(value, [fl.Tanh()], np.tanh)


def sigmoid(value: Value) -> Value:
    """`1 / (1 + exp(-x))`."""
    return apply(value, [fl.Sigmoid()], lambda x: 1.0 / (1.0 + np.exp(-x)))


def exp(value: Value) -> Value:
    """The exponential."""
    return apply(value, [fl.Exp()], np.exp)


def log(value: Value) -> Value:
    """The natural logarithm."""
    return apply(value, [fl.Log()], np.log)


def sqrt(value: Value) -> Value:
    """The square root."""
    return apply(value, [fl.Sqrt()], np.sqrt)


def reciprocal(value: Value) -> Value:
    """`1 / x`."""
    return apply(value, [fl.Reciprocal()], lambda x: 1 / x)


def absolute(value: Value) -> Value:
    """The size of each entry."""
    return apply(value, [fl.Abs()], np.abs)


def sine(value: Value) -> Value:
    """The sine."""
    return apply(value, [fl.Sin()], np.sin)


def cosine(value: Value) -> Value:
    """The cosine."""
    return apply(value, [fl.Cos()], np.cos)


def erf(value: Value) -> Value:
    """The error function."""
    return apply(value, [fl.Erf()], np.vectorize(math.erf, otypes=[np.float64]))


def leaky_relu(value: Value, slope: float) -> Value:
    """`x` above 0, `slope x` below."""
    return apply(value, [fl.LeakyReLU(slope)], lambda x: np.where(x < 0, slope * x, x))


def softplus(value: Value, beta: float = 1.0, threshold: float = math.inf) -> Value:
    """`log(1 + exp(beta x)) / beta`, and x itself where `beta x > threshold`."""
    return apply(value, [fl.Softplus(beta, threshold)], lambda x: np.logaddexp(beta * x, 0.0) / beta)


def negative(value: Value) -> Value:
    """`-x`."""
    return apply(value, [fl.Scale(-1.0)], np.negative)


def square(value: Value) -> Value:
    """`x * x`."""
    return apply(value, [fl.Power(2.0)], lambda x: x * x)


def swish(value: Value, alpha: float = 1.0) -> Value:
    """`x sigmoid(alpha x)`, which is `SiLU(alpha x) / alpha`."""
    if alpha == 1.0:
        return apply(value, [fl.SiLU()])
    return apply(value, [fl.Scale(alpha), fl.SiLU(), fl.Scale(1.0 / alpha)] if alpha else [fl.Scale(0.5)])


# Arithmetic of two


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
    """`a / b`; that of whole numbers is cut towards zero."""
    if isinstance(a, Flow):
        return _joined(a, b, nodes.divide) if isinstance(b, Flow) else _divided_by_constant(a, b)
    if isinstance(b, Constant):
        return _of_constants(a, b, _quotient)
    inverse = reciprocal(b)
    return inverse if a.alone.size == 1 and a.alone.item() == 1 else multiply(a, inverse)


def power(a: Value, b: Value) -> Value:
    """`a ** b`; that of two tensors which depend on the network's inputs is `exp(b log(a))`, for a above 0."""
    if isinstance(a, Constant):
        if isinstance(b, Constant):
            return _of_constants(a, b, lambda x, y: np.power(x, y).astype(x.dtype))
        return exp(multiply(b, computed(lambda base: np.log(np.asarray(base, float_dtype(base))), a)))
    if isinstance(b, Flow):
        return exp(multiply(b, log(a)))
    (node,), layout = aligned([one for one in spread([a, b]) if isinstance(one, Flow)])
    return layout.flow(_powers(node, layout.per_unit(b)))


def _powers(node: Node, exponents: fl.Parameter) -> Node:
    """The units to the power of a number, or each to its own: those of one exponent together, put back in their places."""
    numbers, which = np.unique(exponents, return_inverse=True)
    take_apart(numbers.size)
    if numbers.size == 1:
        return _power(node, float(numbers.item()))
    units = [np.flatnonzero(which == number) for number in range(numbers.size)]
    parts = [_power(node[taken], float(number)) for taken, number in zip(units, numbers, strict=True)]
    return nodes.concatenate(parts)[np.argsort(np.concatenate(units))]


def _power(node: Node, exponent: float) -> Node:
    return node if exponent == 1.0 else node.follow(fl.Power(exponent))


def maximum(a: Value, b: Value) -> Value:
    """The larger of both."""
    return _of_two(a, b, np.maximum, nodes.maximum, lambda value, first: _at_least(value))


def minimum(a: Value, b: Value) -> Value:
    """The smaller of both."""
    return _of_two(a, b, np.minimum, nodes.minimum, lambda value, first: _at_most(value))


def total(values: Sequence[Value], function: Callable[[Value, Value], Value] = add) -> Value:
    """What a function of two makes of any number, from the first to the last; constants in a row first."""
    take_apart(len(values))
    return functools.reduce(function, values)


def clip(value: Value, low: Value | None, high: Value | None, layer: type[fl.Clamp | fl.HardTanh] = fl.Clamp) -> Value:
    """`min(max(x, low), high)`, each of which may be left out.

    layer : what a tensor between two numbers becomes; the two differ in the derivative at the bounds.
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

    function : of NumPy, for constants.  join : of the vectors of two tensors that depend on the network's inputs.
    beside : makes the layers for one of these and a constant, and is given whether the constant comes first.
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
    """What layers with a constant as their parameter make of a tensor, spread over the constant.

    key : says which layers they are, so that those with one constant at several places are one.
    """
    (node,), layout = aligned([one for one in spread([flow, value]) if isinstance(one, Flow)])
    made = shared((key, value, layout), lambda: layers(_real(layout.per_unit(value))))
    return layout.flow(nodes.row(node, *made))


def _real(parameter: Any) -> fl.Parameter:
    """A parameter in a precision that layers take; whole numbers must not make a network of float32 one of float64."""
    if isinstance(parameter, np.ndarray) and parameter.dtype.kind != "f":
        return parameter.astype(np.float32)
    return parameter


def _divided_by_constant(flow: Flow, value: Constant) -> Flow:
    """`x / c`, as `x` times `1 / c`, which is rounded once from float64."""

    def layers(divisor: fl.Parameter) -> list[Layer]:
        divisors = np.asarray(divisor, float_dtype(value.alone))
        power = _power_of_two(divisors)
        inverse = 1.0 / (np.float64(divisors) * power)
        if divisors.ndim:  # a number is rounded to the precision of the network, whichever that is
            inverse = inverse.astype(divisors.dtype)
        first = [] if np.all(power == 1.0) else [fl.Scale(_number_or_array(power))]
        return [*first, fl.Scale(_number_or_array(inverse))]

    return _beside(flow, value, np.divide, layers)


def _power_of_two(divisor: np.ndarray) -> np.ndarray:
    """What x and a divisor are multiplied by first, so that the type of both holds the divisor's inverse; mostly 1."""
    info, size = np.finfo(divisor.dtype), np.abs(divisor)
    power = np.ones(divisor.shape, divisor.dtype)
    power[(size < 2 * info.tiny) & (size > 0.0)] = 2.0**info.nmant
    power[(size > 0.25 / info.tiny) & np.isfinite(size)] = 2.0**-info.nmant
    return power


def _number_or_array(array: np.ndarray) -> fl.Parameter:
    return array if array.ndim else float(array)


def _quotient(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind == "f":
        return a / b
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def _bound(bound: Value | None, default: float) -> float | None:
    """A bound as a number, None if it is none."""
    if bound is None:
        return default
    return float(bound.alone.item()) if isinstance(bound, Constant) and bound.alone.size == 1 else None


# Bounds


LARGEST_BOUND = 1e30
"""A larger one would bring small inputs below the smallest numbers of float32."""


def _at_most(bound: fl.Parameter) -> list[Layer]:
    """`min(x, bound)`, which is `-max(-x, -bound)`."""
    if not isinstance(bound, np.ndarray):
        return [fl.HardTanh(-math.inf, bound)] if bound < math.inf else []
    return [fl.Scale(-1.0), *_at_least(-bound), fl.Scale(-1.0)]


def _at_least(bound: fl.Parameter) -> list[Layer]:
    """`max(x, bound)` with a bound for each unit, such that a bound far from x does not round it.

    For a bound below 0, x is divided by its size, clipped at -1, and multiplied again. Another bound is taken off x and added
    again, which rounds only what is smaller than the bound: that becomes the bound, or is next to nothing.
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
