"""What Keras's convolutions and poolings become; every function takes a layer and the tensor that it is called on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir import convolution as cv
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
    config = entry.config
    sizes, groups = tuple(config["kernel_size"]), config.get("groups") or 1
    images = _channels_first(entry, value)
    window = _window(entry, images.shape[2:], sizes, config["strides"], config["dilation_rate"])
    channels, filters = images.shape[1] // groups, config["filters"]
    expected = [(*sizes, channels, filters)] + [(filters,)] * bool(config["use_bias"])
    kernel, *bias = shared((id(entry), "arrays"), lambda: arrays(entry, *expected))
    turned = shared((id(entry), "kernel"), lambda: constant(np.moveaxis(kernel, (-1, -2), (0, 1))))
    return _as_given(entry, cv.convolve(images, turned, constant(bias[0]) if bias else None, window, groups))


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


def zero_padding(entry: Entry, value: Value) -> Value:
    """Zeros at both ends of each axis of places."""
    return _padded(entry, value, [tuple(ends) for ends in _pairs(entry.config["padding"])])


def cropping(entry: Entry, value: Value) -> Value:
    """Without some entries at both ends of each axis of places."""
    return _padded(entry, value, [(-first, -last) for first, last in _pairs(entry.config["cropping"])])


def _pairs(option: Any) -> Sequence[Sequence[int]]:
    return [option] if isinstance(option[0], int) else option


def _padded(entry: Entry, value: Value, ends: Sequence[Sequence[int]]) -> Value:
    images = _channels_first(entry, value)
    before, behind = ([0, 0, *(pair[i] for pair in ends)] for i in (0, 1))
    return _as_given(entry, pad(images, before, behind, constant(np.float32(0.0))))


def _window(entry: Entry, places: Shape, sizes: Shape, strides: Any, dilations: Any) -> Window:
    strides, dilations = ((option,) * len(sizes) if isinstance(option, int) else tuple(option) for option in (strides, dilations))
    padding = entry.config["padding"]
    if padding == VALID:
        return Window(sizes, strides, dilations, (0,) * len(sizes), (0,) * len(sizes))
    if padding == CAUSAL:
        return Window(sizes, strides, dilations, ((sizes[0] - 1) * dilations[0],), (0,))
    if padding != SAME:
        raise UnsupportedLayerError(f"padding={padding!r:.40} is none that Keras knows")
    return Window(sizes, strides, dilations, *cv.same_padding(places, sizes, strides, dilations))


def _channels_first(entry: Entry, value: Value) -> Value:
    """The tensor with its channels behind the axis of the batch."""
    if len(value.shape) < 3:
        raise UnsupportedLayerError(f"it takes places and channels, and samples of shape {value.shape[1:]} have none")
    return value if _is_first(entry) else moved(lambda array: np.moveaxis(array, -1, 1), value)


def _as_given(entry: Entry, value: Value) -> Value:
    return value if _is_first(entry) else moved(lambda array: np.moveaxis(array, 1, -1), value)


def _is_first(entry: Entry) -> bool:
    return entry.config.get("data_format") == "channels_first"
