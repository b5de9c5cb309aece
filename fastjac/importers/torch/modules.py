"""MODULES: every torch module that fastjac reads, by class name, with what makes fastjac layers of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import layers as fl
from . import rules
from .rules import Converted, array


def _linear(module: Any) -> Converted:
    """`x W^T + b`"""
    return [fl.Affine(array(module.weight), array(module.bias))]


def _batch_norm(module: Any) -> Converted:
    mean, variance = module.running_mean, module.running_var
    return rules.batch_norm(mean, variance, module.weight, module.bias, module.training, module.eps)


def _layer_norm(module: Any) -> Converted:
    return rules.layer_norm(module.normalized_shape, module.weight, module.bias, module.eps)


def _group_norm(module: Any) -> Converted:
    return rules.group_norm(module.num_groups, module.weight, module.bias, module.eps)


def _dropout(module: Any) -> Converted:
    return rules.dropout(module.p, module.training)


def _hard_tanh(module: Any) -> Converted:
    """ReLU6 is a Hardtanh whose bounds may be changed."""
    bounds = (module.min_val, module.max_val)
    return [fl.ReLU6() if bounds == (0, 6) else fl.HardTanh(*bounds)]


MODULES: dict[str, Callable[[Any], Converted]] = {
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "SyncBatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "Identity": lambda module: [],
    "Dropout": _dropout,
    "Dropout1d": _dropout,
    "AlphaDropout": _dropout,
    "FeatureAlphaDropout": _dropout,
    "ReLU": lambda module: [fl.ReLU()],
    "LeakyReLU": lambda module: [fl.LeakyReLU(module.negative_slope)],
    "PReLU": lambda module: rules.prelu(module.weight),
    "RReLU": lambda module: rules.rrelu(module.lower, module.upper, module.training),
    "ReLU6": _hard_tanh,
    "ELU": lambda module: [fl.ELU(module.alpha)],
    "SELU": lambda module: [fl.SELU()],
    "CELU": lambda module: [fl.CELU(module.alpha)],
    "GELU": lambda module: [fl.GELU(module.approximate)],
    "SiLU": lambda module: [fl.SiLU()],
    "Mish": lambda module: [fl.Mish()],
    "Tanh": lambda module: [fl.Tanh()],
    "Sigmoid": lambda module: [fl.Sigmoid()],
    "Hardtanh": _hard_tanh,
    "Hardsigmoid": lambda module: [fl.HardSigmoid()],
    "Hardswish": lambda module: [fl.HardSwish()],
    "Softplus": lambda module: [fl.Softplus(module.beta, module.threshold)],
    "Softsign": lambda module: [fl.Softsign()],
    "LogSigmoid": lambda module: [fl.LogSigmoid()],
    "Hardshrink": lambda module: [fl.HardShrink(module.lambd)],
    "Softshrink": lambda module: [fl.SoftShrink(module.lambd)],
    "Tanhshrink": lambda module: [fl.TanhShrink()],
    "Threshold": lambda module: [fl.Threshold(module.threshold, module.value)],
    "Softmax": lambda module: rules.softmax(module.dim),
    "Softmin": lambda module: rules.softmin(module.dim),
    "LogSoftmax": lambda module: rules.log_softmax(module.dim),
}
