"""The activations one by one: functions `(x, p, q) -> (value, derivative)`, with the layer's `rule_parameters` p and q.

Every function is free of branches (both sides of a choice are computed, then one is selected), stays in the dtype of x, and
takes at kinks, at infinities and at nan the value that torch takes. A derivative at nan is nan, or that of the linear piece
that torch lets nan through. Where torch's derivative at nan depends on the unit's place in the array, it is that of whole
vectors, which torch's forward mode takes too. Derivatives are written so that they keep their relative accuracy where they
vanish: sech^2, for one, and not 1 - tanh^2.
"""

from __future__ import annotations

from math import copysign, sqrt
from typing import Any

from .elementary import exp, expm1, log1p
from .floating import fmuladd, inlined
from .normal import normal


@inlined
def logistic(x: Any) -> Any:
    """sigmoid(x), sigmoid(-x) and the derivative, which is their product."""
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
def relu(x: Any, _p: Any, _q: Any) -> Any:
    """`max(x, 0)`."""
    real = type(x)
    return (real(0), real(0)) if x <= 0 else (x, real(1))


@inlined
def leaky_relu(x: Any, p: Any, _q: Any) -> Any:
    """`x` above 0, `p x` elsewhere."""
    slope = type(x)(1) if x > 0 else p
    return slope * x, slope


@inlined
def elu(x: Any, p: Any, _q: Any) -> Any:
    """`x` above 0, `p (exp(x) - 1)` elsewhere."""
    below = p * expm1(x), p * exp(x)
    return (x, type(x)(1)) if x > 0 else below


@inlined
def selu(x: Any, _p: Any, _q: Any) -> Any:
    """`s x` above 0, `s a (exp(x) - 1)` elsewhere (Klambauer et al. 2017)."""
    real = type(x)
    scale, alpha = real(1.0507009873554804934193349852946), real(1.6732632423543772848170429916717)
    value, derivative = elu(x, alpha, alpha)
    return scale * value, scale * derivative


@inlined
def celu(x: Any, p: Any, _q: Any) -> Any:
    """`x` above 0, `p (exp(x / p) - 1)` elsewhere."""
    below = p * expm1(x / p), exp(x / p)
    return (x, type(x)(1)) if x > 0 else below


@inlined
def gelu(x: Any, _p: Any, _q: Any) -> Any:
    """`x Phi(x)` with the normal distribution function Phi."""
    cumulative, density = normal(x)
    return x * cumulative, fmuladd(x, density, cumulative)


@inlined
def gelu_tanh(x: Any, _p: Any, _q: Any) -> Any:
    """`x sigmoid(2 u)` with `u = sqrt(2/pi) (x + 0.044715 x^3)`, which is `x/2 (1 + tanh(u))` without its cancellation."""
    real = type(x)
    linear, cubic = real(1.5957691216057307117597842397375), real(1.5957691216057307117597842397375 * 0.044715)
    # Beyond 30 the sigmoid is 0 or 1 after rounding, while x^2 could overflow.
    near = copysign(real(30), x) if abs(x) > 30 else x
    square = near * near
    s, _, slope = logistic(near * fmuladd(cubic, square, linear))
    return x * s, fmuladd(near * slope, fmuladd(real(3) * cubic, square, linear), s)


@inlined
def silu(x: Any, _p: Any, _q: Any) -> Any:
    """`x sigmoid(x)`."""
    s, _, slope = logistic(x)
    return x * s, fmuladd(x, slope, s)


@inlined
def mish(x: Any, _p: Any, _q: Any) -> Any:
    """`x tanh(log(1 + exp(x)))` (Misra 2019), as the ratio of polynomials in exp(-|x|) that it is."""
    real = type(x)
    e = exp(-abs(x))
    right = x >= 0
    numerator = fmuladd(real(2), e, real(1)) if right else e * (e + real(2))
    denominator = fmuladd(real(2), e * (e + real(1)), real(1)) if right else fmuladd(e, e + real(2), real(2))
    t = numerator / denominator
    slope = real(4) * e * (e + real(1)) * (e if right else real(1)) / (denominator * denominator)
    return x * t, fmuladd(x, slope, t)


@inlined
def tanh(x: Any, _p: Any, _q: Any) -> Any:
    """The hyperbolic tangent; derivative sech^2."""
    real = type(x)
    double = real(-2) * abs(x)
    below = expm1(double)
    inverse = real(1) / (real(2) + below)
    return copysign(below * inverse, x), real(4) * exp(double) * inverse * inverse


