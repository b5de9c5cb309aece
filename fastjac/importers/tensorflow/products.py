"""Operators that multiply by constant matrices, and normalizations by constants."""

from __future__ import annotations

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir.values import Constant, Single, Value
from .calls import Call

CHANNELS_FIRST = ("NCHW", "NCDHW")


def matmul(call: Call) -> Value:
    """The matrix product, of operands that may be transposed."""
    turned = [call.flag(name, call.flag(other)) for name, other in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))]
    left, right = (mv.swap_axes(call.value(i), -1, -2) if turned[i] else call.value(i) for i in (0, 1))
    return ct.matmul(left, right)


def fused_matmul(call: Call) -> Value:
    """A MatMul with the operations that an optimizer has put behind it."""
    found = matmul(call)
    operations = call.node.attributes.get("fused_ops", [])
    for operation in operations if isinstance(operations, list) else []:
        if operation == b"BiasAdd":
            found = el.add(found, call.value(2))
        elif operation in FUSED:
            found = FUSED[operation](found)
        else:
            raise UnsupportedLayerError(
                f"its fused {operation!r:.80} is not supported; fastjac takes BiasAdd, {', '.join(map(str, FUSED))}"
            )
    return found


FUSED = {b"Relu": fn.relu, b"Tanh": fn.tanh, b"Sigmoid": fn.sigmoid}


def fully_connected(call: Call) -> Value:
    """`x W^T + b`, with W (n_out, n_in); the axes of x before the last are flattened to one, unless they are kept."""
    value, weight = call.value(0), call.value(1)
    if call.integer("weights_format"):
        raise UnsupportedLayerError("its weights are shuffled for quantized arithmetic; fastjac takes floating-point models")
    if not call.flag("keep_num_dims") and len(weight.shape) == 2:
        value = mv.reshape(value, [-1, weight.shape[1]])
    return ct.linear(value, weight, call.optional(2))


def bias_add(call: Call) -> Value:
    """The tensor plus a number for each channel; channels lie along the last axis or, in some formats, along axis 1."""
    value, bias = call.value(0), call.value(1)
    behind = len(value.shape) - 2 if call.text("data_format") in CHANNELS_FIRST else 0
    return el.add(value, mv.unsqueeze(bias, range(1, behind + 1)) if behind > 0 else bias)


def batch_norm(call: Call) -> Value:
    """`scale (x - mean) / sqrt(variance + epsilon) + offset` for each channel, of operands x, scale, offset, mean, variance."""
    value = call.value(0)
    axis = 1 if call.text("data_format") in CHANNELS_FIRST else len(value.shape) - 1
    eps = call.real("epsilon", 1e-4)
    if not call.flag("is_training", True):
        gamma, beta, mean, variance = (call.value(position) for position in (1, 2, 3, 4))
        return nm.batch_norm(value, axis, (mean, variance, gamma, beta), eps)
    # Each channel is normalized by its own statistics. Keras writes a layer normalization so, with its samples as channels.
    normalized = nm.layer_norm(value, [other for other in range(len(value.shape)) if other != axis], None, None, eps)
    behind = range(1, len(value.shape) - axis)
    gamma, beta = (mv.unsqueeze(call.value(position), behind) for position in (1, 2))
    scaled = normalized if _all(gamma, 1.0) else el.multiply(normalized, gamma)
    return scaled if _all(beta, 0.0) else el.add(scaled, beta)


def _all(value: Value, number: float) -> bool:
    """Whether all entries are one number, for any number of samples."""
    return isinstance(value, Constant) and all(
        isinstance(array, Single) or np.all(array == number) for array in (value.alone, value.batch)
    )
