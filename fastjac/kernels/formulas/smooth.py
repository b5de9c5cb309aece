"""The formulas of the activations whose slope is continuous."""

from __future__ import annotations

from math import copysign, sqrt
from typing import Any

from ..elementary import exp, expm1, log1p
from ..floating import fmuladd, inlined
from ..normal import error_function, normal
from .piecewise import sparse_sigmoid


@inlined
def logistic(x: Any) -> Any:
    """sigmoid(x), sigmoid(-x) and the slope of the sigmoid, which is their product."""
    real = type(x)
    e = exp(-abs(x))
    large = real(1) / (real(1) + e)
    small = e * large
    return (large, small, small * large) if x >= 0 else (small, large, small * large)


@inlined
def log1p_exp(x: Any) -> Any:
    """`log(1 + exp(x))` without overflow."""
    return (x if x > 0 else type(x)(0)) + log1p(exp(-abs(x)))


@inlined
def celu(x: Any, p: Any, _q: Any) -> Any:
    """`x` above 0, `p (exp(x / p) - 1)` elsewhere."""
    real = type(x)
    slope = exp(x / p)
    return (x, real(1), real(0)) if x > 0 else (p * expm1(x / p), slope, slope / p)


@inlined
def gelu(x: Any, _p: Any, _q: Any) -> Any:
    """`x Phi(x)` with the normal distribution function Phi and density phi; the bend is `phi(x) (2 - x^2)`."""
    cumulative, density = normal(x)
    # Where the density is 0, x^2 may be inf.
    bend = density * fmuladd(-x, x, type(x)(2)) if density > 0 else density
    return x * cumulative, fmuladd(x, density, cumulative), bend


@inlined
def gelu_tanh(x: Any, _p: Any, _q: Any) -> Any:
    """`x s(w)`, s the sigmoid and `w = 2 sqrt(2/pi) (x + 0.044715 x^3)`: `x/2 (1 + tanh(w/2))` without its cancellation.

    The bend is `s' (2 w' + x w'' + x w'^2 (1 - 2 s))`.
    """
    real = type(x)
    linear, cubic = real(1.5957691216057307117597842397375), real(1.5957691216057307117597842397375 * 0.044715)
    # Beyond 30 the sigmoid is 0 or 1 after rounding, while x^2 could overflow.
    near = copysign(real(30), x) if abs(x) > 30 else x
    square = near * near
    s, mirrored, slope = logistic(near * fmuladd(cubic, square, linear))
    first, second = fmuladd(real(3) * cubic, square, linear), real(6) * cubic * near
    bend = slope * (real(2) * first + near * (second + first * first * (mirrored - s)))
    return x * s, fmuladd(near * slope, first, s), bend


@inlined
def silu(x: Any, _p: Any, _q: Any) -> Any:
    """`x s(x)` with the sigmoid s; the bend is `s' (2 + x (1 - 2 s))`."""
    s, mirrored, slope = logistic(x)
    bend = slope * fmuladd(x, mirrored - s, type(x)(2)) if slope > 0 else slope
    return x * s, fmuladd(x, slope, s), bend


@inlined
def gated_swish(x: Any, p: Any, q: Any) -> Any:
    """`x (p + (1 - p) s(q x))` with the sigmoid s, whose gate is `p s(-q x) + s(q x)`."""
    real = type(x)
    s, mirrored, rise = logistic(q * x)
    gate, steep = fmuladd(p, mirrored, s), (real(1) - p) * (q * rise)
    # Where the rise is 0, q x may be inf.
    bend = steep * fmuladd(q * x, mirrored - s, real(2)) if rise > 0 else rise
    return x * gate, fmuladd(x, steep, gate), bend


@inlined
def pull_gated_swish(x: Any, p: Any, q: Any, by_value: Any, by_slope: Any) -> Any:
    """The value's derivatives are `x s(-q x)` by p and `(1 - p) x^2 s'` by q; the slope's are the derivatives of these by x."""
    real = type(x)
    s, mirrored, rise = logistic(q * x)
    by_p = by_value * (x * mirrored) + by_slope * fmuladd(-x, q * rise, mirrored)
    reach = x * rise
    steep = reach * fmuladd(q * x, mirrored - s, real(2)) if rise > 0 else rise
    return by_p, (real(1) - p) * (by_value * (x * reach) + by_slope * steep)


