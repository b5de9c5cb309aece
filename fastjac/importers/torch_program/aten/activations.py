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


def _leaky_relu(self: Any, negative_slope: Any = 0.01) -> Value:
    return fn.leaky_relu(tensor(self), real(negative_slope))


def _elu(self: Any, alpha: Any = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Value:
    layers = [fl.Scale(real(input_scale)), fl.ELU(real(alpha)), fl.Scale(real(scale))]
    plain = (real(input_scale) == 1.0, False, real(scale) == 1.0)
    return fn.apply(tensor(self), [layer for layer, without in zip(layers, plain, strict=True) if not without])


def _celu(self: Any, alpha: Any = 1.0) -> Value:
    return fn.apply(tensor(self), [fl.CELU(real(alpha))])


def _gelu(self: Any, approximate: Any = "none") -> Value:
    return fn.apply(tensor(self), [fl.GELU(approximate)])


def _softplus(self: Any, beta: Any = 1.0, threshold: Any = 20.0) -> Value:
    return fn.softplus(tensor(self), real(beta), real(threshold))


def _hardtanh(self: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Value:
    bounds = real(min_val), real(max_val)
    return fn.apply(tensor(self), [fl.ReLU6() if bounds == (0.0, 6.0) else fl.HardTanh(*bounds)])


def _softshrink(self: Any, lambd: Any = 0.5) -> Value:
    return fn.apply(tensor(self), [fl.SoftShrink(real(lambd))])


def _hardshrink(self: Any, lambd: Any = 0.5) -> Value:
    return fn.apply(tensor(self), [fl.HardShrink(real(lambd))])


def _threshold(self: Any, threshold: Any, value: Any) -> Value:
    return fn.apply(tensor(self), [fl.Threshold(real(threshold), real(value))])


def _glu(self: Any, dim: Any = -1) -> Value:
    return nm.glu(tensor(self), whole(dim, "axis"))


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


def _clamp_min(self: Any, min: Any) -> Value:
    return _clamp(self, min)


def _clamp_max(self: Any, max: Any) -> Value:
    return _clamp(self, None, max)


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
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "_prelu_kernel": _prelu,
    "rrelu": _rrelu,
    "relu6": _layer(fl.ReLU6()),
    "elu": _elu,
    "selu": _layer(fl.SELU()),
    "celu": _celu,
    "gelu": _gelu,
    "glu": _glu,
    "silu": _function(fn.swish),
    "mish": _layer(fl.Mish()),
    "special_expit": _function(fn.sigmoid),
    "log_sigmoid": _layer(fl.LogSigmoid()),
    "hardsigmoid": _layer(fl.HardSigmoid()),
    "hardswish": _layer(fl.HardSwish()),
    "hardtanh": _hardtanh,
    "softplus": _softplus,
    "softshrink": _softshrink,
    "hardshrink": _hardshrink,
    "tanhshrink": _layer(fl.TanhShrink()),
    "threshold": _threshold,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "rsqrt": _function(fn.reciprocal_root),
    "abs": lambda self: fn.absolute(tensor(self)),
    "absolute": lambda self: fn.absolute(tensor(self)),
    "square": lambda self: fn.square(tensor(self)),
    "special_erf": _function(fn.of_each("erf")),
    "log1p": _function(lambda value: fn.log(el.add(value, tensor(1.0)))),
    "expm1": _function(lambda value: el.subtract(fn.exp(value), tensor(1.0))),
}
"""Operators by torch's names; a name with an underscore behind it stands for the same operator in place."""
