"""Operators that tie units together, and what becomes of the axes they act over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import UnsupportedLayerError
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir.movement import checked_axis
from ..ir.values import Value
from .calls import Call


def along_softmax_axes(function: Callable[[Value, Sequence[int]], Value]) -> Callable[[Call], Value]:
    """A softmax of some kind.

    Before opset 13 it acts over the named axis, 1 by default, and all behind it; since then over the named axis alone, the last
    by default.
    """

    def convert(call: Call) -> Value:
        value = call.value(0)
        rank = len(value.shape)
        axis = call.node.integer("axis", 1 if call.opset < 13 else -1)
        if call.opset >= 13:
            return function(value, [checked_axis(axis, rank)])
        return function(value, range(rank if axis == rank else checked_axis(axis, rank), rank))

    return convert


def batch_normalization(call: Call) -> Value:
    """`scale (x - mean) / sqrt(var + epsilon) + B`, each array with one entry for each index of axis 1."""
    is_training = call.node.integer("training_mode", 0) or (call.opset < 14 and any(call.node.outputs[1:]))
    if is_training or (call.opset < 7 and not call.node.integer("is_test", 0)):
        raise UnsupportedLayerError(
            "it is in training mode, where it uses the statistics of the batch; export the model in evaluation mode"
        )
    value = call.value(0)
    if not call.node.integer("spatial", 1) and len(value.shape) > 2:
        raise UnsupportedLayerError("it normalizes each place of an image by itself; fastjac takes one number a channel")
    gamma, beta, mean, variance = (call.value(position) for position in (1, 2, 3, 4))
    return nm.batch_norm(value, 1, (mean, variance, gamma, beta), call.node.real("epsilon", 1e-5))


def layer_normalization(call: Call) -> Value:
    """`Scale (x - mean) / sqrt(variance + epsilon) + B` over an axis and all behind it; stash_type only says where it rounds."""
    value = call.value(0)
    return nm.layer_norm(value, _last_axes(call, value), call.optional(1), call.optional(2), call.node.real("epsilon", 1e-5))


def rms_normalization(call: Call) -> Value:
    """`scale x / sqrt(mean(x^2) + epsilon)` over an axis and all behind it; stash_type only says where it rounds."""
    value = call.value(0)
    return nm.rms_norm(value, _last_axes(call, value), call.value(1), call.node.real("epsilon", 1e-5))


def _last_axes(call: Call, value: Value) -> Sequence[int]:
    """The axis that a normalization names, the last by default, and all behind it."""
    rank = len(value.shape)
    return range(checked_axis(call.node.integer("axis", -1), rank), rank)


def group_normalization(call: Call) -> Value:
    """Each group of channels normalized by itself. Scale and bias are given by channel, before opset 21 by group."""
    value, groups = call.value(0), call.node.integer("num_groups", 0)
    weight, bias = call.value(1), call.value(2)
    if call.opset < 21:
        each = value.shape[1] // max(groups, 1) if len(value.shape) > 1 else 1
        weight, bias = (mv.reshape(mv.tile(mv.unsqueeze(array, [1]), [1, each]), [-1]) for array in (weight, bias))
    return nm.group_norm(value, 1, groups, weight, bias, call.node.real("epsilon", 1e-5))


def instance_normalization(call: Call) -> Value:
    """Each channel of each sample normalized by itself."""
    value = call.value(0)
    channels = value.shape[1] if len(value.shape) > 1 else 0
    return nm.group_norm(value, 1, channels, call.value(1), call.value(2), call.node.real("epsilon", 1e-5))


def mean_variance_normalization(call: Call) -> Value:
    """`(x - mean) / sqrt(variance)` over some axes; those of places and of samples by default, which mixes samples."""
    return nm.layer_norm(call.value(0), call.node.integers("axes") or (0, 2, 3), None, None, 1e-9)


def dropout(call: Call) -> Value:
    """`x` at inference."""
    training = call.array(2)
    is_training = training is not None and training.any()
    if is_training or (call.opset < 7 and not call.node.integer("is_test", 0)):
        raise UnsupportedLayerError("it is in training mode, where it drops units at random; export the model in evaluation mode")
    return call.value(0)
