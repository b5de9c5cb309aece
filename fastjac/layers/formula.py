"""An activation of the user's own, by a formula."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import LayerError
from ..formula.parse import RESERVED
from ..formula.reading import Reading, kinks_of, read, rule_of
from ..formula.symbolic import text_of
from ..kernels.activations import MOST_TRAINED
from ..kernels.composed import ComposedRule
from .activation import ByName, as_texts
from .base import Parameter, as_per_unit

POINTS = (0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0)
"""Inputs that are tried: a formula must have a finite value at one of them at least."""
MOST_UNITS = 8
"""Most units whose parameters are tried so, where there are arrays."""
SHOWN = 60
"""Most characters of a formula that a table of layers shows."""


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Formula(ByName):
    """`y[i] = formula(x[i])`, by a formula as text, or as a SymPy expression; usable wherever an activation is.

        gate = fj.Formula("x * (g + (1 - g) * sigmoid(b * x))", g=np.full(100, 0.3), b=np.ones(100))
        snake = fj.Formula("x + sin(a * x)**2 / a", a=0.5)

    Parameters
    ----------
    formula : a text of `x`, the parameters' names, numbers and `pi`, with `+ - * / **`, parentheses, and the functions abs, acos,
        acosh, asin, asinh, atan, atanh, cos, cosh, elu, erf, exp, expm1, gelu, gelu_tanh, hard_sigmoid, hard_swish, log, log1p,
        log_sigmoid, logaddexp, max, min, mish, relu, relu6, selu, sigmoid, sign, silu or swish, sin, sinh, softplus, softsign,
        sqrt, tan, tanh, and `where(condition, a, b)`, whose condition compares, as in `-1 < x < b`, with `and`, `or` and `not`.
        At most 5,000 characters and 300 parts. Or a SymPy expression of a symbol `x` and those functions; Piecewise is `where`.
    parameters : by keyword, each a number, or an (n,) array with one entry for each unit. Arrays are among the parameters of the
        network, in the order in which the formula names them, and are trained; at most two. Numbers are fixed.

    The formula is never executed as code. Value, slope, bend and the derivatives by the parameters follow from it by the rules of
    calculus and are compiled at their first use; formulas of the same form share their kernels, which are kept on disk.

    Functions are as accurate, in value and derivatives, as the layers of these names. `1 / (1 + exp(-x))` is taken for
    `sigmoid(x)`, `log(1 + exp(x))` for `softplus(x)`, `exp(x) - 1` for `expm1(x)`; any other loss of digits, or overflow, is the
    formula's own.

    At kinks derivatives are torch's: 0 for abs, sign and relu, the mean of both sides for max and min. `where` has the derivative
    of the side that it takes, whatever the other side is. `0**b` has the derivative 0 by b. A whole power of a negative number is
    real, any other power is nan. `check_jacobian` recognizes the kinks at which a term linear in x changes its sign.

    Raises LayerError for a text that is no formula, with the place in the text; for parameters that are missing or unknown, or
    whose names have another meaning; for more than two arrays; and where the value is finite at none of the points that are
    tried. Raises ShapeError for arrays of different sizes, DtypeError for parameters that are no real numbers.

    Examples
    --------
    >>> swish = fj.Formula("x * sigmoid(b * x)", b=np.array([1.0, 2.0]))
    >>> fj.Network([swish]).jvp([1, 1], [1, 1])
    (array([0.73105858, 0.88079708]), array([0.92767051, 1.09078425]))
    """

    formula: str
    parameters: Mapping[str, Parameter]

    def __init__(self, formula: Any, /, **parameters: Any) -> None:
        self._set(formula=text_of(formula), parameters=parameters)
        self._store()
        self._check_values()

    def _store(self) -> None:
        names = self._reading.names
        self._check_names(names, self.parameters)
        parameters = {name: as_per_unit(self.parameters[name], f"Formula {name}") for name in names}
        self._set(parameters=MappingProxyType(parameters))
        self._check_sizes()
        arrays = [name for name, value in parameters.items() if isinstance(value, np.ndarray)]
        if len(arrays) > MOST_TRAINED:
            raise LayerError(
                f"at most {MOST_TRAINED} parameters of a Formula can be arrays, which are trained, got {', '.join(arrays)}; "
                "make numbers of the others"
            )

    def _check_names(self, names: tuple[str, ...], given: Mapping[str, Any]) -> None:
        for name in given:
            if name in RESERVED:
                raise LayerError(
                    f"no parameter of a Formula can be called {name}, which means something else; choose another name"
                )
        for name in names:
            if name not in given:
                unused = [other for other in given if other not in names]
                near = get_close_matches(name, unused, 1)
                fix = f"was {near[0]} meant?" if near else f"pass {name}=..., a number or an array with one entry for each unit"
                raise LayerError(f"the Formula {self.formula!r:.100} has {name}, which is not given: {fix}")
        for name in given:
            if name not in names:
                raise LayerError(
                    f"the Formula {self.formula!r:.100} does not have {name}, which is given; it has {', '.join(['x', *names])}"
                )

    def _check_values(self) -> None:
        size = self.n_in or 1
        for unit in np.unique(np.linspace(0, size - 1, min(size, MOST_UNITS)).astype(int)):
            values = self._values_of(unit)
            if not np.isfinite([self._reading.at(x, values) for x in POINTS]).any():
                there = "".join(f", {name} = {value:.10g}" for name, value in values.items())
                raise LayerError(
                    f"the Formula {self.formula!r:.100} has no finite value at x = 0{there}, nor at x = 0.5, -0.5, 1, -1, 3 and "
                    "-3; correct it, or its parameters"
                )

    def _values_of(self, unit: int) -> dict[str, float]:
        return {name: float(np.broadcast_to(value, self.n_in or 1)[unit]) for name, value in self.parameters.items()}

    @property
    def _reading(self) -> Reading:
        return read(self.formula)

    @property
    def rule(self) -> ComposedRule:  # type: ignore[override]
        return rule_of(self.formula, self._order)

    @property
    def _order(self) -> tuple[str, ...]:  # type: ignore[override]
        """The parameters' names in the rule's order: the text's, but of more than two parameters the arrays come first."""
        names = self._reading.names
        if len(names) <= MOST_TRAINED:
            return names
        return tuple(sorted(names, key=lambda name: not isinstance(self.parameters[name], np.ndarray)))

    @property
    def trained(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the parameters that are trained where they are arrays."""
        return self._order[:MOST_TRAINED]

    @property
    def piecewise_linear(self) -> bool:  # type: ignore[override]
        return self._reading.is_piecewise_linear

    @property
    def sparse(self) -> bool:  # type: ignore[override]
        return self._reading.is_sparse

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        found = kinks_of(self.formula, [self._values_of(unit) for unit in range(self.n_in or 1)])
        return tuple(column if self.n_in else float(column[0]) for column in found.T if np.any(column < math.inf))

    @property
    def options(self) -> dict[str, Any]:
        return {"formula": self.formula, **super().options}

    @property
    def shown(self) -> dict[str, str]:
        text = " ".join(self.formula.split())
        return {"formula": text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...", **as_texts(self.parameters)}

    def __repr__(self) -> str:
        return self._shown_as(repr(self.formula))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.formula, dict(self.parameters))


def _restored(text: str, parameters: Mapping[str, Any]) -> Formula:
    """The layer of a text and parameters that were checked before."""
    return Formula._of(formula=text, parameters=parameters)
