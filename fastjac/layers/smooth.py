"""Activations whose derivative is continuous, except for a tiny jump of Softplus.

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
    """`x` where x > 0, `alpha (exp(x / alpha) - 1)` elsewhere; the derivative is continuous, 1 at 0.

    >>> fj.Network([fj.CELU(2.0)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.78693868,  0.        ,  2.        ]), array([0.60653066, 1.        , 1.        ]))
    """

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

    >>> fj.Network([fj.GELU()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.15865525,  0.        ,  1.95449974]), array([-0.08331547,  0.5       ,  1.0852318 ]))
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
    """`x sigmoid(x)`, also called swish.

    >>> fj.Network([fj.SiLU()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.26894142,  0.        ,  1.76159416]), array([0.07232949, 0.5       , 1.09078425]))
    """

    rule = Rule(formulas.silu)


@layer
class GatedSwish(PerUnit):
    """`x (floor + (1 - floor) sigmoid(beta x))`: a swish whose gate rises from `floor` to 1 (Alsing et al. 2020).

    Emulators in cosmology train both for each unit. What CosmoPower calls beta is `floor` here, and its alpha is `beta`:
    `GatedSwish(floor=file["beta"], beta=file["alpha"])`.

    floor, beta : (n,) float arrays, or one number for all units.

    >>> fj.Network([fj.GatedSwish(floor=0.2, beta=1.5)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.34594042,  0.        ,  1.9241186 ]), array([0.16696468, 0.6       , 1.07048328]))
    """

    rule = Rule(formulas.gated_swish, formulas.pull_gated_swish)
    trained = ("floor", "beta")
    floor: Parameter = 0.0
    beta: Parameter = 1.0


@layer
class Mish(Activation):
    """`x tanh(log(1 + exp(x)))` (Misra 2019).

    >>> fj.Network([fj.Mish()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.30340146,  0.        ,  1.94395896]), array([0.05921676, 0.6       , 1.06931793]))
    """

    rule = Rule(formulas.mish)


@layer
class Tanh(Activation):
    """The hyperbolic tangent; the derivative keeps its relative accuracy in the tails (sech^2, not 1 - tanh^2).

    >>> fj.Network([fj.Tanh()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.76159416,  0.        ,  0.96402758]), array([0.41997434, 1.        , 0.07065082]))
    """

    rule = Rule(formulas.tanh)


@layer
class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`; accurate in both tails.

    >>> fj.Network([fj.Sigmoid()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0.26894142, 0.5       , 0.88079708]), array([0.19661193, 0.25      , 0.10499359]))
    """

    rule = Rule(formulas.sigmoid)


@layer
class Softplus(Activation):
    """`log(1 + exp(beta x)) / beta`, and `x` itself where `beta x > threshold`, as in torch.

    At the threshold, a kink, y jumps by less than 2.1e-9 / beta for the default; math.inf turns it off.

    >>> fj.Network([fj.Softplus()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0.31326169, 0.69314718, 2.12692801]), array([0.26894142, 0.5       , 0.88079708]))
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
    """`x / (1 + |x|)`.

    >>> fj.Network([fj.Softsign()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.5       ,  0.        ,  0.66666667]), array([0.25      , 1.        , 0.11111111]))
    """

    rule = Rule(formulas.softsign)


@layer
class LogSigmoid(Activation):
    """`log(sigmoid(x))`, without overflow for any x.

    >>> fj.Network([fj.LogSigmoid()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-1.31326169, -0.69314718, -0.12692801]), array([0.73105858, 0.5       , 0.11920292]))
    """

    rule = Rule(formulas.log_sigmoid)


@layer
class Exp(Activation):
    """`exp(x)`.

    >>> fj.Network([fj.Exp()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0.36787944, 1.        , 7.3890561 ]), array([0.36787944, 1.        , 7.3890561 ]))
    """

    rule = Rule(formulas.exponential)


@layer
class Erf(Activation):
    """The error function `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to x.

    >>> fj.Network([fj.Erf()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.84270079,  0.        ,  0.99532227]), array([0.4151075 , 1.12837917, 0.02066699]))
    """

    rule = Rule(formulas.erf)


@layer
class TanhShrink(Activation):
    """`x - tanh(x)`.

    >>> fj.Network([fj.TanhShrink()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.23840584,  0.        ,  1.03597242]), array([0.58002566, 0.        , 0.92934918]))
    """

    rule = Rule(formulas.tanh_shrink)


@layer
class SquarePlus(Activation):
    """`(x + sqrt(x^2 + b)) / 2` (Barron 2021, Keras).

    >>> fj.Network([fj.SquarePlus()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0.61803399, 1.        , 2.41421356]), array([0.2763932 , 0.5       , 0.85355339]))
    """

    rule = Rule(formulas.square_plus)
    b: float = 4.0


@layer
class SparsePlus(Activation):
    """0 up to -1, `(x + 1)^2 / 4` up to 1, `x` above (Keras); the derivative is continuous.

    >>> fj.Network([fj.SparsePlus()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0.  , 0.25, 2.  ]), array([0. , 0.5, 1. ]))
    """

    rule = Rule(formulas.sparse_plus)
    sparse = True


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
