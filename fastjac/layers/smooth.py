"""Activations whose derivative is continuous, but for a tiny jump of Softplus.

In every formula `x` is a unit's input. The formulas themselves are in `fastjac.kernels.formulas`.
"""

from __future__ import annotations

import math
import typing
from typing import ClassVar, Literal

from ..errors import OptionError
from ..kernels.activations import Rule
from ..kernels.formulas import smooth as formulas
from .activation import Activation, PerUnit
from .base import Parameter
from .registry import declared_in, layer


@layer
class CELU(Activation):
    """`x` where x > 0, `alpha (exp(x / alpha) - 1)` elsewhere; the derivative is continuous, 1 at 0."""

    rule = Rule(formulas.celu)
    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha == 0.0:
            raise OptionError("CELU alpha must not be 0: exp(x / alpha) has no meaning there")


@layer
class GELU(Activation):
    """`x Phi(x)` with the normal distribution function Phi (Hendrycks & Gimpel 2016), or its tanh approximation.

    approximate : "none" for the exact form, "tanh" for `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
    """

    rules: ClassVar[dict[str, Rule]] = {"none": Rule(formulas.gelu), "tanh": Rule(formulas.gelu_tanh)}
    approximate: Literal["none", "tanh"] = "none"

    def __post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise OptionError(f'GELU approximate must be "none" or "tanh", got {self.approximate!r}')

    rule_parameters = (0.0, 0.0)

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        return self.rules[self.approximate]


@layer
class SiLU(Activation):
    """`x sigmoid(x)`, also called swish."""

    rule = Rule(formulas.silu)


@layer
class GatedSwish(PerUnit):
    """`x (floor + (1 - floor) sigmoid(beta x))`: a swish whose gate rises from `floor` to 1 (Alsing et al. 2020).

    Emulators in cosmology train both for each unit; they call them beta and alpha, in this order.

    floor, beta : (n,) float arrays, or one number for all units.
    """

    rule = Rule(formulas.gated_swish, formulas.pull_gated_swish)
    trained = ("floor", "beta")
    floor: Parameter = 0.0
    beta: Parameter = 1.0


@layer
class Mish(Activation):
    """`x tanh(log(1 + exp(x)))` (Misra 2019)."""

    rule = Rule(formulas.mish)


@layer
class Tanh(Activation):
    """The hyperbolic tangent; the derivative keeps its relative accuracy in the tails (sech^2, not 1 - tanh^2)."""

    rule = Rule(formulas.tanh)


@layer
class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`; accurate in both tails."""

    rule = Rule(formulas.sigmoid)


@layer
class Softplus(Activation):
    """`log(1 + exp(beta x)) / beta`, and `x` itself where `beta x > threshold`, as in torch.

    At the threshold, a kink, y jumps by less than 2.1e-9 / beta for the default; math.inf turns it off.
    """

    rule = Rule(formulas.softplus)
    beta: float = 1.0
    threshold: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta == 0.0:
            raise OptionError("Softplus beta must not be 0: the function divides by it")

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        at = self.threshold / self.beta
        return (at,) if math.isfinite(at) else ()


@layer
class Softsign(Activation):
    """`x / (1 + |x|)`."""

    rule = Rule(formulas.softsign)


@layer
class LogSigmoid(Activation):
    """`log(sigmoid(x))`, without overflow for any x."""

    rule = Rule(formulas.log_sigmoid)


@layer
class Exp(Activation):
    """`exp(x)`."""

    rule = Rule(formulas.exponential)


@layer
class Erf(Activation):
    """The error function `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to x."""

    rule = Rule(formulas.erf)


@layer
class TanhShrink(Activation):
    """`x - tanh(x)`."""

    rule = Rule(formulas.tanh_shrink)


@layer
class SquarePlus(Activation):
    """`(x + sqrt(x^2 + b)) / 2` (Barron 2021, Keras)."""

    rule = Rule(formulas.square_plus)
    b: float = 4.0


@layer
class SparsePlus(Activation):
    """0 up to -1, `(x + 1)^2 / 4` up to 1, `x` above (Keras); the derivative is continuous."""

    rule = Rule(formulas.sparse_plus)
    sparse = True


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
