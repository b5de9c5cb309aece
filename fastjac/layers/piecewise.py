"""Activations with kinks, and those that jump.

In every formula `x` is a unit's input. At a kink the derivative is the one that torch takes; each class says which. The
formulas themselves are in `fastjac.kernels.formulas`.
"""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import OptionError
from ..kernels.activations import Rule
from ..kernels.formulas import piecewise as formulas
from .activation import Activation, PerUnit
from .base import Parameter, as_float
from .registry import declared_in, layer


@layer
class ReLU(Activation):
    """`max(x, 0)`; derivative 0 at 0, 1 at nan."""

    rule = Rule(formulas.relu)
    kinks = (0.0,)
    binary = sparse = piecewise_linear = True


@layer
class LeakyReLU(Activation):
    """`x` where x > 0, `negative_slope * x` elsewhere; derivative `negative_slope` at 0."""

    rule = Rule(formulas.leaky_relu, formulas.pull_leaky_relu)
    piecewise_linear = True
    kinks = (0.0,)
    negative_slope: float = 0.01


@layer
class PReLU(PerUnit):
    """`x` where x > 0, `weight * x` elsewhere; derivative `weight` at 0.

    weight : (n,) float array, one slope for each unit, or one number for all units.
    """

    rule = LeakyReLU.rule
    piecewise_linear = True
    kinks = (0.0,)
    trained = ("weight",)
    weight: Parameter = 0.25


@layer
class Abs(Activation):
    """`|x|`; derivative 0 at 0, and at nan."""

    rule = Rule(formulas.absolute)
    piecewise_linear = True
    kinks = (0.0,)


@layer
class ELU(Activation):
    """`x` where x > 0, `alpha (exp(x) - 1)` elsewhere; derivative `alpha` at 0."""

    rule = Rule(formulas.elu)
    alpha: float = 1.0

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return () if self.alpha == 1.0 else (0.0,)


@layer
class SELU(Activation):
    """`scale * ELU(x, alpha)`, the self-normalizing constants of Klambauer et al. (2017); derivative `scale * alpha` at 0."""

    rule = Rule(formulas.selu)
    kinks = (0.0,)


class _Bounded(Activation):
    """The identity between two bounds and constant beyond; an infinite bound leaves its side open and is no kink."""

    binary = sparse = piecewise_linear = True
    min_val: float
    max_val: float

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return tuple(v for v in (self.min_val, self.max_val) if math.isfinite(v))


@layer
class HardTanh(_Bounded):
    """`min(max(x, min_val), max_val)`; derivative 0 at both kinks, where Clamp has 1. Infinite bounds leave that side open."""

    rule = Rule(formulas.hard_tanh)
    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_val < self.max_val:
            raise OptionError(f"HardTanh min_val must be below max_val, got {self.min_val} and {self.max_val}")


@layer
class ReLU6(_Bounded):
    """`min(max(x, 0), 6)`; derivative 0 at 0 and at 6."""

    rule = HardTanh.rule
    rule_parameters = min_val, max_val = (0.0, 6.0)


@layer
class Clamp(_Bounded):
    """`min(max(x, min_val), max_val)` as `torch.clamp` differentiates it: derivative 1 at both kinks, where HardTanh has 0.

    An infinite bound leaves that side open.
    """

    rule = Rule(formulas.clamp)
    min_val: float = -math.inf
    max_val: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_val <= self.max_val:
            raise OptionError(f"Clamp min_val must not be above max_val, got {self.min_val} and {self.max_val}")


@layer
class HardSigmoid(Activation):
    """`min(max(x / 6 + 1/2, 0), 1)` (torch, Keras 3); derivative 0 at -3 and 3. Keras 2 used 0.2 in place of 1/6."""

    rule = Rule(formulas.hard_sigmoid)
    sparse = piecewise_linear = True
    kinks = (-3.0, 3.0)


@layer
class HardSwish(Activation):
    """`x * HardSigmoid(x)`; derivative 0 at -3 and 1 at 3."""

    rule = Rule(formulas.hard_swish)
    sparse = True
    kinks = (-3.0, 3.0)


@dataclass(frozen=True, eq=False, repr=False)
class _Shrink(Activation):
    """Base of the two maps that send `[-lambd, lambd]` to 0; derivative 0 at both kinks."""

    sparse = piecewise_linear = True
    lambd: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lambd >= 0.0:
            raise OptionError(f"{type(self).__name__} lambd must be 0 or more, got {self.lambd}")

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return (-self.lambd, self.lambd)


@layer
class HardShrink(_Shrink):
    """`x` where |x| > lambd, 0 elsewhere; derivative 0 at both kinks."""

    rule = Rule(formulas.hard_shrink)
    binary = True


@layer
class SoftShrink(_Shrink):
    """`x - lambd` above lambd, `x + lambd` below -lambd, 0 between; derivative 0 at both kinks."""

    rule = Rule(formulas.soft_shrink)
    binary = True


@layer
class Threshold(Activation):
    """`x` where x > threshold, `value` elsewhere; derivative 0 at the threshold."""

    rule = Rule(formulas.threshold)
    binary = sparse = piecewise_linear = True
    threshold: float = 0.0
    value: float = 0.0

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return (self.threshold,)


@layer
class SparseSigmoid(Activation):
    """`min(max((x + 1) / 2, 0), 1)` (Keras); derivative 0 at both kinks."""

    rule = Rule(formulas.sparse_sigmoid)
    sparse = piecewise_linear = True
    kinks = (-1.0, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class _Steps(Activation):
    """Base of the maps to whole numbers, whose derivative is 0 everywhere, at the jumps too."""

    binary = sparse = piecewise_linear = True
    period = 1.0


@layer
class Floor(_Steps):
    """The largest whole number that is not above x; derivative 0."""

    rule = Rule(formulas.floor)
    kinks = (0.0,)


@layer
class Ceil(_Steps):
    """The smallest whole number that is not below x; derivative 0."""

    rule = Rule(formulas.ceil)
    kinks = (0.0,)


@layer
class Round(_Steps):
    """The whole number nearest to x, the even one where two are; derivative 0."""

    rule = Rule(formulas.nearest)
    kinks = (0.5,)


@layer
class Remainder(Activation):
    """What is left of x beside a whole number of times `divisor`, nan by 0; derivative 1, also where it jumps.

    rounding : of the quotient, "floor" for a remainder that has the sign of the divisor (`torch.remainder`, `%` in Python), or
        "trunc" for one that has the sign of x (`torch.fmod`, `%` in C).
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
