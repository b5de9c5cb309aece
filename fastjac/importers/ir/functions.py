"""Functions of each entry by itself: the table OF_EACH, and those with options."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ...layers import Layer
from .account import spend
from .layout import each_unit
from .values import Flow, Value, computed

OfArray = Callable[[Any], Any]
NO_CONSTANT = "it computes a constant, which fastjac does not do with this operation; let the exporter fold constants"
OF_EACH: dict[str, tuple[Layer, OfArray | None]] = {
    "abs": (fl.Abs(), np.abs),
    "acos": (fl.Acos(), np.arccos),
    "acosh": (fl.Acosh(), np.arccosh),
    "asin": (fl.Asin(), np.arcsin),
    "asinh": (fl.Asinh(), np.arcsinh),
    "atan": (fl.Atan(), np.arctan),
    "atanh": (fl.Atanh(), np.arctanh),
    "ceil": (fl.Ceil(), np.ceil),
    "cos": (fl.Cos(), np.cos),
    "cosh": (fl.Cosh(), np.cosh),
    "erf": (fl.Erf(), np.vectorize(math.erf, otypes=[np.float64])),
    "exp": (fl.Exp(), np.exp),
    "floor": (fl.Floor(), np.floor),
    "log": (fl.Log(), np.log),
    "neg": (fl.Scale(-1.0), np.negative),
    "reciprocal": (fl.Reciprocal(), lambda x: 1 / x),
    "relu": (fl.ReLU(), lambda x: np.maximum(x, 0)),
    "round": (fl.Round(), np.round),
    "sigmoid": (fl.Sigmoid(), lambda x: 1.0 / (1.0 + np.exp(-x))),
    "sin": (fl.Sin(), np.sin),
    "sinh": (fl.Sinh(), np.sinh),
    "softsign": (fl.Softsign(), lambda x: x / (1.0 + np.abs(x))),
    "sqrt": (fl.Sqrt(), np.sqrt),
    "tan": (fl.Tan(), np.tan),
    "tanh": (fl.Tanh(), np.tanh),
}
"""The functions without options that most frameworks call alike: the layer of each, and NumPy's function for a constant."""
INVERSES = {f"arc{name[1:]}": name for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")}
"""Other names of functions of OF_EACH, as some frameworks have them."""


def apply(value: Value, layers: Sequence[Layer], function: OfArray | None = None) -> Value:
    """What layers that act on each unit by itself make of a tensor; for a constant, what NumPy's function makes of it."""
    if isinstance(value, Flow):
        return each_unit(value, layers)
    if function is None:
        raise UnsupportedLayerError(NO_CONSTANT)
    spend(value.alone.size)
    return computed(_like(function), value)


def _like(function: OfArray) -> Callable[[np.ndarray], np.ndarray]:
    """The function, with its result in the precision of its operand."""
    return lambda array: (
        np.asarray(function(array)).astype(array.dtype, copy=False) if array.dtype.kind == "f" else function(array)
    )


def of_each(name: str) -> Callable[[Value], Value]:
    """The function of that name in OF_EACH, as a function of tensors."""
    layer, function = OF_EACH[name]
    return lambda value: apply(value, [layer], function)


FUNCTIONS = {name: of_each(name) for name in OF_EACH}
absolute, exp, log, negative = (FUNCTIONS[name] for name in ("abs", "exp", "log", "neg"))
reciprocal, relu, sigmoid, sqrt, tanh = (FUNCTIONS[name] for name in ("reciprocal", "relu", "sigmoid", "sqrt", "tanh"))


def reciprocal_root(value: Value) -> Value:
    """`1 / sqrt(x)`."""
    return reciprocal(sqrt(value))


OF_LAYERS: dict[str, tuple[tuple[Layer, ...], OfArray]] = {
    "log1p": ((fl.Scale(1.0, 1.0), fl.Log()), np.log1p),
    "expm1": ((fl.Exp(), fl.Scale(1.0, -1.0)), np.expm1),
    "exp2": ((fl.Scale(math.log(2.0)), fl.Exp()), np.exp2),
    "log2": ((fl.Log(), fl.Scale(1.0 / math.log(2.0))), np.log2),
    "log10": ((fl.Log(), fl.Scale(1.0 / math.log(10.0))), np.log10),
    "deg2rad": ((fl.Scale(math.pi / 180.0),), np.deg2rad),
    "rad2deg": ((fl.Scale(180.0 / math.pi),), np.rad2deg),
}
"""Functions that are two layers, or a factor, by the names that NumPy, torch and Keras give them."""


def of_layers(name: str) -> Callable[[Value], Value]:
    """The function of that name in OF_LAYERS, as a function of tensors."""
    layers, function = OF_LAYERS[name]
    return lambda value: apply(value, layers, function)


COMPOSED = {name: of_layers(name) for name in OF_LAYERS}


def square(value: Value) -> Value:
    """`x * x`."""
    return apply(value, [fl.Power(2.0)], lambda x: x * x)


def leaky_relu(value: Value, slope: float) -> Value:
    """`x` above 0, `slope x` below."""
    return apply(value, [fl.LeakyReLU(slope)], lambda x: np.where(x < 0, slope * x, x))


def softplus(value: Value, beta: float = 1.0, threshold: float = math.inf) -> Value:
    """`log(1 + exp(beta x)) / beta`, and x itself where `beta x > threshold`."""
    return apply(value, [fl.Softplus(beta, threshold)], lambda x: np.logaddexp(beta * x, 0.0) / beta)


def swish(value: Value, alpha: float = 1.0) -> Value:
    """`x sigmoid(alpha x)`, which is `SiLU(alpha x) / alpha`."""
    if alpha == 1.0:
        return apply(value, [fl.SiLU()])
    return apply(value, [fl.Scale(alpha), fl.SiLU(), fl.Scale(1.0 / alpha)] if alpha else [fl.Scale(0.5)])
