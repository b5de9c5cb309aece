"""Angles and lengths of pairs of numbers."""

from __future__ import annotations

import math

import numpy as np

from .choice import at_least, where
from .elementwise import add, divide, multiply
from .functions import FUNCTIONS, negative, sqrt, square
from .values import Constant, Value, computed, constant


def hypotenuse(a: Value, b: Value) -> Value:
    """`sqrt(a^2 + b^2)`."""
    return sqrt(add(square(a), square(b)))


def arctan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y), from -pi to pi.

    It is `2 atan(y / (r + x))` on the right of the origin, with r the distance, and the mirrored angle on the left. At the origin
    there is no derivative: it is nan, as in other libraries.
    """
    if isinstance(y, Constant) and isinstance(x, Constant):
        return computed(np.arctan2, y, x)
    zero, whole, half = constant(np.float32(0.0)), constant(np.float64(math.pi)), constant(np.float64(-math.pi))
    right = at_least(x, zero)
    # The size of x is chosen, since the derivative of abs at 0 is 0, and here that of either side is wanted.
    reach = add(hypotenuse(y, x), where(right, x, negative(x)))
    angle = multiply(FUNCTIONS["atan"](divide(y, reach)), constant(np.float32(2.0)))
    return where(right, angle, add(where(at_least(y, zero), whole, half), negative(angle)))
