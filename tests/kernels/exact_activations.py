"""The activations and their derivatives, in mpmath at so many digits that nothing cancels."""

import functools

import mpmath as mp
from mpmath import mpf

from fastjac.layers import Activation
from tests.activations import TWINS


@functools.cache
def value_and_derivative(layer: Activation, x: float) -> tuple[mpf, mpf]:
    """The formula at x and its central difference, which is good to tens of digits away from kinks."""
    # tanh at 1000 is within 1e-868 of 1, and its difference must differ from 0. erfc would take too long with so many digits,
    # and keeps its relative accuracy with few.
    digits = 80 if layer.rule.name == "gelu" else 1300
    with mp.workdps(digits):
        formula, step = TWINS[type(layer)].exact, mpf(10) ** (-digits // 4)
        at = mpf(x)
        rise = formula(layer, at + step) - formula(layer, at - step)
        return formula(layer, at), rise / (2 * step)


@functools.cache
def second_derivative(layer: Activation, x: float) -> mpf:
    """The second central difference of the formula at x, which is good to tens of digits away from kinks."""
    # A difference of order 1e-308 must differ from 0. With so many digits erfc would take too long; it keeps its relative
    # accuracy with few on the left, and because GELU is even but for x / 2, it is only needed there.
    digits, x = (80, -abs(x)) if layer.rule.name == "gelu" else (700, x)
    with mp.workdps(digits):
        formula, step = TWINS[type(layer)].exact, mpf(10) ** (-digits // 4)
        at = mpf(x)
        return (formula(layer, at + step) - 2 * formula(layer, at) + formula(layer, at - step)) / step**2
