"""MODULES: the modules of torch that a pickle may hold, by class name, with what makes fastjac layers of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .. import folding
from ..tensors import as_numpy, slopes

Converted = Sequence[fl.Layer]


def _array(value: Any) -> Any:
    """A weight as an array; None where there is none."""
    return None if value is None else as_numpy(value)


def _nothing(module: Any) -> Converted:
    return []


def _linear(module: Any) -> Converted:
    """`x W^T + b`"""
    return [fl.Affine(_array(module.weight), _array(module.bias))]


def _batch_norm(module: Any) -> Converted:
    """`weight (x - mean) / sqrt(variance + eps) + bias`"""
    mean, variance = _array(module.running_mean), _array(module.running_var)
    if mean is None or variance is None:
        raise UnsupportedLayerError(
            "without running statistics it uses those of the batch; fastjac takes track_running_stats=True"
        )
    return [folding.batch_norm(mean, variance, _array(module.weight), _array(module.bias), module.eps)]


def _layer_norm(module: Any) -> Converted:
    """`weight (x - mean) / sqrt(variance + eps) + bias`, mean and variance of each sample."""
    shape, weight = module.normalized_shape, _array(module.weight)
    if len(shape) != 1:
        raise UnsupportedLayerError(f"normalized_shape={tuple(shape)} is not supported; fastjac takes one axis, the last")
    # Ones tell the width where there is no weight.
    return [fl.LayerNorm(np.ones(shape[0], np.float32) if weight is None else weight, _array(module.bias), module.eps)]


def _group_norm(module: Any) -> Converted:
    """Layer normalization, if all features are one group."""
    if module.num_groups != 1:
        raise UnsupportedLayerError(
            f"num_groups={module.num_groups} is not supported; fastjac takes 1, which is layer normalization"
        )
    return [fl.LayerNorm(_array(module.weight), _array(module.bias), module.eps)]


def _hard_tanh(module: Any) -> Converted:
    """ReLU6 is a Hardtanh whose bounds may be changed."""
    bounds = (module.min_val, module.max_val)
    return [fl.ReLU6() if bounds == (0, 6) else fl.HardTanh(*bounds)]


def _along_last_axis(*layers: fl.Layer) -> Callable[[Any], Converted]:
    """A softmax of some kind."""

    def convert(module: Any) -> Converted:
        if module.dim not in (-1, 1):
            raise UnsupportedLayerError(f"dim={module.dim} is not supported; fastjac takes the last axis, dim=-1")
        return layers

    return convert


MODULES: dict[str, Callable[[Any], Converted]] = {
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "SyncBatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "Identity": _nothing,
    "Dropout": _nothing,
    "Dropout1d": _nothing,
    "AlphaDropout": _nothing,
    "FeatureAlphaDropout": _nothing,
    "ReLU": lambda module: [fl.ReLU()],
    "LeakyReLU": lambda module: [fl.LeakyReLU(module.negative_slope)],
    "PReLU": lambda module: [fl.PReLU(slopes(as_numpy(module.weight)))],
    "RReLU": lambda module: [fl.LeakyReLU((module.lower + module.upper) / 2)],
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
    "Softmax": _along_last_axis(fl.Softmax()),
    "Softmin": _along_last_axis(fl.Scale(-1.0), fl.Softmax()),
    "LogSoftmax": _along_last_axis(fl.LogSoftmax()),
}
