"""Functions of two vectors, unit by unit: values, slopes by both, and bends.

Each kernel takes the addresses of both vectors, of the value and of both slopes, and the number of units. The value may be
written over an operand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .jit import kernel, piece
from .memory import NUMBER, view


def _over_units(name: str, rule: Callable[..., Any]) -> Any:
    """The kernel that applies a rule `(a, b) -> (value, slope by a, slope by b)` to every unit."""
    compiled = piece(rule)

    def take_units(zero, first, second, target, first_slopes, second_slopes, n):
        a, b, c = view(zero, first, n), view(zero, second, n), view(zero, target, n)
        by_a, by_b = view(zero, first_slopes, n), view(zero, second_slopes, n)
        for j in range(n):
            c[j], by_a[j], by_b[j] = compiled(a[j], b[j])

    return kernel(*(NUMBER,) * 6, name=name)(take_units)


def _multiply(a, b):
    return a * b, b, a


def _divide(a, b):
    value = a / b
    return value, type(a)(1.0) / b, -value / b


def _maximum(a, b):
    value = a if a >= b or a != a else b  # a nan goes through
    by_a, by_b = _shares(a, b)
    return value, by_a, by_b


def _minimum(a, b):
    value = a if a <= b or a != a else b
    by_b, by_a = _shares(a, b)
    return value, by_a, by_b


@piece
def _shares(a, b):
    """Each operand's share of the derivative of the larger: all or nothing, half where they are equal, all for both at nan."""
    none, half, whole = type(a)(0.0), type(a)(0.5), type(a)(1.0)
    equal = half if a == b else whole
    return (none if a < b else equal), (none if b < a else equal)


@piece
def _through(is_open, b):
    """b with slope 1 where the gate is open, 0 with slope 0 elsewhere; the slope by the operand that opens it is 0."""
    zero, one = type(b)(0.0), type(b)(1.0)
    return (b, zero, one) if is_open else (zero, zero, zero)


def _gate_above(a, b):
    return _through(a > type(a)(0.0), b)


def _gate_from(a, b):
    return _through(a >= type(a)(0.0), b)


def _gate_not_above(a, b):
    return _through(not a > type(a)(0.0), b)  # so that nan opens it


def _gate_not_from(a, b):
    return _through(not a >= type(a)(0.0), b)


PAIRWISE = {
    "multiply": _over_units("multiply_units", _multiply),
    "divide": _over_units("divide_units", _divide),
    "maximum": _over_units("maximum_units", _maximum),
    "minimum": _over_units("minimum_units", _minimum),
    "gate a > 0": _over_units("gate_above", _gate_above),
    "gate a >= 0": _over_units("gate_from", _gate_from),
    "gate not a > 0": _over_units("gate_not_above", _gate_not_above),
    "gate not a >= 0": _over_units("gate_not_from", _gate_not_from),
}
"""The kernel of each rule, by the rule's name in a Pairwise join."""


def _bent(name: str, rule: Callable[..., Any]) -> Any:
    """The kernel that adds to a row a loss's derivative by one operand, through both slopes.

    rule : `(by_mine, by_other, mine, other) -> derivative by this operand`, from the slopes by this operand and by the other, and
        the loss's derivatives by these slopes.
    """
    compiled = piece(rule)

    def bend_units(zero, target, by_mine, by_other, mine, other, n):
        c, u, v = view(zero, target, n), view(zero, by_mine, n), view(zero, by_other, n)
        p, q = view(zero, mine, n), view(zero, other, n)
        for j in range(n):
            c[j] += compiled(u[j], v[j], p[j], q[j])

    return kernel(*(NUMBER,) * 6, name=name)(bend_units)


def _bend_product(by_mine, by_other, mine, other):
    return by_other


def _bend_numerator(by_mine, by_other, mine, other):
    """The slope by b is `-a / b^2`, the slope by a is `1 / b`."""
    return -by_other * mine * mine


def _bend_denominator(by_mine, by_other, mine, other):
    return -by_other * other * other - (by_mine + by_mine) * mine * other


_PRODUCT = _bent("bend_product", _bend_product)
BENDS = {
    "multiply": (_PRODUCT, _PRODUCT),
    "divide": (_bent("bend_numerator", _bend_numerator), _bent("bend_denominator", _bend_denominator)),
}
"""The kernels of each rule that bends, for the first operand and the second; all other rules have bends of 0."""
