"""The formulas of elementary functions: powers, logarithm, trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

from ..elementary import INFINITY, REACH, exp, expm1, log, sine_and_cosine
from ..floating import fmuladd, inlined


@inlined
def square_root(x: Any, _p: Any, _q: Any) -> Any:
    """`sqrt(x)`; the slope is inf at 0, and everything nan below."""
    real = type(x)
    y = math.sqrt(x)
    slope = real(0.5) / y
    return y, slope, real(-0.5) * slope / x


@inlined
def reciprocal(x: Any, _p: Any, _q: Any) -> Any:
    """`1 / x`; the slope is -inf at 0, on both its sides."""
    real = type(x)
    y = real(1) / x
    square = y * y
    return y, -square, real(2) * square * y


@inlined
def square(x: Any, _p: Any, _q: Any) -> Any:
    """`x^2`."""
    real = type(x)
    return x * x, real(2) * x, real(2)


@inlined
def power(x: Any, p: Any, _q: Any) -> Any:
    """`x^p`; a slope or bend with a factor 0 is 0 even where the power is inf or nan."""
    real = type(x)
    second = p * (p - real(1))
    slope = p * raised(x, p - real(1)) if p != 0 else real(0)
    bend = second * raised(x, p - real(2)) if second != 0 else real(0)
    return raised(x, p), slope, bend


@inlined
def raised(x: Any, p: Any) -> Any:
    """`x^p` as `torch.pow` takes it: where p is 1/2 or -1/2 by the root, which keeps the sign of 0 and is nan at -inf."""
    real = type(x)
    if abs(p) == real(0.5):
        root = math.sqrt(x)
        return root if p > 0 else real(1) / root
    return x**p


@inlined
def logarithm(x: Any, _p: Any, _q: Any) -> Any:
    """`log(x)`: nan below 0, where the slope is `1 / x` all the same."""
    slope = type(x)(1) / x
    return log(x), slope, -slope * slope


@inlined
def exponential_minus_one(x: Any, _p: Any, _q: Any) -> Any:
    """`exp(x) - 1`, accurate near 0 too."""
    y = exp(x)
    return expm1(x), y, y


@inlined
def logarithm_of_one_plus(x: Any, _p: Any, _q: Any) -> Any:
    """`log(1 + x)`, accurate near 0 too: what the sum has lost by its rounding is added to the logarithm."""
    real = type(x)
    total = real(1) + x
    slope, value = real(1) / total, log(total)
    lost = x - (total - real(1))
    finite = (total > 0) & (total < real(INFINITY))
    return (fmuladd(lost, slope, value) if finite else value), slope, -slope * slope


@inlined
def signum(x: Any, _p: Any, _q: Any) -> Any:
    """-1, 0 or 1, as x is below 0, equal to it or above; 0 at nan."""
    real = type(x)
    return (real(1) if x > 0 else (real(-1) if x < 0 else real(0))), real(0), real(0)


@inlined
def sine(x: Any, _p: Any, _q: Any) -> Any:
    """`sin(x)` within reach."""
    s, c = sine_and_cosine(x)
    return s, c, -s


@inlined
def sine_anywhere(x: Any, p: Any, q: Any) -> Any:
    """`sin(x)`, beyond reach by the C library."""
    if abs(x) > REACH(x):
        s = math.sin(x)
        return s, math.cos(x), -s
    return sine(x, p, q)


@inlined
def cosine(x: Any, _p: Any, _q: Any) -> Any:
    """`cos(x)` within reach."""
    s, c = sine_and_cosine(x)
    return c, -s, -c


@inlined
def cosine_anywhere(x: Any, p: Any, q: Any) -> Any:
    """`cos(x)`, beyond reach by the C library."""
    if abs(x) > REACH(x):
        c = math.cos(x)
        return c, -math.sin(x), -c
    return cosine(x, p, q)


@inlined
def tangent(x: Any, _p: Any, _q: Any) -> Any:
    """`tan(x)`; the slope is `1 + tan^2`."""
    real = type(x)
    t = math.tan(x)
    slope = real(1) + t * t
    return t, slope, real(2) * t * slope


@inlined
def arcsine(x: Any, _p: Any, _q: Any) -> Any:
    """`asin(x)`, whose slope is `1 / sqrt(1 - x^2)` and whose bend is x times the slope's cube."""
    real = type(x)
    slope = real(1) / math.sqrt((real(1) - x) * (real(1) + x))
    return math.asin(x), slope, x * slope * slope * slope


@inlined
def arccosine(x: Any, p: Any, q: Any) -> Any:
    """`acos(x)`, the slope and bend being those of `-asin(x)`."""
    _, slope, bend = arcsine(x, p, q)
    return math.acos(x), -slope, -bend


@inlined
def arctangent(x: Any, _p: Any, _q: Any) -> Any:
    """`atan(x)`, whose slope is `1 / (1 + x^2)`."""
    real = type(x)
    slope = real(1) / (real(1) + x * x)
    # Where the slope is 0, x may be inf.
    return math.atan(x), slope, real(-2) * x * slope * slope if slope > 0 else slope


@inlined
def hyperbolic_sine(x: Any, _p: Any, _q: Any) -> Any:
    """`sinh(x)`."""
    value = math.sinh(x)
    return value, math.cosh(x), value


@inlined
def hyperbolic_cosine(x: Any, _p: Any, _q: Any) -> Any:
    """`cosh(x)`."""
    value = math.cosh(x)
    return value, math.sinh(x), value


@inlined
def inverse_root(x: Any, square: Any) -> Any:
    """`r = 1 / sqrt(square)` and `-x r^3`; where the square overflows, |x| is its root."""
    real = type(x)
    slope = real(1) / (math.sqrt(square) if square != real(math.inf) else abs(x))
    # Where the slope is 0, x is inf.
    return slope, -x * slope * slope * slope if slope != 0 else slope


@inlined
def area_sine(x: Any, _p: Any, _q: Any) -> Any:
    """`asinh(x)`, whose slope is `1 / sqrt(x^2 + 1)`."""
    slope, bend = inverse_root(x, x * x + type(x)(1))
    return math.asinh(x), slope, bend


@inlined
def area_cosine(x: Any, _p: Any, _q: Any) -> Any:
    """`acosh(x)`, whose slope is `1 / sqrt(x^2 - 1)`."""
    real = type(x)
    slope, bend = inverse_root(x, (x - real(1)) * (x + real(1)) + real(0))  # which makes 0 of -0
    return math.acosh(x), slope, bend


@inlined
def area_tangent(x: Any, _p: Any, _q: Any) -> Any:
    """`atanh(x)`, whose slope is `1 / (1 - x^2)`."""
    real = type(x)
    slope = real(1) / ((real(1) - x) * (real(1) + x))
    # Where the slope is 0, x may be inf.
    return math.atanh(x), slope, real(2) * x * slope * slope if slope != 0 else slope
