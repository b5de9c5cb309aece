"""The functions that a formula may call, by name.

Each is computed by a kernel's formula, which gives value, slope and bend. So derivatives are as accurate as values, and kinks,
infinities and nan are those of the layer that has the same formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..kernels.formulas import functions, piecewise, smooth


@dataclass(frozen=True, eq=False)
class Function:
    """A function of one number.

    formula : `(x, p, q) -> (value, slope, bend)`, one of `kernels.formulas`.  p, q : its parameters.
    python : the function of a Python float, by which constants are computed once.
    kinks : arguments at which the slope jumps, or is infinite.
    degree : the degree of the pieces, where these are polynomials: derivatives of higher order are 0 everywhere.
    is_sparse : whether the slope is exactly 0 on whole intervals.  in_library : whether the formula calls the C library.
    anywhere : for a formula of limited reach, one that takes every x and has the same bits within reach; else the formula itself.
    """

    formula: Any
    python: Callable[[float], float]
    kinks: tuple[float, ...] = ()
    p: float = 0.0
    q: float = 0.0
    degree: float = math.inf
    is_sparse: bool = False
    in_library: bool = False
    anywhere: Any = None


def _sigmoid(x: float) -> float:
    return math.exp(min(x, 0.0)) / (1.0 + math.exp(-abs(x)))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _gelu_tanh(x: float) -> float:
    return x * _sigmoid(2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))


def _elu(x: float) -> float:
    return x if x > 0.0 else math.expm1(x)


def _relu6(x: float) -> float:
    return min(max(x, 0.0), 6.0)


AT_ZERO, AT_ENDS = (0.0,), (-1.0, 1.0)
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

_SILU = Function(smooth.silu, lambda x: x * _sigmoid(x))
FUNCTIONS: dict[str, Function] = {
    "abs": Function(piecewise.absolute, abs, AT_ZERO, degree=1),
    "acos": Function(functions.arccosine, math.acos, AT_ENDS, in_library=True),
    "acosh": Function(functions.area_cosine, math.acosh, (1.0,), in_library=True),
    "asin": Function(functions.arcsine, math.asin, AT_ENDS, in_library=True),
    "asinh": Function(functions.area_sine, math.asinh, in_library=True),
    "atan": Function(functions.arctangent, math.atan, in_library=True),
    "atanh": Function(functions.area_tangent, math.atanh, AT_ENDS, in_library=True),
    "cos": Function(functions.cosine, math.cos, anywhere=functions.cosine_anywhere),
    "cosh": Function(functions.hyperbolic_cosine, math.cosh, in_library=True),
    "elu": Function(piecewise.elu, _elu, p=1.0),
    "erf": Function(smooth.erf, math.erf),
    "exp": Function(smooth.exponential, math.exp),
    "expm1": Function(functions.exponential_minus_one, math.expm1),
    "gelu": Function(smooth.gelu, lambda x: 0.5 * x * math.erfc(-math.sqrt(0.5) * x)),
    "gelu_tanh": Function(smooth.gelu_tanh, _gelu_tanh),
    "hard_sigmoid": Function(piecewise.hard_sigmoid, lambda x: _relu6(x + 3.0) / 6.0, (-3.0, 3.0), degree=1, is_sparse=True),
    "hard_swish": Function(piecewise.hard_swish, lambda x: x * _relu6(x + 3.0) / 6.0, (-3.0, 3.0), is_sparse=True),
    "log": Function(functions.logarithm, math.log, AT_ZERO),
    "log1p": Function(functions.logarithm_of_one_plus, math.log1p, (-1.0,)),
    "log_sigmoid": Function(smooth.log_sigmoid, lambda x: -_softplus(-x)),
    "mish": Function(smooth.mish, lambda x: x * math.tanh(_softplus(x))),
    "relu": Function(piecewise.relu, lambda x: max(x, 0.0), AT_ZERO, degree=1, is_sparse=True),
    "relu6": Function(piecewise.hard_tanh, _relu6, (0.0, 6.0), q=6.0, degree=1, is_sparse=True),
    "selu": Function(piecewise.selu, lambda x: SELU_SCALE * (x if x > 0.0 else SELU_ALPHA * math.expm1(x)), AT_ZERO),
    "sigmoid": Function(smooth.sigmoid, _sigmoid),
    "sign": Function(functions.signum, lambda x: float((x > 0.0) - (x < 0.0)), AT_ZERO, degree=0),
    "silu": _SILU,
    "sin": Function(functions.sine, math.sin, anywhere=functions.sine_anywhere),
    "sinh": Function(functions.hyperbolic_sine, math.sinh, in_library=True),
    "softplus": Function(smooth.softplus, _softplus, p=1.0, q=math.inf),
    "softsign": Function(smooth.softsign, lambda x: x / (1.0 + abs(x))),
    "swish": _SILU,
    "tan": Function(functions.tangent, math.tan, in_library=True),
    "tanh": Function(smooth.tanh, math.tanh),
}
"""The functions of one argument. An expression knows each by its name."""
