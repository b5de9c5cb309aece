"""Functions of each entry by itself: the table ACTIVATIONS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import layers as fl
from ....errors import FormatError
from ....layers import Layer
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import normalization as nm
from ...ir.movement import reshape
from ...ir.values import Value
from .values import floating, optional, real, tensor, whole

Operator = Callable[..., Any]


def _function(function: Callable[[Value], Value]) -> Operator:
    """The operator of a function that the intermediate form has."""
    return lambda self: function(floating(tensor(self)))


def _layer(layer: Layer) -> Operator:
    """The operator of a layer without options."""
    return lambda self: fn.apply(tensor(self), [layer])


def _elu(self: Any, alpha: Any = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Value:
    layers = [fl.Scale(real(input_scale)), fl.ELU(real(alpha)), fl.Scale(real(scale))]
    plain = (real(input_scale) == 1.0, False, real(scale) == 1.0)
    return fn.apply(tensor(self), [layer for layer, without in zip(layers, plain, strict=True) if not without])


def _hardtanh(self: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Value:
    bounds = real(min_val), real(max_val)
    return fn.apply(tensor(self), [fl.ReLU6() if bounds == (0.0, 6.0) else fl.HardTanh(*bounds)])


def _prelu(self: Any, weight: Any) -> Value:
    """`x` above 0, a multiple of x below: a slope for each index of axis 1, or one slope for all."""
    value, slopes = tensor(self), tensor(weight, "weight")
    behind = len(value.shape) - 2
    return el.prelu(value, reshape(slopes, [-1, *[1] * behind]) if behind > 0 and slopes.shape != (1,) else slopes)


def _rrelu(self: Any, lower: Any = 1 / 8, upper: Any = 1 / 3, training: Any = False, generator: Any = None) -> Value:
    """In evaluation the random slope is its mean."""
    check_evaluating(training)
    return fn.leaky_relu(tensor(self), (real(lower) + real(upper)) / 2)


def _clamp(self: Any, min: Any = None, max: Any = None) -> Value:
    return el.clip(tensor(self), optional(min, "min"), optional(max, "max"))


def check_evaluating(training: Any) -> None:
    """Raise FormatError in training mode."""
    if training:
        raise FormatError(
            "it is in training mode, where it computes something else at every call; call .eval() on the module before it is "
            "scripted, traced or exported"
        )


ACTIVATIONS: dict[str, Operator] = {
    **{name: _function(function) for name, function in fn.FUNCTIONS.items()},
    **{name: _function(fn.of_each(known)) for name, known in fn.INVERSES.items()},
    **{name: _function(function) for name, function in fn.COMPOSED.items()},
    "leaky_relu": lambda self, negative_slope=0.01: fn.leaky_relu(tensor(self), real(negative_slope)),
    "prelu": _prelu,
    "_prelu_kernel": _prelu,
    "rrelu": _rrelu,
    "relu6": _layer(fl.ReLU6()),
    "elu": _elu,
    "selu": _layer(fl.SELU()),
    "celu": lambda self, alpha=1.0: fn.apply(tensor(self), [fl.CELU(real(alpha))]),
    "gelu": lambda self, approximate="none": fn.apply(tensor(self), [fl.GELU(approximate)]),
    "glu": lambda self, dim=-1: nm.glu(tensor(self), whole(dim, "axis")),
    "silu": _function(fn.swish),
    "mish": _layer(fl.Mish()),
    "special_expit": _function(fn.sigmoid),
    "log_sigmoid": _layer(fl.LogSigmoid()),
    "hardsigmoid": _layer(fl.HardSigmoid()),
    "hardswish": _layer(fl.HardSwish()),
    "hardtanh": _hardtanh,
    "softplus": lambda self, beta=1.0, threshold=20.0: fn.softplus(tensor(self), real(beta), real(threshold)),
    "softshrink": lambda self, lambd=0.5: fn.apply(tensor(self), [fl.SoftShrink(real(lambd))]),
    "hardshrink": lambda self, lambd=0.5: fn.apply(tensor(self), [fl.HardShrink(real(lambd))]),
    "tanhshrink": _layer(fl.TanhShrink()),
    "threshold": lambda self, threshold, value: fn.apply(tensor(self), [fl.Threshold(real(threshold), real(value))]),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": lambda self, min: _clamp(self, min),
    "clamp_max": lambda self, max: _clamp(self, None, max),
    "rsqrt": _function(fn.reciprocal_root),
    "abs": lambda self: fn.absolute(tensor(self)),
    "absolute": lambda self: fn.absolute(tensor(self)),
    "square": lambda self: fn.square(tensor(self)),
    "special_erf": _function(fn.of_each("erf")),
}
"""Operators by torch's names; a name with an underscore behind it stands for the same operator in place."""
