"""Operators that multiply by constant matrices, or take entries along axes together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import movement as mv
from ..ir.values import Flow, Value, computed, constant
from .calls import Call


def gemm(call: Call) -> Value:
    """`alpha A' B' + beta C`; before opset 7, A may have any axes, which are flattened to two."""
    a, b, c = call.value(0), call.value(1), call.optional(2)
    if call.opset < 7 and len(a.shape) != 2:
        a = mv.flatten(a, 1 if len(a.shape) and a.shape[0] == 1 else 0)
    turned = bool(call.node.integer("transA", 0)), bool(call.node.integer("transB", 0))
    if call.opset < 7 and isinstance(a, Flow) and not any(turned) and a.shape[-1:] == b.shape[-1:] != b.shape[:1]:
        turned = False, True  # what MATLAB writes in opset 6, with W (n_out, n_in)
    return ct.gemm(a, b, c, alpha=call.node.real("alpha", 1.0), beta=call.node.real("beta", 1.0), transposed=turned)


def fused_gemm(call: Call) -> Value:
    """A Gemm with its activation."""
    name = call.node.text("activation", "")
    if name not in FUSED:
        raise UnsupportedLayerError(f"its activation {name!r:.80} is not supported; fastjac takes {', '.join(FUSED)}")
    return FUSED[name](gemm(call), call.node.real("activation_alpha", 0.01))


FUSED: dict[str, Callable[[Value, float], Value]] = {
    "Relu": lambda value, alpha: el.relu(value),
    "LeakyRelu": lambda value, alpha: el.leaky_relu(value, alpha),
    "Sigmoid": lambda value, alpha: el.sigmoid(value),
    "Tanh": lambda value, alpha: el.tanh(value),
}
"""The activations of a FusedGemm."""


def matmul(call: Call) -> Value:
    """The matrix product."""
    return ct.matmul(call.value(0), call.value(1))


def einsum(call: Call) -> Value:
    """A sum of products."""
    return ct.einsum(call.node.text("equation", ""), call.values())


def conv(call: Call) -> Value:
    """A convolution whose kernel stands at one place only: one that covers its whole input, or 1 x 1 of an image of 1 x 1.

    Over larger images a 1 x 1 kernel is a matrix that every place is multiplied by.
    """
    value, kernel, bias = call.value(0), call.value(1), call.optional(2)
    if isinstance(kernel, Flow) or len(value.shape) < 3 or len(kernel.shape) != len(value.shape):
        raise UnsupportedLayerError(f"it convolves a value of shape {value.shape} with a kernel of shape {kernel.shape}")
    if call.node.integer("group", 1) != 1:
        raise UnsupportedLayerError("it convolves groups of channels, which fastjac does not have yet")
    value = _padded(call, value, kernel.shape[2:])
    places, window = value.shape[2:], kernel.shape[2:]
    if value.shape[1] != kernel.shape[1]:
        raise FormatError(f"it convolves {value.shape[1]} channels with a kernel for {kernel.shape[1]}")
    letters = "xyzuvw"[: len(places)]
    if places == window:
        result = ct.einsum(f"nc{letters},oc{letters}->no", [value, kernel])
        result = mv.reshape(result, [0, 0, *[1] * len(places)], zero_keeps=True)
    elif math.prod(window) == 1 and all(stride == 1 for stride in call.node.integers("strides") or ()):
        result = ct.einsum(
            f"nc{letters},oc->no{letters}", [value, computed(lambda array: array.reshape(array.shape[:2]), kernel)]
        )
    else:
        raise UnsupportedLayerError(
            f"its kernel of {_sizes(window)} stands at several places of an image of {_sizes(places)}; fastjac has no "
            "convolution over images yet"
        )
    if bias is None:
        return result
    return el.add(result, computed(lambda array: array.reshape(1, -1, *[1] * len(places)), bias))


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _padded(call: Call, value: Value, window: Sequence[int]) -> Value:
    """The image with the zeros around it that the node asks for."""
    if call.node.text("auto_pad", "NOTSET") not in ("NOTSET", "VALID", ""):
        raise UnsupportedLayerError("it pads as auto_pad says; fastjac takes explicit pads, so export the model with these")
    if any(step != 1 for step in call.node.integers("dilations") or ()) and math.prod(window) != 1:
        raise UnsupportedLayerError("its kernel is dilated, which fastjac does not have yet")
    pads = call.node.integers("pads") or (0,) * (2 * len(window))
    if len(pads) != 2 * len(window):
        raise FormatError(f"pads={pads} do not fit a kernel of {len(window)} axes")
    if not any(pads):
        return value
    half = len(window)
    return mv.pad(value, [0, 0, *pads[:half]], [0, 0, *pads[half:]], constant(np.float32(0.0)))


Reduction = Callable[[Value, Sequence[int] | None, bool], Value]


def reduced(function: Reduction) -> Callable[[Call], Value]:
    """A function of the entries along some axes: of all where none are named, unless the node says that this means none."""

    def reduce(call: Call) -> Value:
        axes = call.axes(1)
        if not axes and call.node.integer("noop_with_empty_axes", 0):
            return call.value(0)
        return function(call.value(0), axes or None, bool(call.node.integer("keepdims", 1)))

    return reduce


def lp_normalization(call: Call) -> Value:
    """The entries over their norm along one axis."""
    value = call.value(0)
    axis = mv.checked_axis(call.node.integer("axis", -1), len(value.shape))
    return ct.normalized(value, [axis], call.node.integer("p", 2))


def squares(value: Value, axes: Sequence[int] | None, keep: bool) -> Value:
    """The sum of squares along some axes."""
    return ct.reduce_sum(el.square(value), axes, keep)


def log_sum(value: Value, axes: Sequence[int] | None, keep: bool) -> Value:
    """The logarithm of the sum along some axes."""
    return el.log(ct.reduce_sum(value, axes, keep))


REDUCTIONS: dict[str, Reduction] = {
    "ReduceSum": ct.reduce_sum,
    "ReduceMean": ct.reduce_mean,
    "ReduceMax": ct.reduce_max,
    "ReduceMin": ct.reduce_min,
    "ReduceProd": ct.reduce_product,
    "ReduceL1": lambda value, axes, keep: ct.norm(value, axes, keep, 1),
    "ReduceL2": lambda value, axes, keep: ct.norm(value, axes, keep, 2),
    "ReduceSumSquare": squares,
    "ReduceLogSum": log_sum,
}
"""Every operator that takes the entries along some axes together to one, by name."""
