"""Activations whose derivative is continuous, but for a tiny jump of Softplus.

In every formula `x` is a unit's input. The formulas themselves are in `fastjac.kernels.activations`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import OptionError
from .base import Parameter
from .elementwise import Elementwise


@dataclass(frozen=True, eq=False, repr=False)
class CELU(Elementwise):
    """`x` where x > 0, `alpha (exp(x / alpha) - 1)` elsewhere; the derivative is continuous, 1 at 0."""

    rule = "celu"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha == 0.0:
            raise OptionError("CELU alpha must not be 0: exp(x / alpha) has no meaning there")


@dataclass(frozen=True, eq=False, repr=False)
class GELU(Elementwise):
    """`x Phi(x)` with the normal distribution function Phi (Hendrycks & Gimpel 2016), or its tanh approximation.

    approximate : "none" for the exact form, "tanh" for `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
    """

    approximate: Literal["none", "tanh"] = "none"

    def __post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise OptionError(f'GELU approximate must be "none" or "tanh", got {self.approximate!r}')

    rule_parameters = (0.0, 0.0)

    @property
    def rule(self) -> str:  # type: ignore[override]
        return "gelu" if self.approximate == "none" else "gelu_tanh"


@dataclass(frozen=True, eq=False, repr=False)
class SiLU(Elementwise):
    """`x sigmoid(x)`, also called swish."""

    rule = "silu"


@dataclass(frozen=True, eq=False, repr=False)
class Mish(Elementwise):
    """`x tanh(log(1 + exp(x)))` (Misra 2019)."""

    rule = "mish"


@dataclass(frozen=True, eq=False, repr=False)
class Tanh(Elementwise):
    """The hyperbolic tangent; the derivative keeps its relative accuracy in the tails (sech^2, not 1 - tanh^2)."""

    rule = "tanh"


@dataclass(frozen=True, eq=False, repr=False)
class Sigmoid(Elementwise):
    """`1 / (1 + exp(-x))`; accurate in both tails."""

    rule = "sigmoid"


@dataclass(frozen=True, eq=False, repr=False)
class Softplus(Elementwise):
    """`log(1 + exp(beta x)) / beta`, and `x` itself where `beta x > threshold`, as in torch.

    At the threshold, a kink, y jumps by less than 2.1e-9 / beta for the default; math.inf turns it off.
    """

    rule = "softplus"
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


@dataclass(frozen=True, eq=False, repr=False)
class Softsign(Elementwise):
    """`x / (1 + |x|)`."""

    rule = "softsign"


@dataclass(frozen=True, eq=False, repr=False)
class LogSigmoid(Elementwise):
    """`log(sigmoid(x))`, without overflow for any x."""

    rule = "log_sigmoid"


@dataclass(frozen=True, eq=False, repr=False)
class Exp(Elementwise):
    """`exp(x)`."""

    rule = "exp"


@dataclass(frozen=True, eq=False, repr=False)
class TanhShrink(Elementwise):
    """`x - tanh(x)`."""

    rule = "tanh_shrink"


@dataclass(frozen=True, eq=False, repr=False)
class SquarePlus(Elementwise):
    """`(x + sqrt(x^2 + b)) / 2` (Barron 2021, Keras)."""

    rule = "square_plus"
    b: float = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class SparsePlus(Elementwise):
    """0 up to -1, `(x + 1)^2 / 4` up to 1, `x` above (Keras); the derivative is continuous."""

    rule = "sparse_plus"
    sparse = True
