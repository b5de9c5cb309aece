"""Activations with kinks.

In every formula `x` is a unit's input. At a kink the derivative is the one that torch takes; each class says which. The
formulas themselves are in `fastjac.kernels.formulas`.
"""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass

from ..errors import OptionError
from ..kernels.activations import Rule
from ..kernels.formulas import piecewise as formulas
from .activation import Activation, PerUnit
from .base import Parameter
from .registry import declared_in, layer


@layer
class ReLU(Activation):
    """`max(x, 0)`; derivative 0 at 0, 1 at nan.

    >>> fj.Network([fj.ReLU()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0., 0., 2.]), array([0., 0., 1.]))
    """

    rule = Rule(formulas.relu)
    kinks = (0.0,)
    binary = sparse = piecewise_linear = True


@layer
class LeakyReLU(Activation):
    """`x` where x > 0, `negative_slope * x` elsewhere; derivative `negative_slope` at 0.

    >>> fj.Network([fj.LeakyReLU(0.1)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.1,  0. ,  2. ]), array([0.1, 0.1, 1. ]))
    """

    rule = Rule(formulas.leaky_relu, formulas.pull_leaky_relu)
    piecewise_linear = True
    kinks = (0.0,)
    negative_slope: float = 0.01


@layer
class PReLU(PerUnit):
    """`x` where x > 0, `weight * x` elsewhere; derivative `weight` at 0.

    weight : (n,) float array, one slope for each unit, or one number for all units.

    >>> fj.Network([fj.PReLU(np.array([0.1, 0.2, 0.3]))]).jvp([-1, -1, 2], [1, 1, 1])
    (array([-0.1, -0.2,  2. ]), array([0.1, 0.2, 1. ]))
    """

    rule = LeakyReLU.rule
    piecewise_linear = True
    kinks = (0.0,)
    trained = ("weight",)
    weight: Parameter = 0.25


@layer
class Abs(Activation):
    """`|x|`; derivative 0 at 0, and at nan.

    >>> fj.Network([fj.Abs()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([1., 0., 2.]), array([-1.,  0.,  1.]))
    """

    rule = Rule(formulas.absolute)
    piecewise_linear = True
    kinks = (0.0,)


@layer
class ELU(Activation):
    """`x` where x > 0, `alpha (exp(x) - 1)` elsewhere; derivative `alpha` at 0.

    >>> fj.Network([fj.ELU(alpha=0.5)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.31606028,  0.        ,  2.        ]), array([0.18393972, 0.5       , 1.        ]))
    """

    rule = Rule(formulas.elu)
    alpha: float = 1.0

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return () if self.alpha == 1.0 else (0.0,)


@layer
class SELU(Activation):
    """`scale * ELU(x, alpha)`, the self-normalizing constants of Klambauer et al. (2017); derivative `scale * alpha` at 0.

    >>> fj.Network([fj.SELU()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-1.11133074,  0.        ,  2.10140197]), array([0.6467686 , 1.75809934, 1.05070099]))
    """

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
    """`min(max(x, min_val), max_val)`; derivative 0 at both kinks, where Clamp has 1. Infinite bounds leave that side open.

    >>> fj.Network([fj.HardTanh()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-1.,  0.,  1.]), array([0., 1., 0.]))
    """

    rule = Rule(formulas.hard_tanh)
    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min_val < self.max_val:
            raise OptionError(f"HardTanh min_val must be below max_val, got {self.min_val} and {self.max_val}")


@layer
class ReLU6(_Bounded):
    """`min(max(x, 0), 6)`; derivative 0 at 0 and at 6.

    >>> fj.Network([fj.ReLU6()], n_in=3).jvp([-1, 3, 7], [1, 1, 1])
    (array([0., 3., 6.]), array([0., 1., 0.]))
    """

    rule = HardTanh.rule
    rule_parameters = min_val, max_val = (0.0, 6.0)


@layer
class Clamp(_Bounded):
    """`min(max(x, min_val), max_val)` as `torch.clamp` differentiates it: derivative 1 at both kinks, where HardTanh has 0.

    An infinite bound leaves that side open.

    >>> fj.Network([fj.Clamp(0, 2)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0., 0., 2.]), array([0., 1., 1.]))
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
    """`min(max(x / 6 + 1/2, 0), 1)` (torch, Keras 3); derivative 0 at -3 and 3. Keras 2 used 0.2 in place of 1/6.

    >>> fj.Network([fj.HardSigmoid()], n_in=3).jvp([-4, 0, 2], [1, 1, 1])
    (array([0.        , 0.5       , 0.83333333]), array([0.        , 0.16666667, 0.16666667]))
    """

    rule = Rule(formulas.hard_sigmoid)
    sparse = piecewise_linear = True
    kinks = (-3.0, 3.0)


@layer
class HardSwish(Activation):
    """`x * HardSigmoid(x)`; derivative 0 at -3 and 1 at 3.

    >>> fj.Network([fj.HardSwish()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.33333333,  0.        ,  1.66666667]), array([0.16666667, 0.5       , 1.16666667]))
    """

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
    """`x` where |x| > lambd, 0 elsewhere; derivative 0 at both kinks.

    >>> fj.Network([fj.HardShrink()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-1.,  0.,  2.]), array([1., 0., 1.]))
    """

    rule = Rule(formulas.hard_shrink)
    binary = True


@layer
class SoftShrink(_Shrink):
    """`x - lambd` above lambd, `x + lambd` below -lambd, 0 between; derivative 0 at both kinks.

    >>> fj.Network([fj.SoftShrink()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.5,  0. ,  1.5]), array([1., 0., 1.]))
    """

    rule = Rule(formulas.soft_shrink)
    binary = True


@layer
class Threshold(Activation):
    """`x` where x > threshold, `value` elsewhere; derivative 0 at the threshold.

    >>> fj.Network([fj.Threshold(1.0, value=-7.0)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-7., -7.,  2.]), array([0., 0., 1.]))
    """

    rule = Rule(formulas.threshold)
    binary = sparse = piecewise_linear = True
    threshold: float = 0.0
    value: float = 0.0

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        return (self.threshold,)


@layer
class SparseSigmoid(Activation):
    """`min(max((x + 1) / 2, 0), 1)` (Keras); derivative 0 at both kinks.

    >>> fj.Network([fj.SparseSigmoid()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([0. , 0.5, 1. ]), array([0. , 0.5, 0. ]))
    """

    rule = Rule(formulas.sparse_sigmoid)
    sparse = piecewise_linear = True
    kinks = (-1.0, 1.0)


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
