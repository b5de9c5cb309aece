"""Convolution and pooling: the table IMAGES."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import FormatError, UnsupportedLayerError
from ..ir import convolution as cv
from ..ir import reduction as rd
from ..ir.convolution import Window
from ..ir.values import Value
from .calls import Call


def conv(call: Call) -> Value:
    """A convolution over a small image, whose kernel is a constant."""
    value, kernel = call.value(0), call.value(1)
    window = _window(call, value, kernel.shape[2:])
    return cv.convolve(value, kernel, call.optional(2), window, call.node.integer("group", 1))


def _max_pool(call: Call) -> Value:
    value = call.value(0)
    if any(call.node.outputs[1:]):
        raise UnsupportedLayerError("its second output, the places of the largest entries, has no derivative; take it out")
    return cv.max_pool(value, _window(call, value))


def _average_pool(call: Call) -> Value:
    value = call.value(0)
    return cv.average_pool(value, _window(call, value), bool(call.node.integer("count_include_pad", 0)))


def _whole(function: Callable[[Value, Sequence[int]], Value]) -> Callable[[Call], Value]:
    """A pooling over all places."""
    return lambda call: function(call.value(0), range(2, len(call.value(0).shape)))


def _window(call: Call, value: Value, sizes: Sequence[int] | None = None) -> Window:
    """The window of a node, that of its kernel for a convolution."""
    told = call.node.integers("kernel_shape")
    sizes = told if sizes is None else sizes
    places = value.shape[2:]
    if sizes is None or len(sizes) != len(places) or (told is not None and tuple(told) != tuple(sizes)):
        raise FormatError(f"its window of {sizes} does not fit a value of shape {value.shape}")
    rank = len(places)
    strides, dilations = (call.node.integers(name) or (1,) * rank for name in ("strides", "dilations"))
    pads = _pads(call, places, sizes, strides, dilations)
    if len(pads) != 2 * rank or min(pads, default=0) < 0:
        raise FormatError(f"pads={pads} do not fit a window of {rank} axes")
    window = Window(sizes, strides, dilations, pads[:rank], pads[rank:])
    return window.over_all(places) if call.node.integer("ceil_mode", 0) else window


def _pads(
    call: Call, places: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    kind = call.node.text("auto_pad", "NOTSET")
    if kind in ("NOTSET", ""):
        return call.node.integers("pads") or (0,) * (2 * len(sizes))
    if kind == "VALID":
        return (0,) * (2 * len(sizes))
    if kind not in ("SAME_UPPER", "SAME_LOWER"):
        raise FormatError(f"auto_pad={kind!r:.40} is none that ONNX knows")
    less, more = cv.same_padding(places, sizes, strides, dilations)
    return (*less, *more) if kind == "SAME_UPPER" else (*more, *less)


IMAGES: dict[str, Callable[[Call], Value]] = {
    "Conv": conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _whole(rd.reduce_mean),
    "GlobalMaxPool": _whole(rd.reduce_max),
}
"""Every operator on images that fastjac reads, by name."""
