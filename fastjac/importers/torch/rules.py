"""What modules and functions of the same name have in common, where it takes more than a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from .. import folding
from ..tensors import as_numpy, slopes

Converted = Sequence[fl.Layer]


def batch_norm(mean: Any, variance: Any, weight: Any, bias: Any, training: bool, eps: float) -> Converted:
    """`weight (x - mean) / sqrt(variance + eps) + bias`"""
    if mean is None or variance is None:
        raise UnsupportedLayerError(
            "without running statistics it uses those of the batch; fastjac takes track_running_stats=True"
        )
    check_evaluating(training)
    return [folding.batch_norm(as_numpy(mean), as_numpy(variance), array(weight), array(bias), eps)]


def layer_norm(shape: Sequence[Any], weight: Any, bias: Any, eps: float) -> Converted:
    """`weight (x - mean) / sqrt(variance + eps) + bias`, mean and variance of each sample."""
    if len(shape) != 1:
        raise UnsupportedLayerError(f"normalized_shape={tuple(shape)} is not supported; fastjac takes one axis, the last")
    if weight is None and isinstance(shape[0], int):
        # torch refuses other widths even where there is no weight to tell the width.
        return [fl.LayerNorm(np.ones(shape[0], np.float32), array(bias), eps)]
    return [fl.LayerNorm(array(weight), array(bias), eps)]


def group_norm(groups: int, weight: Any, bias: Any, eps: float) -> Converted:
    """Layer normalization, if all features are one group."""
    if groups != 1:
        raise UnsupportedLayerError(f"num_groups={groups} is not supported; fastjac takes 1, which is layer normalization")
    return [fl.LayerNorm(array(weight), array(bias), eps)]


def prelu(weight: Any) -> Converted:
    """`x` above 0, `weight x` below; a single weight is shared by all units."""
    return [fl.PReLU(slopes(as_numpy(weight)))]


def rrelu(lower: float, upper: float, training: bool) -> Converted:
    """In evaluation the random slope is its mean."""
    check_evaluating(training)
    return [fl.LeakyReLU((lower + upper) / 2)]


def softmax(dim: int | None) -> Converted:
    """`exp(x) / sum exp(x)`"""
    _check_last_axis(dim)
    return [fl.Softmax()]


def softmin(dim: int | None) -> Converted:
    """`softmax(-x)`"""
    _check_last_axis(dim)
    return [fl.Scale(-1.0), fl.Softmax()]


def log_softmax(dim: int | None) -> Converted:
    """`x - log sum exp(x)`"""
    _check_last_axis(dim)
    return [fl.LogSoftmax()]


def dropout(p: float, training: bool) -> Converted:
    """`x`, in evaluation."""
    check_evaluating(training and p > 0)
    return []


def clamp(low: float | None, high: float | None) -> Converted:
    """`min(max(x, low), high)`"""
    return [fl.Clamp(-math.inf if low is None else low, math.inf if high is None else high)]


def array(value: Any) -> Any:
    """A weight as an array; None where there is none."""
    return None if value is None else as_numpy(value)


def check_evaluating(training: bool) -> None:
    """Raise FormatError in training mode."""
    if training:
        raise FormatError(
            "it is in training mode, where it computes something else at every call; call .eval() on the whole module first, and "
            "let a function know by training=self.training"
        )


def _check_last_axis(dim: int | None) -> None:
    if dim not in (-1, 1):
        raise UnsupportedLayerError(f"dim={dim} is not supported; fastjac takes the last axis, dim=-1")
