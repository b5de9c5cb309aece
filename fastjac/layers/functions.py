"""Elementary functions: powers, logarithm, trigonometric and hyperbolic functions and their inverses.

In every formula `x` is a unit's input. Where a function is not defined, or infinite, values and derivatives are those that torch
gives. The formulas themselves are in `fastjac.kernels.formulas`.
"""

from __future__ import annotations

import math
import typing
from typing import ClassVar

from ..errors import OptionError
from ..kernels.activations import Rule, RuleWithin
from ..kernels.elementary import REACH
from ..kernels.formulas import functions as formulas
from .activation import Activation
from .base import Parameter
from .registry import declared_in, layer


@layer
class Sqrt(Activation):
    """The square root; derivative inf at 0, nan below."""

    rule = Rule(formulas.square_root)
    kinks = (0.0,)


@layer
class Reciprocal(Activation):
    """`1 / x`; derivative -inf at 0."""

    rule = Rule(formulas.reciprocal)
    kinks = (0.0,)


@layer
class Power(Activation):
    """`x ** exponent` as `torch.pow` takes it: nan for x < 0, unless the exponent is a whole number.

    A square, the default, is faster than other powers.
    """

    rules: ClassVar[dict[str, Rule]] = {"square": Rule(formulas.square), "other": Rule(formulas.power)}
    exponent: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.exponent):
            raise OptionError(f"Power exponent must be finite, got {self.exponent}")

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        return self.rules["square" if self.exponent == 2.0 else "other"]

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return () if self.exponent >= 0.0 and self.exponent.is_integer() else (0.0,)


@layer
class Log(Activation):
    """The natural logarithm: -inf at 0, and nan below, where the derivative is `1 / x` all the same."""

    rule = Rule(formulas.logarithm)
    kinks = (0.0,)


@layer
class Sin(Activation):
    """The sine."""

    rule = RuleWithin(formulas.sine, anywhere=formulas.sine_anywhere, reach=REACH)


@layer
class Cos(Activation):
    """The cosine."""

    rule = RuleWithin(formulas.cosine, anywhere=formulas.cosine_anywhere, reach=REACH)


@layer
class Tan(Activation):
    """The tangent."""

    rule = Rule(formulas.tangent)


@layer
class Asin(Activation):
    """The inverse of the sine; derivative inf at -1 and 1, nan beyond."""

    rule = Rule(formulas.arcsine)
    kinks = (-1.0, 1.0)


@layer
class Acos(Activation):
    """The inverse of the cosine; derivative -inf at -1 and 1, nan beyond."""

    rule = Rule(formulas.arccosine)
    kinks = (-1.0, 1.0)


@layer
class Atan(Activation):
    """The inverse of the tangent."""

    rule = Rule(formulas.arctangent)


@layer
class Sinh(Activation):
    """The hyperbolic sine."""

    rule = Rule(formulas.hyperbolic_sine)


@layer
class Cosh(Activation):
    """The hyperbolic cosine."""

    rule = Rule(formulas.hyperbolic_cosine)


@layer
class Asinh(Activation):
    """The inverse of the hyperbolic sine."""

    rule = Rule(formulas.area_sine)


@layer
class Acosh(Activation):
    """The inverse of the hyperbolic cosine: nan below 1, and the derivative is inf at 1."""

    rule = Rule(formulas.area_cosine)
    kinks = (1.0,)


@layer
class Atanh(Activation):
    """The inverse of Tanh: -inf and inf at -1 and 1; nan beyond, where the derivative is `1 / (1 - x^2)` all the same."""

    rule = Rule(formulas.area_tangent)
    kinks = (-1.0, 1.0)


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
