"""Operators that tie units together, and what becomes of the axes they act over."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from .. import folding
from . import shapes
from .calls import Call, Converted


def softmax(call: Call) -> Converted:
    """`exp(x) / sum exp(x)` over all units."""
    _check_whole(call, shapes.softmax_axes(call))
    return [fl.Softmax()]


def log_softmax(call: Call) -> Converted:
    """`x - log sum exp(x)` over all units."""
    _check_whole(call, shapes.softmax_axes(call))
    return [fl.LogSoftmax()]


def batch_normalization(call: Call) -> Converted:
    """`scale (x - mean) / sqrt(var + epsilon) + B`, each array with one entry for each index of axis 1."""
    if call.node.integer("training_mode", 0) or (call.opset < 14 and any(call.node.outputs[1:])):
        raise UnsupportedLayerError(
            "it is in training mode, where it uses the statistics of the batch; export the model in evaluation mode"
        )
    shape = call.shape(0)
    channels = shape[1] if len(shape) > 1 else 1
    if math.prod(shape) != math.prod(shape[1:]) or (not call.node.integer("spatial", 1) and len(shape) > 2):
        raise UnsupportedLayerError(
            f"it normalizes a value of shape {shape}; fastjac takes a batch of one, and one number a channel"
        )
    gamma, beta, mean, variance = (_per_channel(call, i, channels) for i in (1, 2, 3, 4))
    return [folding.batch_norm(mean, variance, gamma, beta, call.node.real("epsilon", 1e-5))]


def _per_channel(call: Call, position: int, channels: int) -> np.ndarray:
    array, shape = call.constant(position), call.shape(0)
    if array.shape != (channels,):
        raise FormatError(f"its arrays must have one entry for each of {channels} channels, one is of shape {array.shape}")
    return call.spread(array.reshape(channels, *[1] * (len(shape) - 2)), shape, "an array")


def layer_normalization(call: Call) -> Converted:
    """`Scale (x - mean) / sqrt(variance + epsilon) + B` over all units. Its stash_type only tells where it rounds."""
    shape = call.shape(0)
    _check_whole(call, shapes.layer_norm_axes(call))
    weight, bias = (None if (array := call.optional(i)) is None else call.spread(array, shape, "an array") for i in (1, 2))
    return [fl.LayerNorm(weight, bias, call.node.real("epsilon", 1e-5))]


def _check_whole(call: Call, axes: Sequence[int]) -> None:
    shape = call.shape(0)
    acted_over = math.prod(shape[axis] for axis in axes)
    if math.prod(shape) != acted_over:
        raise UnsupportedLayerError(
            f"it acts over {acted_over} of the {math.prod(shape)} units of a value of shape {shape}; fastjac takes it over all "
            "units of a sample; if a batch size is fixed in the model, export it with a batch of 1 or a symbolic batch"
        )
