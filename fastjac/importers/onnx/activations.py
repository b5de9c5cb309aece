"""Operators that act on each unit by itself: the table ACTIVATIONS, and the functions it names.

An attribute is a float32 number. Where that stands for a constant which float32 cannot hold, as 1/6, the constant is meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, cast

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .calls import Call, Converted

SIXTH = float(np.float32(1 / 6))
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
LOWEST, HIGHEST = -3.4028234663852886e38, 3.4028234663852886e38
"""The bounds of float32, which stand for none."""


def _prelu(call: Call) -> Converted:
    """`x` above 0, `slope x` below."""
    slope = call.constant(1)
    if slope.size == 1:
        return [fl.PReLU(float(slope.item()))]
    return [fl.PReLU(call.spread(slope, call.shape(0), "the slope"))]


def _selu(call: Call) -> Converted:
    """`gamma ELU(x, alpha)`"""
    alpha, gamma = call.node.real("alpha", SELU_ALPHA), call.node.real("gamma", SELU_GAMMA)
    return [fl.SELU()] if (alpha, gamma) == (SELU_ALPHA, SELU_GAMMA) else [fl.ELU(alpha), fl.Scale(gamma)]


def _gelu(call: Call) -> Converted:
    # Refused by GELU itself, if it is neither.
    return [fl.GELU(cast(Literal["none", "tanh"], call.node.text("approximate", "none")))]


def _hard_sigmoid(call: Call) -> Converted:
    """`min(max(alpha x + beta, 0), 1)`"""
    if is_hard_sigmoid(call):
        return [fl.HardSigmoid()]
    return [fl.Scale(call.node.real("alpha", 0.2), call.node.real("beta", 0.5)), fl.HardTanh(0.0, 1.0)]


def is_hard_sigmoid(call: Call) -> bool:
    """Whether a HardSigmoid is the one of torch, `x / 6 + 1 / 2`."""
    return (call.node.real("alpha", 0.2), call.node.real("beta", 0.5)) == (SIXTH, 0.5)


def _swish(call: Call) -> Converted:
    """`x sigmoid(alpha x)`, which is `SiLU(alpha x) / alpha`."""
    return swish(call.node.real("alpha", 1.0))


def swish(alpha: float) -> Converted:
    """`x sigmoid(alpha x)` for any alpha."""
    if alpha == 1.0:
        return [fl.SiLU()]
    return [fl.Scale(alpha), fl.SiLU(), fl.Scale(1.0 / alpha)] if alpha else [fl.Scale(0.5)]


def _shrink(call: Call) -> Converted:
    """`x - bias` above lambd, `x + bias` below -lambd, 0 between."""
    lambd, bias = call.node.real("lambd", 0.5), call.node.real("bias", 0.0)
    if lambd < 0.0 or not 0.0 <= bias <= lambd:
        raise UnsupportedLayerError(f"lambd={lambd} with bias={bias} is not supported; fastjac takes a bias from 0 to lambd")
    if bias == lambd:
        return [fl.SoftShrink(lambd)]
    return [fl.HardShrink(lambd), fl.SoftShrink(bias)] if bias else [fl.HardShrink(lambd)]


def _clip(call: Call) -> Converted:
    """`min(max(x, low), high)`, whose bounds are attributes before opset 11 and operands since."""
    low, high = clip_bounds(call)
    if (low, high) == (-math.inf, math.inf):
        return []
    if not low < high:
        raise UnsupportedLayerError(f"its bounds {low} and {high} leave nothing between them, so that its output is constant")
    return [fl.HardTanh(low, high)]


def clip_bounds(call: Call) -> tuple[float, float]:
    """The bounds of a Clip, infinite where it is open."""
    if call.opset < 11:
        low, high = call.node.real("min", LOWEST), call.node.real("max", HIGHEST)
    else:
        low, high = call.number(1, LOWEST), call.number(2, HIGHEST)
    return -math.inf if low == LOWEST else low, math.inf if high == HIGHEST else high


ACTIVATIONS: dict[str, Callable[[Call], Converted]] = {
    "Relu": lambda call: [fl.ReLU()],
    "LeakyRelu": lambda call: [fl.LeakyReLU(call.node.real("alpha", 0.01))],
    "PRelu": _prelu,
    "ThresholdedRelu": lambda call: [fl.Threshold(call.node.real("alpha", 1.0), 0.0)],
    "Elu": lambda call: [fl.ELU(call.node.real("alpha", 1.0))],
    "Selu": _selu,
    "Celu": lambda call: [fl.CELU(call.node.real("alpha", 1.0))],
    "Gelu": _gelu,
    "com.microsoft.Gelu": lambda call: [fl.GELU()],
    "Swish": _swish,
    "com.microsoft.QuickGelu": lambda call: swish(call.node.real("alpha", 1.702)),
    "Mish": lambda call: [fl.Mish()],
    "Sigmoid": lambda call: [fl.Sigmoid()],
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda call: [fl.HardSwish()],
    "Tanh": lambda call: [fl.Tanh()],
    "Softplus": lambda call: [fl.Softplus(1.0, math.inf)],
    "Softsign": lambda call: [fl.Softsign()],
    "Exp": lambda call: [fl.Exp()],
    "Shrink": _shrink,
    "Clip": _clip,
}
"""Every activation that is an operator of its own, by name, with what makes fastjac layers of it."""
