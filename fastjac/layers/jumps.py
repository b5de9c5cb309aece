"""Activations that jump: roundings to whole numbers, and remainders.

In every formula `x` is a unit's input. At a jump the derivative is the one that torch takes; each class says which. The
formulas themselves are in `fastjac.kernels.formulas`.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import OptionError
from ..kernels.activations import Rule
from ..kernels.formulas import jumps as formulas
from .activation import Activation
from .base import Parameter, as_float
from .registry import declared_in, layer


@dataclass(frozen=True, eq=False, repr=False)
class _Steps(Activation):
    """Base of the maps to whole numbers, whose derivative is 0 everywhere, at the jumps too."""

    binary = sparse = piecewise_linear = True
    period = 1.0


@layer
class Floor(_Steps):
    """The largest whole number that is not above x; derivative 0.

    >>> fj.Network([fj.Floor()], n_in=3).jvp([-1.5, 0.2, 2.5], [1, 1, 1])
    (array([-2.,  0.,  2.]), array([0., 0., 0.]))
    """

    rule = Rule(formulas.floor)
    kinks = (0.0,)


@layer
class Ceil(_Steps):
    """The smallest whole number that is not below x; derivative 0.

    >>> fj.Network([fj.Ceil()], n_in=3).jvp([-1.5, 0.2, 2.5], [1, 1, 1])
    (array([-1.,  1.,  3.]), array([0., 0., 0.]))
    """

    rule = Rule(formulas.ceil)
    kinks = (0.0,)


@layer
class Round(_Steps):
    """The whole number nearest to x, the even one where two are; derivative 0.

    >>> fj.Network([fj.Round()], n_in=3).jvp([-1.5, 0.2, 2.5], [1, 1, 1])
    (array([-2.,  0.,  2.]), array([0., 0., 0.]))
    """

    rule = Rule(formulas.nearest)
    kinks = (0.5,)


@layer
class Remainder(Activation):
    """What remains of x after whole multiples of `divisor`, nan for a divisor of 0; derivative 1, at the jumps too.

    rounding : how the quotient is rounded: "floor" for a remainder with the sign of the divisor (`torch.remainder`, `%` in
        Python), or "trunc" for one with the sign of x (`torch.fmod`, `%` in C).

    >>> fj.Network([fj.Remainder(2.0)], n_in=3).jvp([-1, 3, 4.5], [1, 1, 1])
    (array([1. , 1. , 0.5]), array([1., 1., 1.]))
    """

    rules: ClassVar[dict[str, Rule]] = {"floor": Rule(formulas.remainder), "trunc": Rule(formulas.truncated_remainder)}
    binary = piecewise_linear = True
    kinks = (0.0,)
    divisor: float = 1.0
    rounding: Literal["floor", "trunc"] = "floor"

    def __post_init__(self) -> None:
        object.__setattr__(self, "divisor", as_float(self.divisor, "Remainder divisor"))
        if self.rounding not in ("floor", "trunc"):
            raise OptionError(f'Remainder rounding must be "floor" or "trunc", got {self.rounding!r}')

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        return self.rules[self.rounding]

    @property
    def rule_parameters(self) -> tuple[Parameter, ...]:
        return self.divisor, 0.0

    @property
    def period(self) -> float:  # type: ignore[override]
        return abs(self.divisor)


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
