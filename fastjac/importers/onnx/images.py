"""Convolution and pooling: the table IMAGES."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import FormatError, UnsupportedLayerError
from ..ir import convolution as cv
from ..ir import reduction as rd
from ..ir.convolution import Window
from ..ir.values import Value
from .calls import Call

SAME = ("SAME_UPPER", "SAME_LOWER")
Pads = Callable[[Call, Sequence[int], Sequence[int], Sequence[int], Sequence[int]], tuple[int, ...]]


def conv(call: Call) -> Value:
    """A convolution over a small image, whose kernel is a constant."""
    value, kernel = call.value(0), call.value(1)
    window = _window(call, value, kernel.shape[2:])
    return cv.convolve(value, kernel, call.optional(2), window, call.node.integer("group", 1))


def conv_transpose(call: Call) -> Value:
    """A transposed convolution over a small image; the kernel is a constant."""
    value, kernel = call.value(0), call.value(1)
    window = _window(call, value, kernel.shape[2:], _cut)
    return cv.convolve_backwards(
        value, kernel, call.optional(2), window, _longer(call, window.sizes), call.node.integer("group", 1)
    )


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


def _window(call: Call, value: Value, sizes: Sequence[int] | None = None, pads_of: Pads | None = None) -> Window:
    """The windows of a node; a convolution gives `sizes`, those of its kernel. `pads_of` counts added places, as `_pads` does."""
    stated = call.node.integers("kernel_shape")
    sizes = stated if sizes is None else sizes
    places = value.shape[2:]
    if sizes is None or len(sizes) != len(places) or (stated is not None and tuple(stated) != tuple(sizes)):
        raise FormatError(f"its window of {sizes} does not fit a value of shape {value.shape}")
    rank = len(places)
    strides, dilations = (call.node.integers(name) or (1,) * rank for name in ("strides", "dilations"))
    if len(strides) != rank or len(dilations) != rank:
        raise FormatError(f"strides={strides} and dilations={dilations} do not fit a window of {rank} axes")
    pads = (pads_of or _pads)(call, places, sizes, strides, dilations)
    window = Window(sizes, strides, dilations, pads[:rank], pads[rank:])
    return window.over_all(places) if call.node.integer("ceil_mode", 0) else window


def _pads(
    call: Call, places: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    kind = _auto_pad(call)
    if kind not in SAME:
        return _stated_pads(call, len(sizes))
    less, more = cv.same_padding(places, sizes, strides, dilations)
    return (*less, *more) if kind == "SAME_UPPER" else (*more, *less)


def _cut(
    call: Call, places: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """How many places a transposed convolution leaves out at the ends; a negative count adds places."""
    kind, target = _auto_pad(call), call.node.integers("output_shape")
    if target is None and kind not in SAME:
        return _stated_pads(call, len(sizes))
    target = target or tuple(place * stride for place, stride in zip(places, strides, strict=True))
    if len(target) != len(sizes):
        raise FormatError(f"output_shape={target} does not fit a window of {len(sizes)} axes")
    axes = zip(places, strides, cv.reach_of(sizes, dilations), _longer(call, sizes), target, strict=True)
    cut = [(place - 1) * stride + long + more - end for place, stride, long, more, end in axes]
    if kind in SAME and min(cut) < 0:
        raise UnsupportedLayerError(
            f"auto_pad={kind!r} does not say where the places go that are more than its kernel reaches, and runtimes differ; "
            "export it with pads and output_padding"
        )
    before = [count // 2 if kind == "SAME_UPPER" else max(-(-count // 2), 0) for count in cut]
    return (*before, *(count - first for count, first in zip(cut, before, strict=True)))


def _longer(call: Call, sizes: Sequence[int]) -> tuple[int, ...]:
    """How many more places a transposed convolution has behind each axis."""
    longer = call.node.integers("output_padding") or (0,) * len(sizes)
    if len(longer) != len(sizes) or min(longer, default=0) < 0:
        raise FormatError(f"output_padding={longer} does not fit a window of {len(sizes)} axes")
    return longer


def _auto_pad(call: Call) -> str:
    kind = call.node.text("auto_pad", "NOTSET")
    if kind not in ("NOTSET", "", "VALID", *SAME):
        raise FormatError(f"auto_pad={kind!r:.40} is none that ONNX knows")
    return kind


def _stated_pads(call: Call, rank: int) -> tuple[int, ...]:
    pads = None if _auto_pad(call) == "VALID" else call.node.integers("pads")
    pads = pads or (0,) * (2 * rank)
    if len(pads) != 2 * rank or min(pads, default=0) < 0:
        raise FormatError(f"pads={pads} do not fit a window of {rank} axes")
    return pads


IMAGES: dict[str, Callable[[Call], Value]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _whole(rd.reduce_mean),
    "GlobalMaxPool": _whole(rd.reduce_max),
}
"""Every operator on images that fastjac reads, by name."""
