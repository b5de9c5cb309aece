"""The formulas of elementary functions: powers, logarithm, sine and cosine."""

from __future__ import annotations

import math
from typing import Any

from ..elementary import REACH, log, sine_and_cosine
from ..floating import inlined


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
    """`x^p`; a slope or bend with a factor 0 is 0 also where the power is inf or nan."""
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
