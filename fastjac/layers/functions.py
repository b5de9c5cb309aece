"""Elementary functions: powers, logarithm, sine and cosine.

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


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
