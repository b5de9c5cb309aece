"""Operators that multiply by constant matrices, and normalizations by constants."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir.values import Constant, Flow, Single, Value, computed, constant
from .calls import Call

CHANNELS_FIRST = ("NCHW", "NCDHW")


def matmul(call: Call) -> Value:
    """The matrix product, of operands that may be transposed."""
    turned = [call.flag(name, call.flag(other)) for name, other in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))]
    left, right = (mv.swap_axes(call.value(i), -1, -2) if turned[i] else call.value(i) for i in (0, 1))
    return ct.matmul(left, right)


def fused_matmul(call: Call) -> Value:
    """A MatMul with what an optimizer put behind it."""
    found = matmul(call)
    operations = call.node.attributes.get("fused_ops", [])
    for operation in operations if isinstance(operations, list) else []:
        if operation == b"BiasAdd":
            found = el.add(found, call.value(2))
        elif operation in FUSED:
            found = FUSED[operation](found)
        else:
            raise UnsupportedLayerError(f"its fused {operation!r:.80} is not supported; fastjac takes BiasAdd, {', '.join(map(str, FUSED))}")
    return found


FUSED = {b"Relu": el.relu, b"Tanh": el.tanh, b"Sigmoid": el.sigmoid}


def fully_connected(call: Call) -> Value:
    """`x W^T + b`, with W (n_out, n_in); the axes of x before the last are flattened to one, unless they are kept."""
    value, weight = call.value(0), call.value(1)
    if call.integer("weights_format"):
        raise UnsupportedLayerError("its weights are shuffled for quantized arithmetic; fastjac takes floating-point models")
    if not call.flag("keep_num_dims") and len(weight.shape) == 2:
        value = mv.reshape(value, [-1, weight.shape[1]])
    return ct.linear(value, weight, call.optional(2))


def bias_add(call: Call) -> Value:
    """A number for each channel added, which are along the last axis or, in other formats, along axis 1."""
    value, bias = call.value(0), call.value(1)
    behind = len(value.shape) - 2 if call.text("data_format") in CHANNELS_FIRST else 0
    return el.add(value, mv.unsqueeze(bias, range(1, behind + 1)) if behind > 0 else bias)


def einsum(call: Call) -> Value:
    """A sum of products."""
    return ct.einsum(call.text("equation"), call.values())


def batch_norm(call: Call) -> Value:
    """`scale (x - mean) / sqrt(variance + epsilon) + offset` of each channel; operands are x, scale, offset, mean, variance."""
    value = call.value(0)
    axis = 1 if call.text("data_format") in CHANNELS_FIRST else len(value.shape) - 1
    eps = call.real("epsilon", 1e-4)
    if not call.flag("is_training", True):
        gamma, beta, mean, variance = (call.value(position) for position in (1, 2, 3, 4))
        return nm.batch_norm(value, axis, (mean, variance, gamma, beta), eps)
    # By the statistics of each channel, which Keras writes for a layer normalization: its samples are the channels then.
    normalized = nm.layer_norm(value, [other for other in range(len(value.shape)) if other != axis], None, None, eps)
    behind = range(1, len(value.shape) - axis)
    gamma, beta = (mv.unsqueeze(call.value(position), behind) for position in (1, 2))
    scaled = normalized if _all(gamma, 1.0) else el.multiply(normalized, gamma)
    return scaled if _all(beta, 0.0) else el.add(scaled, beta)


def _all(value: Value, number: float) -> bool:
    """Whether all entries are one number, for any number of samples."""
    return isinstance(value, Constant) and all(isinstance(array, Single) or np.all(array == number) for array in (value.alone, value.batch))


def conv_graph(call: Call) -> Value:
    """A Conv2D of a graph, with a kernel (height, width, in, out)."""
    if call.text("data_format", "NHWC") != "NHWC":
        raise UnsupportedLayerError("its channels come first; fastjac takes channels last, so save the model with these")
    steps, dilations = call.numbers("strides"), call.numbers("dilations")
    return _conv(call, "yxco", call.text("padding"), steps[1:3], dilations[1:3])


def conv_lite(call: Call) -> Value:
    """A CONV_2D of TensorFlow Lite, with a kernel (out, height, width, in)."""
    steps = call.integer("stride_h", 1), call.integer("stride_w", 1)
    dilations = call.integer("dilation_h_factor", 1), call.integer("dilation_w_factor", 1)
    found = _conv(call, "oyxc", "VALID" if call.integer("padding") else "SAME", steps, dilations)
    return found if call.optional(2) is None else el.add(found, call.value(2))


def _conv(call: Call, letters: str, padding: str, steps: Sequence[int], dilations: Sequence[int]) -> Value:
    """A convolution of images (N, height, width, channels) whose kernel stands at one place only, or is 1 x 1."""
    value, kernel = call.value(0), call.value(1)
    if isinstance(kernel, Flow) or len(value.shape) != 4 or len(kernel.shape) != 4:
        raise UnsupportedLayerError(f"it convolves a value of shape {value.shape} with a kernel of shape {kernel.shape}")
    window = tuple(kernel.shape[letters.index(letter)] for letter in "yx")
    if kernel.shape[letters.index("c")] != value.shape[3]:
        raise FormatError(f"it convolves {value.shape[3]} channels with a kernel of shape {kernel.shape}")
    is_point = math.prod(window) == 1
    if not is_point and any(step != 1 for step in dilations):
        raise UnsupportedLayerError("its kernel is dilated, which fastjac does not have yet")
    if is_point and all(step == 1 for step in steps):
        points = computed(lambda array: array.transpose([letters.index(letter) for letter in "coyx"])[:, :, 0, 0], kernel)
        return ct.einsum("nyxc,co->nyxo", [value, points])
    if padding == "SAME":
        value = _padded(value, window, steps)
    if value.shape[1:3] != window:
        raise UnsupportedLayerError(
            f"its kernel of {window[0]} x {window[1]} stands at several places of an image of {value.shape[1]} x {value.shape[2]}; "
            "fastjac has no convolution over images yet"
        )
    return mv.unsqueeze(ct.einsum(f"nyxc,{letters}->no", [value, kernel]), [1, 2])


def _padded(value: Value, window: Sequence[int], steps: Sequence[int]) -> Value:
    """An image with the zeros around it with which a kernel stands at one place in each step."""
    before, behind = [0] * 4, [0] * 4
    for axis, (size, step) in enumerate(zip(window, steps, strict=True), start=1):
        places = -(-value.shape[axis] // max(step, 1))
        whole = max((places - 1) * step + size - value.shape[axis], 0)
        before[axis], behind[axis] = whole // 2, whole - whole // 2
    return mv.pad(value, before, behind, constant(np.float32(0.0)))
