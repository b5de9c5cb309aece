"""The second derivatives of the activations, which the gradient of a loss of the Jacobian needs.

Functions `(x, p, q) -> second derivative`, with the same p and q as in `rules`, for every activation that is curved. At a kink
it is that of one of the two sides, or the mean of both: the jump itself has none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import copysign, sqrt
from typing import Any

from .elementary import exp
from .floating import fmuladd, inlined
from .jit import kernel
from .memory import NUMBER, view
from .normal import normal
from .rules import logistic, tanh


@inlined
def elu(x: Any, p: Any, _q: Any) -> Any:
    """`p exp(x)` below 0."""
    return type(x)(0) if x > 0 else p * exp(x)


@inlined
def selu(x: Any, _p: Any, _q: Any) -> Any:
    """`s a exp(x)` below 0."""
    real = type(x)
    return elu(x, real(1.0507009873554804934193349852946 * 1.6732632423543772848170429916717), x)


@inlined
def celu(x: Any, p: Any, _q: Any) -> Any:
    """`exp(x / p) / p` below 0."""
    return type(x)(0) if x > 0 else exp(x / p) / p


@inlined
def gelu(x: Any, _p: Any, _q: Any) -> Any:
    """`phi(x) (2 - x^2)` with the normal density phi."""
    _, density = normal(x)
    # Where the density is 0, x^2 may be inf.
    return density * fmuladd(-x, x, type(x)(2)) if density > 0 else density


@inlined
def gelu_tanh(x: Any, _p: Any, _q: Any) -> Any:
    """Of `x s(w)`, s the sigmoid and w a cubic: `s' (2 w' + x w'' + x w'^2 (1 - 2 s))`."""
    real = type(x)
    linear, cubic = real(1.5957691216057307117597842397375), real(1.5957691216057307117597842397375 * 0.044715)
    near = copysign(real(30), x) if abs(x) > 30 else x
    square = near * near
    s, mirrored, slope = logistic(near * fmuladd(cubic, square, linear))
    first, second = fmuladd(real(3) * cubic, square, linear), real(6) * cubic * near
    return slope * (real(2) * first + near * (second + first * first * (mirrored - s)))


@inlined
def silu(x: Any, _p: Any, _q: Any) -> Any:
    """`s' (2 + x (1 - 2 s))` with the sigmoid s."""
    real = type(x)
    s, mirrored, slope = logistic(x)
    return slope * fmuladd(x, mirrored - s, real(2)) if slope > 0 else slope


@inlined
def mish(x: Any, _p: Any, _q: Any) -> Any:
    """Of `x t`, `t = tanh(log(1 + exp(x)))`: `2 t' + x t''` with `t' = (1 - t^2) s` and `t'' = t' (1 - s - 2 t s)`."""
    real = type(x)
    e = exp(-abs(x))
    right = x >= 0
    numerator = fmuladd(real(2), e, real(1)) if right else e * (e + real(2))
    denominator = fmuladd(real(2), e * (e + real(1)), real(1)) if right else fmuladd(e, e + real(2), real(2))
    t = numerator / denominator
    slope = real(4) * e * (e + real(1)) * (e if right else real(1)) / (denominator * denominator)
    s, mirrored, _ = logistic(x)
    return slope * fmuladd(x, fmuladd(real(-2) * t, s, mirrored), real(2)) if slope > 0 else slope


@inlined
def hyperbolic_tangent(x: Any, p: Any, q: Any) -> Any:
    """`-2 tanh(x) sech^2(x)`."""
    value, slope = tanh(x, p, q)
    return type(x)(-2) * value * slope


@inlined
def sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`s' (1 - 2 s)`."""
    s, mirrored, slope = logistic(x)
    return slope * (mirrored - s)


@inlined
def hard_swish(x: Any, _p: Any, _q: Any) -> Any:
    """1/3 between the kinks."""
    real = type(x)
    return real(1) / real(3) if abs(x) < 3 else real(0)


@inlined
def softplus(x: Any, p: Any, q: Any) -> Any:
    """`p s'(p x)` where `p x` is not above q."""
    z = p * x
    _, _, slope = logistic(z)
    return type(x)(0) if z > q else p * slope


@inlined
def softsign(x: Any, _p: Any, _q: Any) -> Any:
    """`-2 sign(x) / (1 + |x|)^3`."""
    real = type(x)
    inverse = real(1) / (real(1) + abs(x))
    return copysign(real(2) * inverse * inverse * inverse, -x) if x != 0 else real(0)


@inlined
def log_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`-s'`."""
    _, _, slope = logistic(x)
    return -slope


@inlined
def exponential(x: Any, _p: Any, _q: Any) -> Any:
    """`exp(x)`."""
    return exp(x)


@inlined
def tanh_shrink(x: Any, p: Any, q: Any) -> Any:
    """`2 tanh(x) sech^2(x)`."""
    return -hyperbolic_tangent(x, p, q)


@inlined
def square_plus(x: Any, p: Any, _q: Any) -> Any:
    """`p / (2 (x^2 + p)^(3/2))`."""
    real = type(x)
    square = fmuladd(x, x, p)
    return real(0.5) * p / (square * sqrt(square))


@inlined
def sparse_plus(x: Any, _p: Any, _q: Any) -> Any:
    """1/2 between -1 and 1."""
    real = type(x)
    return real(0.5) if abs(x) < 1 else real(0)


CURVATURES: dict[str, Callable[..., Any]] = {
    "elu": elu,
    "selu": selu,
    "celu": celu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "mish": mish,
    "tanh": hyperbolic_tangent,
    "sigmoid": sigmoid,
    "hard_swish": hard_swish,
    "softplus": softplus,
    "softsign": softsign,
    "log_sigmoid": log_sigmoid,
    "exp": exponential,
    "tanh_shrink": tanh_shrink,
    "square_plus": square_plus,
    "sparse_plus": sparse_plus,
}
"""The second derivative of every curved activation, by the name of its rule; that of all others is 0."""


@functools.cache
def curvature(name: str) -> Any:
    """The kernel `(z, p, q, c, n)` that writes the second derivative at n numbers z to c, by the name of its rule.

    z, p, q, c : addresses; c overlaps no other.
    """
    rule = CURVATURES[name]

    @kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, name=f"curvature_{name}")
    def curve(zero: Any, z: int, p: int, q: int, c: int, n: int) -> None:
        values, curves, ps, qs = view(zero, z, n), view(zero, c, n), view(zero, p, n), view(zero, q, n)
        for j in range(n):
            curves[j] = rule(values[j], ps[j], qs[j])

    return curve
