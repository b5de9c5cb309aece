"""The formulas of the activations with kinks, and of `scale`."""

from __future__ import annotations

from math import copysign
from typing import Any

from ..elementary import exp, expm1
from ..floating import inlined


@inlined
def relu(x: Any, _p: Any, _q: Any) -> Any:
    """`max(x, 0)`."""
    real = type(x)
    value, slope = (real(0), real(0)) if x <= 0 else (x, real(1))
    return value, slope, real(0)


@inlined
def leaky_relu(x: Any, p: Any, _q: Any) -> Any:
    """`x` above 0, `p x` elsewhere."""
    real = type(x)
    slope = real(1) if x > 0 else p
    return slope * x, slope, real(0)


@inlined
def pull_leaky_relu(x: Any, _p: Any, _q: Any, by_value: Any, by_slope: Any) -> Any:
    """The slope p is a parameter of the negative side alone."""
    real = type(x)
    return real(0) if x > 0 else by_value * x + by_slope, real(0)


@inlined
def absolute(x: Any, _p: Any, _q: Any) -> Any:
    """`|x|`; slope 0 at 0, and at nan."""
    real = type(x)
    return abs(x), real(1) if x > 0 else (real(-1) if x < 0 else real(0)), real(0)


@inlined
def elu(x: Any, p: Any, _q: Any) -> Any:
    """`x` above 0, `p (exp(x) - 1)` elsewhere."""
    real = type(x)
    slope = p * exp(x)
    return (x, real(1), real(0)) if x > 0 else (p * expm1(x), slope, slope)


@inlined
def selu(x: Any, _p: Any, _q: Any) -> Any:
    """`s x` above 0, `s a (exp(x) - 1)` elsewhere (Klambauer et al. 2017)."""
    real = type(x)
    scale, alpha = real(1.0507009873554804934193349852946), real(1.6732632423543772848170429916717)
    value, slope, _ = elu(x, alpha, alpha)
    _, _, bend = elu(x, real(1.0507009873554804934193349852946 * 1.6732632423543772848170429916717), alpha)
    return scale * value, scale * slope, bend


@inlined
def hard_tanh(x: Any, p: Any, q: Any) -> Any:
    """`min(max(x, p), q)`; slope 0 at both bounds."""
    real = type(x)
    value, _, _ = clamp(x, p, q)
    return value, real(1) if (x > p) & (x < q) else real(0), real(0)


@inlined
def clamp(x: Any, p: Any, q: Any) -> Any:
    """`min(max(x, p), q)`; slope 1 at both bounds."""
    real = type(x)
    value = p if x < p else (q if x > q else x)
    return value, real(1) if (x >= p) & (x <= q) else real(0), real(0)


@inlined
def hard_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`min(max(x / 6 + 1/2, 0), 1)`."""
    real = type(x)
    gate, _, _ = hard_tanh(x + real(3), real(0), real(6))
    return gate / real(6), real(1) / real(6) if (x > -3) & (x < 3) else real(0), real(0)


@inlined
def hard_swish(x: Any, _p: Any, _q: Any) -> Any:
    """`x min(max(x / 6 + 1/2, 0), 1)`; the bend is 1/3 between the kinks."""
    real = type(x)
    gate, _, _ = hard_tanh(x + real(3), real(0), real(6))
    slope = real(1) if x >= 3 else x / real(3) + real(0.5)
    bend = real(1) / real(3) if abs(x) < 3 else real(0)
    return x * gate / real(6), real(0) if x <= -3 else slope, bend


@inlined
def hard_shrink(x: Any, p: Any, _q: Any) -> Any:
    """`x` where |x| > p, 0 elsewhere."""
    real = type(x)
    return real(0) if abs(x) <= p else x, real(1) if abs(x) > p else real(0), real(0)


@inlined
def soft_shrink(x: Any, p: Any, _q: Any) -> Any:
    """`x` brought nearer to 0 by p, 0 where |x| <= p."""
    real = type(x)
    return real(0) if abs(x) <= p else x - copysign(p, x), real(1) if abs(x) > p else real(0), real(0)


@inlined
def threshold(x: Any, p: Any, q: Any) -> Any:
    """`x` above p, `q` elsewhere."""
    real = type(x)
    value, slope = (q, real(0)) if x <= p else (x, real(1))
    return value, slope, real(0)


@inlined
def sparse_sigmoid(x: Any, _p: Any, _q: Any) -> Any:
    """`min(max((x + 1) / 2, 0), 1)`."""
    real = type(x)
    value, _, _ = hard_tanh(x, real(-1), real(1))
    return real(0.5) * (value + real(1)), real(0) if (x <= -1) | (x >= 1) else real(0.5), real(0)


@inlined
def scale(x: Any, p: Any, q: Any) -> Any:
    """`p x + q`."""
    return p * x + q, p, type(x)(0)


@inlined
def pull_scale(x: Any, _p: Any, _q: Any, by_value: Any, by_slope: Any) -> Any:
    """p is the slope, too."""
    return by_value * x + by_slope, by_value