@inlined
def sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    s, _, slope = logistic(x)
    return s, slope


@inlined
def hard_tanh(x: Any, p: Any, q: Any) -> Any:
    """`min(max(x, p), q)`; derivative 0 at both bounds."""
    real = type(x)
    value, _ = clamp(x, p, q)
    return value, real(1) if (x > p) & (x < q) else real(0)


@inlined
def clamp(x: Any, p: Any, q: Any) -> Any:
    """`min(max(x, p), q)`; derivative 1 at both bounds."""
    real = type(x)
    value = p if x < p else (q if x > q else x)
    return value, real(1) if (x >= p) & (x <= q) else real(0)


@inlined
def hard_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`min(max(x / 6 + 1/2, 0), 1)`."""
    real = type(x)
    gate, _ = hard_tanh(x + real(3), real(0), real(6))
    return gate / real(6), real(1) / real(6) if (x > -3) & (x < 3) else real(0)


@inlined
def hard_swish(x: Any, _p: Any, _q: Any) -> Any:
    """`x min(max(x / 6 + 1/2, 0), 1)`."""
    real = type(x)
    gate, _ = hard_tanh(x + real(3), real(0), real(6))
    derivative = real(1) if x >= 3 else x / real(3) + real(0.5)
    return x * gate / real(6), real(0) if x <= -3 else derivative


@inlined
def softplus(x: Any, p: Any, q: Any) -> Any:
    """`log(1 + exp(p x)) / p`, and `x` where `p x > q`."""
    z = p * x
    s, _, _ = logistic(z)
    return (x, type(x)(1)) if z > q else (log1p_exp(z) / p, s)


@inlined
def softsign(x: Any, _p: Any, _q: Any) -> Any:
    """`x / (1 + |x|)`."""
    real = type(x)
    denominator = real(1) + abs(x)
    inverse = real(1) / denominator
    return x / denominator, inverse * inverse


@inlined
def log_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`log(sigmoid(x))`."""
    _, derivative, _ = logistic(x)
    return -log1p_exp(-x), derivative


@inlined
def exponential(x: Any, _p: Any, _q: Any) -> Any:
    """`exp(x)`."""
    y = exp(x)
    return y, y


@inlined
def hard_shrink(x: Any, p: Any, _q: Any) -> Any:
    """`x` where |x| > p, 0 elsewhere."""
    real = type(x)
    return real(0) if abs(x) <= p else x, real(1) if abs(x) > p else real(0)


@inlined
def soft_shrink(x: Any, p: Any, _q: Any) -> Any:
    """`x` brought nearer to 0 by p, 0 where |x| <= p."""
    real = type(x)
    return real(0) if abs(x) <= p else x - copysign(p, x), real(1) if abs(x) > p else real(0)


@inlined
def tanh_shrink(x: Any, p: Any, q: Any) -> Any:
    """`x - tanh(x)`."""
    t, _ = tanh(x, p, q)
    return x - t, t * t


@inlined
def threshold(x: Any, p: Any, q: Any) -> Any:
    """`x` above p, `q` elsewhere."""
    real = type(x)
    return (q, real(0)) if x <= p else (x, real(1))


@inlined
def square_plus(x: Any, p: Any, _q: Any) -> Any:
    """`(x + sqrt(x^2 + p)) / 2` (Barron 2021); on the left as `p / 2 (sqrt(x^2 + p) - x)`, which does not cancel."""
    real = type(x)
    half, size = real(0.5), abs(x)
    square = fmuladd(x, x, p)
    # Where x^2 overflows p is nothing beside it.
    root = sqrt(square) if square < real(float("inf")) else size
    # Halves, because the sum may overflow.
    large = half * root + half * size
    small = half * p / (root + size)
    return (large, large / root) if x >= 0 else (small, small / root)


@inlined
def sparse_plus(x: Any, _p: Any, _q: Any) -> Any:
    """0 up to -1, `(x + 1)^2 / 4` up to 1, `x` above."""
    slope, _ = sparse_sigmoid(x, x, x)
    return x if x >= 1 else slope * slope, slope


@inlined
def sparse_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`min(max((x + 1) / 2, 0), 1)`."""
    real = type(x)
    value, _ = hard_tanh(x, real(-1), real(1))
    return real(0.5) * (value + real(1)), real(0) if (x <= -1) | (x >= 1) else real(0.5)


@inlined
def scale(x: Any, p: Any, q: Any) -> Any:
    """`p x + q`."""
    return p * x + q, p
