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
    """The square root; derivative inf at 0, nan below.

    >>> fj.Network([fj.Sqrt()], n_in=3).jvp([1, 4, 9], [1, 1, 1])
    (array([1., 2., 3.]), array([0.5       , 0.25      , 0.16666667]))
    """

    rule = Rule(formulas.square_root)
    kinks = (0.0,)


@layer
class Reciprocal(Activation):
    """`1 / x`; derivative -inf at 0.

    >>> fj.Network([fj.Reciprocal()], n_in=3).jvp([1, 2, 4], [1, 1, 1])
    (array([1.  , 0.5 , 0.25]), array([-1.    , -0.25  , -0.0625]))
    """

    rule = Rule(formulas.reciprocal)
    kinks = (0.0,)


@layer
class Power(Activation):
    """`x ** exponent` as `torch.pow` takes it: nan for x < 0, unless the exponent is a whole number.

    A square, the default, is faster than other powers.

    >>> fj.Network([fj.Power(3.0)], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-1.,  0.,  8.]), array([ 3.,  0., 12.]))
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
    """The natural logarithm: -inf at 0, and nan below, where the derivative is `1 / x` all the same.

    >>> fj.Network([fj.Log()], n_in=3).jvp([1, 2, 4], [1, 1, 1])
    (array([0.        , 0.69314718, 1.38629436]), array([1.  , 0.5 , 0.25]))
    """

    rule = Rule(formulas.logarithm)
    kinks = (0.0,)


@layer
class Sin(Activation):
    """The sine.

    >>> fj.Network([fj.Sin()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([-0.84147098,  0.        ,  0.90929743]), array([ 0.54030231,  1.        , -0.41614684]))
    """

    rule = RuleWithin(formulas.sine, anywhere=formulas.sine_anywhere, reach=REACH)


@layer
class Cos(Activation):
    """The cosine.

    >>> fj.Network([fj.Cos()], n_in=3).jvp([-1, 0, 2], [1, 1, 1])
    (array([ 0.54030231,  1.        , -0.41614684]), array([ 0.84147098, -0.        , -0.90929743]))
    """

    rule = RuleWithin(formulas.cosine, anywhere=formulas.cosine_anywhere, reach=REACH)


@layer
class Tan(Activation):
    """The tangent.

    >>> fj.Network([fj.Tan()], n_in=3).jvp([-1, 0, 1], [1, 1, 1])
    (array([-1.55740772,  0.        ,  1.55740772]), array([3.42551882, 1.        , 3.42551882]))
    """

    rule = Rule(formulas.tangent)


@layer
class Asin(Activation):
    """The inverse of the sine; derivative inf at -1 and 1, nan beyond.

    >>> fj.Network([fj.Asin()], n_in=3).jvp([-0.5, 0, 0.5], [1, 1, 1])
    (array([-0.52359878,  0.        ,  0.52359878]), array([1.15470054, 1.        , 1.15470054]))
    """

    rule = Rule(formulas.arcsine)
    kinks = (-1.0, 1.0)


@layer
class Acos(Activation):
    """The inverse of the cosine; derivative -inf at -1 and 1, nan beyond.

    >>> fj.Network([fj.Acos()], n_in=3).jvp([-0.5, 0, 0.5], [1, 1, 1])
    (array([2.0943951 , 1.57079633, 1.04719755]), array([-1.15470054, -1.        , -1.15470054]))
    """

    rule = Rule(formulas.arccosine)
    kinks = (-1.0, 1.0)


@layer
class Atan(Activation):
    """The inverse of the tangent.

    >>> fj.Network([fj.Atan()], n_in=3).jvp([-1, 0, 1], [1, 1, 1])
    (array([-0.78539816,  0.        ,  0.78539816]), array([0.5, 1. , 0.5]))
    """

    rule = Rule(formulas.arctangent)


@layer
class Sinh(Activation):
    """The hyperbolic sine.

    >>> fj.Network([fj.Sinh()], n_in=3).jvp([-1, 0, 1], [1, 1, 1])
    (array([-1.17520119,  0.        ,  1.17520119]), array([1.54308063, 1.        , 1.54308063]))
    """

    rule = Rule(formulas.hyperbolic_sine)


@layer
class Cosh(Activation):
    """The hyperbolic cosine.

    >>> fj.Network([fj.Cosh()], n_in=3).jvp([-1, 0, 1], [1, 1, 1])
    (array([1.54308063, 1.        , 1.54308063]), array([-1.17520119,  0.        ,  1.17520119]))
    """

    rule = Rule(formulas.hyperbolic_cosine)


@layer
class Asinh(Activation):
    """The inverse of the hyperbolic sine.

    >>> fj.Network([fj.Asinh()], n_in=3).jvp([-1, 0, 1], [1, 1, 1])
    (array([-0.88137359,  0.        ,  0.88137359]), array([0.70710678, 1.        , 0.70710678]))
    """

    rule = Rule(formulas.area_sine)


@layer
class Acosh(Activation):
    """The inverse of the hyperbolic cosine: nan below 1, and the derivative is inf at 1.

    >>> fj.Network([fj.Acosh()], n_in=3).jvp([1.5, 2, 3], [1, 1, 1])
    (array([0.96242365, 1.3169579 , 1.76274717]), array([0.89442719, 0.57735027, 0.35355339]))
    """

    rule = Rule(formulas.area_cosine)
    kinks = (1.0,)


@layer
class Atanh(Activation):
    """The inverse of Tanh: -inf and inf at -1 and 1; nan beyond, where the derivative is `1 / (1 - x^2)` all the same.

    >>> fj.Network([fj.Atanh()], n_in=3).jvp([-0.5, 0, 0.5], [1, 1, 1])
    (array([-0.54930614,  0.        ,  0.54930614]), array([1.33333333, 1.        , 1.33333333]))
    """

    rule = Rule(formulas.area_tangent)
    kinks = (-1.0, 1.0)


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
