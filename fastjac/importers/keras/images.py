"""What Keras's convolutions and poolings become; every function takes a layer and the tensor that it is called on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir import convolution as cv
from ..ir import resizing as rs
from ..ir.account import shared
from ..ir.convolution import Window
from ..ir.joining import pad
from ..ir.values import Value, constant, moved
from .arrays import arrays, float_type
from .config import Entry
from .shapes import Shape

CAUSAL, SAME, VALID = "causal", "same", "valid"


def convolution(entry: Entry, value: Value) -> Value:
    """The convolution without its activation."""
    config, images = entry.config, _channels_first(entry, value)
    groups = config.get("groups") or 1
    kernel, bias = _kernel(entry, images.shape[1] // groups, config["filters"])
    window = _window(entry, images.shape[2:], tuple(config["kernel_size"]), config["strides"], config["dilation_rate"])
    return _as_given(entry, cv.convolve(images, kernel, bias, window, groups))


def transposed_convolution(entry: Entry, value: Value) -> Value:
    """The transposed convolution without its activation."""
    images = _channels_first(entry, value)
    kernel, bias = _kernel(entry, entry.config["filters"], images.shape[1])
    window = _cut_window(entry, tuple(entry.config["kernel_size"]))
    return _as_given(entry, cv.convolve_backwards(images, kernel, bias, window, (0,) * len(window.sizes)))


def _kernel(entry: Entry, *channels: int) -> tuple[Value, Value | None]:
    """The kernel and the bias. Keras has the two axes of channels behind the places, in reverse; here they come first."""
    config = entry.config
    expected = [(*config["kernel_size"], *channels)] + [(config["filters"],)] * bool(config["use_bias"])
    kernel, *bias = shared((id(entry), "arrays"), lambda: arrays(entry, *expected))
    turned = shared((id(entry), "kernel"), lambda: constant(np.moveaxis(kernel, (-1, -2), (0, 1))))
    return turned, constant(bias[0]) if bias else None


def pooling(function: Callable[[Value, Window, Any], Value]) -> Callable[[Entry, Value], Value]:
    """A pooling by a function of the windows."""

    def convert(entry: Entry, value: Value) -> Value:
        sizes = entry.config["pool_size"]
        sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
        images = _channels_first(entry, value)
        strides = entry.config["strides"] or sizes
        window = _window(entry, images.shape[2:], sizes, strides, (1,) * len(sizes))
        return _as_given(entry, function(images, window, float_type(entry.config)))

    return convert


max_pooling = pooling(lambda value, window, dtype: cv.max_pool(value, window))
average_pooling = pooling(lambda value, window, dtype: cv.average_pool(value, window, False, dtype))


def upsampling(entry: Entry, value: Value) -> Value:
    """Several places in place of each along each axis of places; they are copies or, with "bilinear", mixes of two."""
    kind = entry.config.get("interpolation", "nearest")
    if kind not in ("nearest", "bilinear"):
        raise UnsupportedLayerError(f"interpolation={kind!r:.40} is not supported; fastjac takes 'nearest' and 'bilinear'")
    images = _channels_first(entry, value)
    for axis, times in enumerate(_each(entry.config["size"], len(images.shape) - 2), 2):
        places = images.shape[axis]
        at = rs.positions(places, places * times, rs.HALF_PIXEL)
        images = rs.nearest(images, axis, np.rint(at)) if kind == "nearest" else rs.linear(images, axis, at)
    return _as_given(entry, images)


def zero_padding(entry: Entry, value: Value) -> Value:
    """Zeros at both ends of each axis of places."""
    return _padded(entry, value, [tuple(ends) for ends in _pairs(entry.config["padding"])])


def cropping(entry: Entry, value: Value) -> Value:
    """The tensor without some places at both ends of each axis of places."""
    return _padded(entry, value, [(-first, -last) for first, last in _pairs(entry.config["cropping"])])


def _pairs(option: Any) -> Sequence[Sequence[int]]:
    return [option] if isinstance(option[0], int) else option


def _padded(entry: Entry, value: Value, ends: Sequence[Sequence[int]]) -> Value:
    images = _channels_first(entry, value)
    before, behind = ([0, 0, *(pair[i] for pair in ends)] for i in (0, 1))
    return _as_given(entry, pad(images, before, behind, constant(np.float32(0.0))))


def _window(entry: Entry, places: Shape, sizes: Shape, strides: Any, dilations: Any) -> Window:
    strides, dilations = _each(strides, len(sizes)), _each(dilations, len(sizes))
    padding = entry.config["padding"]
    if padding == CAUSAL:
        return Window(sizes, strides, dilations, ((sizes[0] - 1) * dilations[0],), (0,))
    if padding not in (SAME, VALID):
        raise UnsupportedLayerError(f"padding={padding!r:.40} is none that Keras knows")
    return cv.window_within(places, sizes, strides, dilations, padding == SAME)


def _cut_window(entry: Entry, sizes: Shape) -> Window:
    """The window of a transposed convolution; a negative count adds places to its result beyond those that the kernel reaches."""
    config, rank = entry.config, len(sizes)
    strides, dilations = _each(config["strides"], rank), _each(config["dilation_rate"], rank)
    if config["padding"] not in (SAME, VALID):
        raise UnsupportedLayerError(f"padding={config['padding']!r:.40} is none that Keras knows")
    reach = cv.reach_of(sizes, dilations)
    if (more := config.get("output_padding")) is not None:
        longer = [
            (long % 2 if config["padding"] == SAME else long) + one for long, one in zip(reach, _each(more, rank), strict=True)
        ]
    else:
        longer = list(strides) if config["padding"] == SAME else list(map(max, reach, strides))
    cut = [long - kept for long, kept in zip(reach, longer, strict=True)]
    before = [max(count // 2, 0) if config["padding"] == SAME else 0 for count in cut]
    behind = [count - first for count, first in zip(cut, before, strict=True)]
    return Window(sizes, strides, dilations, before, behind)


def _each(option: Any, rank: int) -> Shape:
    """An option as one number for each axis of places; it may be one number for all."""
    return (option,) * rank if isinstance(option, int) else tuple(option)


def _channels_first(entry: Entry, value: Value) -> Value:
    """The tensor with its channels behind the axis of the batch."""
    if len(value.shape) < 3:
        raise UnsupportedLayerError(f"it takes places and channels, and samples of shape {value.shape[1:]} have none")
    return value if _is_first(entry) else moved(lambda array: np.moveaxis(array, -1, 1), value)


def _as_given(entry: Entry, value: Value) -> Value:
    return value if _is_first(entry) else moved(lambda array: np.moveaxis(array, 1, -1), value)


def _is_first(entry: Entry) -> bool:
    return entry.config.get("data_format") == "channels_first"
