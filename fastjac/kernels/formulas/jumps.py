"""The formulas of the activations that jump: roundings and remainders."""

from __future__ import annotations

from math import copysign
from typing import Any

import numpy as np

from ..elementary import whole
from ..floating import inlined


@inlined
def nearest(x: Any, _p: Any, _q: Any) -> Any:
    """The nearest whole number."""
    zero = type(x)(0)
    return whole(x), zero, zero


@inlined
def floor(x: Any, _p: Any, _q: Any) -> Any:
    """The next whole number below, with the sign of x where it is 0."""
    real = type(x)
    y = whole(x)
    return copysign(y - real(1) if y > x else y, x), real(0), real(0)


@inlined
def ceil(x: Any, _p: Any, _q: Any) -> Any:
    """The next whole number above, with the sign of x where it is 0."""
    real = type(x)
    y = whole(x)
    return copysign(y + real(1) if y < x else y, x), real(0), real(0)


@inlined
def truncated_remainder(x: Any, p: Any, _q: Any) -> Any:
    """What remains of x after whole multiples of p, with the sign of x."""
    real = type(x)
    return np.fmod(x, p), real(1), real(0)


@inlined
def remainder(x: Any, p: Any, _q: Any) -> Any:
    """What remains of x after whole multiples of p, with the sign of p."""
    real = type(x)
    left = np.fmod(x, p)
    return left + p if (left != 0) & ((left < 0) != (p < 0)) else left, real(1), real(0)