@inlined
def mish(x: Any, _p: Any, _q: Any) -> Any:
    """`x t`, `t = tanh(log(1 + exp(x)))` (Misra 2019), as the ratio of polynomials in exp(-|x|) that t is.

    The bend is `2 t' + x t''` with `t' = (1 - t^2) s` and `t'' = t' (1 - s - 2 t s)`, s being the sigmoid.
    """
    real = type(x)
    e = exp(-abs(x))
    right = x >= 0
    numerator = fmuladd(real(2), e, real(1)) if right else e * (e + real(2))
    denominator = fmuladd(real(2), e * (e + real(1)), real(1)) if right else fmuladd(e, e + real(2), real(2))
    t = numerator / denominator
    slope = real(4) * e * (e + real(1)) * (e if right else real(1)) / (denominator * denominator)
    s, mirrored, _ = logistic(x)
    bend = slope * fmuladd(x, fmuladd(real(-2) * t, s, mirrored), real(2)) if slope > 0 else slope
    return x * t, fmuladd(x, slope, t), bend


@inlined
def tanh(x: Any, _p: Any, _q: Any) -> Any:
    """The hyperbolic tangent; slope sech^2, bend `-2 tanh sech^2`."""
    real = type(x)
    double = real(-2) * abs(x)
    below = expm1(double)
    inverse = real(1) / (real(2) + below)
    value, slope = copysign(below * inverse, x), real(4) * exp(double) * inverse * inverse
    return value, slope, real(-2) * value * slope


@inlined
def sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    s, mirrored, slope = logistic(x)
    return s, slope, slope * (mirrored - s)


@inlined
def softplus(x: Any, p: Any, q: Any) -> Any:
    """`log(1 + exp(p x)) / p`, and `x` where `p x > q`."""
    z = p * x
    s, _, slope = logistic(z)
    real = type(x)
    return (x, real(1), real(0)) if z > q else (log1p_exp(z) / p, s, p * slope)


@inlined
def softsign(x: Any, _p: Any, _q: Any) -> Any:
    """`x / (1 + |x|)`; the bend is `-2 sign(x) / (1 + |x|)^3`."""
    real = type(x)
    denominator = real(1) + abs(x)
    inverse = real(1) / denominator
    bend = copysign(real(2) * inverse * inverse * inverse, -x) if x != 0 else real(0)
    return x / denominator, inverse * inverse, bend


@inlined
def log_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`log(sigmoid(x))`."""
    _, mirrored, slope = logistic(x)
    return -log1p_exp(-x), mirrored, -slope


@inlined
def exponential(x: Any, _p: Any, _q: Any) -> Any:
    """`exp(x)`."""
    y = exp(x)
    return y, y, y


@inlined
def tanh_shrink(x: Any, p: Any, q: Any) -> Any:
    """`x - tanh(x)`."""
    t, _, bend = tanh(x, p, q)
    return x - t, t * t, -bend


@inlined
def square_plus(x: Any, p: Any, _q: Any) -> Any:
    """`(x + sqrt(x^2 + p)) / 2` (Barron 2021); on the left as `p / 2 (sqrt(x^2 + p) - x)`, which does not cancel.

    The bend is `p / (2 (x^2 + p)^(3/2))`.
    """
    real = type(x)
    half, size = real(0.5), abs(x)
    square = fmuladd(x, x, p)
    # Where x^2 overflows, p is nothing beside it.
    root = sqrt(square) if square < real(float("inf")) else size
    # Halves, because the sum may overflow.
    large = half * root + half * size
    small = half * p / (root + size)
    value = large if x >= 0 else small
    return value, value / root, half * p / (square * sqrt(square))


@inlined
def sparse_plus(x: Any, _p: Any, _q: Any) -> Any:
    """0 up to -1, `(x + 1)^2 / 4` up to 1, `x` above; the bend is 1/2 between -1 and 1."""
    real = type(x)
    slope, _, _ = sparse_sigmoid(x, x, x)
    return x if x >= 1 else slope * slope, slope, real(0.5) if abs(x) < 1 else real(0)


@inlined
def erf(x: Any, _p: Any, _q: Any) -> Any:
    """The error function; its bend is `-2 x` times its slope."""
    value, slope = error_function(x)
    # Where the slope is 0, x may be inf.
    return value, slope, type(x)(-2) * x * slope if slope > 0 else slope
