"""Operators that act on each entry by itself, with constants that the node holds: the table ACTIVATIONS, and its functions.

An attribute is a float32 number. Where it stands for a constant that float32 cannot hold, such as 1/6, the constant is meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, cast

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ...layers import Layer
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import operands as op
from ..ir.functions import apply
from ..ir.values import Constant, Flow, Value
from .calls import Call

SIXTH = float(np.float32(1 / 6))
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
LOWEST, HIGHEST = -3.4028234663852886e38, 3.4028234663852886e38
"""The largest finite numbers of float32; as bounds, they stand for no bound."""

Activation = Callable[[Call], Value]


def _with(make: Callable[[Call], list[Layer]]) -> Activation:
    """Layers that need options of the node."""
    return lambda call: apply(call.value(0), make(call))


def _selu(call: Call) -> list[Layer]:
    """`gamma ELU(x, alpha)`"""
    alpha, gamma = call.node.real("alpha", SELU_ALPHA), call.node.real("gamma", SELU_GAMMA)
    return [fl.SELU()] if (alpha, gamma) == (SELU_ALPHA, SELU_GAMMA) else [fl.ELU(alpha), fl.Scale(gamma)]


def _gelu(call: Call) -> list[Layer]:
    # GELU itself refuses any other value.
    return [fl.GELU(cast(Literal["none", "tanh"], call.node.text("approximate", "none")))]


def _hard_sigmoid(call: Call) -> list[Layer]:
    """`min(max(alpha x + beta, 0), 1)`"""
    alpha, beta = call.node.real("alpha", 0.2), call.node.real("beta", 0.5)
    return [fl.HardSigmoid()] if (alpha, beta) == (SIXTH, 0.5) else [fl.Scale(alpha, beta), fl.HardTanh(0.0, 1.0)]


def _shrink(call: Call) -> list[Layer]:
    """`x - bias` above lambd, `x + bias` below -lambd, 0 between."""
    lambd, bias = call.node.real("lambd", 0.5), call.node.real("bias", 0.0)
    if lambd < 0.0 or not 0.0 <= bias <= lambd:
        raise UnsupportedLayerError(f"lambd={lambd} with bias={bias} is not supported; fastjac takes a bias from 0 to lambd")
    if bias == lambd:
        return [fl.SoftShrink(lambd)]
    return [fl.HardShrink(lambd), fl.SoftShrink(bias)] if bias else [fl.HardShrink(lambd)]


def _clip(call: Call) -> Value:
    """`min(max(x, low), high)`, whose bounds are attributes before opset 11 and operands since."""
    value, low, high = call.value(0), call.optional(1), call.optional(2)
    if isinstance(low, Flow) or isinstance(high, Flow) or isinstance(value, Constant):
        return el.clip(value, low, high)
    if call.opset < 11:
        least, most = call.node.real("min", LOWEST), call.node.real("max", HIGHEST)
    else:
        least, most = call.number(1, LOWEST), call.number(2, HIGHEST)
    least, most = -math.inf if least == LOWEST else least, math.inf if most == HIGHEST else most
    if (least, most) == (-math.inf, math.inf):
        return value
    if not least < most:
        raise UnsupportedLayerError(f"its bounds {least} and {most} leave nothing between them, so that its output is constant")
    return apply(value, [fl.HardTanh(least, most)])


ACTIVATIONS: dict[str, Activation] = {
    **{name.capitalize(): op.one(function) for name, function in fn.FUNCTIONS.items()},
    "LeakyRelu": lambda call: fn.leaky_relu(call.value(0), call.node.real("alpha", 0.01)),
    "PRelu": lambda call: el.prelu(call.value(0), call.value(1)),
    "ThresholdedRelu": _with(lambda call: [fl.Threshold(call.node.real("alpha", 1.0), 0.0)]),
    "Elu": _with(lambda call: [fl.ELU(call.node.real("alpha", 1.0))]),
    "Selu": _with(_selu),
    "Celu": _with(lambda call: [fl.CELU(call.node.real("alpha", 1.0))]),
    "Gelu": _with(_gelu),
    "com.microsoft.Gelu": op.layers(fl.GELU()),
    "Swish": lambda call: fn.swish(call.value(0), call.node.real("alpha", 1.0)),
    "com.microsoft.QuickGelu": lambda call: fn.swish(call.value(0), call.node.real("alpha", 1.702)),
    "Mish": op.layers(fl.Mish()),
    "HardSigmoid": _with(_hard_sigmoid),
    "HardSwish": op.layers(fl.HardSwish()),
    "Softplus": lambda call: fn.softplus(call.value(0)),
    "Shrink": _with(_shrink),
    "Clip": _clip,
}
"""Every function of one tensor that is an operator of its own, by name."""
