"""Formulas in mpmath: a text as Python computes it there, and the source that fastjac writes, run there too."""

import math

import mpmath as mp

from fastjac.formula.derive import derivative
from fastjac.formula.emit import FORMULAS, source
from fastjac.formula.functions import FUNCTIONS
from fastjac.formula.reading import _read

DIGITS = 40


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log(1 + mp.exp(x))


def relu6(x):
    return min(max(x, mp.mpf(0)), mp.mpf(6))


def elu(x):
    return x if x > 0 else mp.expm1(x)


def selu(x):
    return mp.mpf("1.0507009873554804934193349852946") * (
        x if x > 0 else mp.mpf("1.6732632423543772848170429916717") * mp.expm1(x)
    )


EXACT = {
    **{name: getattr(mp, name) for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")},
    **{
        name: getattr(mp, name)
        for name in ("cos", "cosh", "erf", "exp", "expm1", "log", "log1p", "sign", "sin", "sinh", "tan", "tanh")
    },
    "abs": abs,
    "elu": elu,
    "gelu": lambda x: x * mp.ncdf(x),
    "gelu_tanh": lambda x: x * sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)),
    "hard_sigmoid": lambda x: relu6(x + 3) / 6,
    "hard_swish": lambda x: x * relu6(x + 3) / 6,
    "log_sigmoid": lambda x: mp.log(sigmoid(x)),
    "mish": lambda x: x * mp.tanh(softplus(x)),
    "relu": lambda x: max(x, mp.mpf(0)),
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "swish": lambda x: x * sigmoid(x),
}
"""The functions of one argument by their names, as they stand in the textbooks."""
OTHERS = {
    "sqrt": mp.sqrt,
    "logaddexp": lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
    "max": max,
    "min": min,
    "where": lambda condition, a, b: a if condition else b,
    "pi": math.pi,
}


def value(text, x, **parameters):
    """The formula of a text at x."""
    return eval(text, {**EXACT, **OTHERS}, {"x": x, **parameters})


def derivatives(text, x, **parameters):
    """Value, slope and bend at x; and the derivatives of value and slope by each parameter: differences of many digits."""
    point = (x, *parameters.values())

    def function(x, *others):
        return value(text, x, **dict(zip(parameters, others, strict=True)))

    def by(*orders):
        return mp.diff(function, point, orders) if any(orders) else function(*point)

    none = (0,) * len(parameters)
    ones = [tuple(int(other == name) for other in parameters) for name in parameters]
    return [by(0, *none), by(1, *none), by(2, *none)], [[by(0, *one), by(1, *one)] for one in ones]


def composed(text, x, **parameters):
    """The same by the functions that fastjac composes."""
    reading = _read(text)
    e, names = reading.expressions, {"x": "x"} | {name: f"rows[{place}]" for place, name in enumerate(parameters)}
    by_names = [[derivative(e, of, name) for of in reading.main[:2]] for name in parameters if name in reading.names]
    main, *pulls = (list(_run(source(e, names, results), x, tuple(parameters.values()))) for results in (reading.main, *by_names))
    return main, pulls


def _run(text, x, rows):
    triples = {name: _triple(_exact_of(function)) for name, function in FORMULAS.items()}
    found = {**triples, "fmuladd": lambda a, b, c: a * b + c, "raised": lambda a, b: a**b, "sqrt": mp.sqrt, "inf": mp.inf}
    exec(text, found)
    return found["formula"](x, rows)


def _exact_of(function):
    return EXACT[next(name for name, other in FUNCTIONS.items() if other is function)]


def _triple(exact):
    return lambda x, p, q: (exact(x), mp.diff(exact, x), mp.diff(exact, x, 2))
