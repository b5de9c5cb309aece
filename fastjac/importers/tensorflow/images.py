"""Convolutions and poolings of images (batch, height, width, channels): the tables IMAGES and LITE_IMAGES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import convolution as cv
from ..ir import elementwise as el
from ..ir import movement as mv
from ..ir import resizing as rs
from ..ir.convolution import Window
from ..ir.values import Flow, Value, computed, fixed
from .calls import Call

CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


class Geometry(NamedTuple):
    """Where windows stand: the padding, "SAME" or "VALID", and numbers for height and width; only poolings have `sizes`."""

    padding: str
    strides: Sequence[int]
    dilations: Sequence[int]
    sizes: Sequence[int]


def _of_graph(call: Call) -> Geometry:
    if call.text("data_format", "NHWC") != "NHWC":
        raise UnsupportedLayerError("its channels come first; fastjac takes channels last, so save the model with these")
    strides, dilations, sizes = (call.numbers(name)[1:3] for name in ("strides", "dilations", "ksize"))
    return Geometry(call.text("padding"), strides, dilations or (1, 1), sizes)


def _of_lite(call: Call) -> Geometry:
    strides = call.integer("stride_h"), call.integer("stride_w")
    sizes = call.integer("filter_height"), call.integer("filter_width")
    dilations = call.integer("dilation_h_factor", 1), call.integer("dilation_w_factor", 1)
    return Geometry("VALID" if call.integer("padding") else "SAME", strides, dilations, sizes)


def _lite_depthwise(call: Call) -> Value:
    """A DEPTHWISE_CONV_2D, with a kernel (1, height, width, out)."""
    kernel, channels = call.value(1), call.value(0).shape[-1:]
    if len(kernel.shape) != 4 or channels[0] < 1 or kernel.shape[3] % channels[0]:
        raise FormatError(f"it convolves {channels} channels with a kernel of shape {kernel.shape}")
    split = computed(lambda array: array.reshape(*array.shape[1:3], channels[0], -1), kernel)
    return _biased(call, _depthwise(Call(call.node, (call.operands[0], split)), _of_lite(call)))


def _biased(call: Call, value: Value, position: int = 2) -> Value:
    return value if call.optional(position) is None else el.add(value, call.value(position))


def _convolved(call: Call, kernel: Value, geometry: Geometry, groups: int = 1) -> Value:
    value = _channels_first(call)
    window = _window(value.shape[2:], kernel.shape[2:], geometry)
    return mv.transpose(cv.convolve(value, kernel, None, window, groups), CHANNELS_LAST)


def _convolved_back(call: Call, kernel: Value, geometry: Geometry) -> Value:
    """Operand 2 times the transposed matrix of a convolution of images; operand 0 states the shape of these images."""
    value = _channels_first(call, 2)
    target = fixed(mv.part(call.whole(0), 0, 1, 3), "operand 0").ravel().tolist()
    window = _window(target, kernel.shape[2:], geometry)
    ends = zip(value.shape[2:], window.strides, window.reach, window.before, window.behind, target, strict=True)
    longer = [end - (place - 1) * stride - long + before + behind for place, stride, long, before, behind, end in ends]
    if not all(0 <= more < stride for more, stride in zip(longer, window.strides, strict=True)):
        raise FormatError(f"its images of {value.shape[2:]} places do not become images of {target}; the file is damaged")
    return mv.transpose(cv.convolve_backwards(value, kernel, None, window, longer), CHANNELS_LAST)


def _depthwise(call: Call, geometry: Geometry) -> Value:
    """A convolution of each channel by itself, with kernels (height, width, in, kernels for each channel)."""
    kernel = _kernel(call, "yxig", "igyx")
    single = computed(lambda array: array.reshape(-1, 1, *array.shape[2:]), kernel)
    return _convolved(call, single, geometry, groups=kernel.shape[0])


def _pooled(call: Call, geometry: Geometry, is_max: bool) -> Value:
    value = _channels_first(call)
    window = _window(value.shape[2:], geometry.sizes, geometry)
    pooled = cv.max_pool(value, window) if is_max else cv.average_pool(value, window, count_padding=False)
    return mv.transpose(pooled, CHANNELS_LAST)


def _kernel(call: Call, letters: str, order: str = "oiyx") -> Value:
    """The kernel with its axes `letters` in another order: y, x, i for input channels, o for output channels, g for a group's."""
    kernel = call.value(1)
    if isinstance(kernel, Flow) or len(kernel.shape) != 4:
        raise UnsupportedLayerError("its kernel is no constant of four axes, which fastjac takes alone")
    return mv.transpose(kernel, [letters.index(letter) for letter in order])


def _resize(is_nearest: bool) -> Callable[[Call], Value]:
    """The operator that resizes images to operand 1, by the nearest places or by mixtures of two places along each axis."""

    def convert(call: Call) -> Value:
        images, size = _channels_first(call), call.whole_numbers(1)
        if len(size) != 2:
            raise FormatError(f"it resizes images to {size}, which is no height and width")
        kind = rs.ALIGNED if call.flag("align_corners") else rs.HALF_PIXEL if call.flag("half_pixel_centers") else rs.ASYMMETRIC
        for axis, count in enumerate(size, 2):
            at = rs.positions(images.shape[axis], count, kind)
            rounded = np.floor(at if kind == rs.ASYMMETRIC else at + 0.5)
            images = rs.nearest(images, axis, rounded) if is_nearest else rs.linear(images, axis, at)
        return mv.transpose(images, CHANNELS_LAST)

    return convert


def _channels_first(call: Call, position: int = 0) -> Value:
    value = call.value(position)
    if len(value.shape) != 4:
        raise FormatError(f"it takes images of four axes with the batch, got shape {value.shape}")
    return mv.transpose(value, CHANNELS_FIRST)


def _window(places: Sequence[int], sizes: Sequence[int], geometry: Geometry) -> Window:
    padding, strides, dilations, _ = geometry
    if padding not in ("SAME", "VALID"):
        raise UnsupportedLayerError(f"its padding {padding!r:.40} is not supported; fastjac takes SAME and VALID")
    if not len(places) == len(sizes) == len(strides) == len(dilations) or min((*strides, *sizes, *dilations)) < 1:
        raise FormatError(f"a window of {tuple(sizes)} with strides {tuple(strides)} and dilations {tuple(dilations)} is none")
    return cv.window_within(places, sizes, strides, dilations, padding == "SAME")


IMAGES: dict[str, Callable[[Call], Value]] = {
    "Conv2D": lambda call: _convolved(call, _kernel(call, "yxio"), _of_graph(call)),
    "Conv2DBackpropInput": lambda call: _convolved_back(call, _kernel(call, "yxoi", "ioyx"), _of_graph(call)),
    "DepthwiseConv2dNative": lambda call: _depthwise(call, _of_graph(call)),
    "MaxPool": lambda call: _pooled(call, _of_graph(call), is_max=True),
    "AvgPool": lambda call: _pooled(call, _of_graph(call), is_max=False),
    "ResizeNearestNeighbor": _resize(is_nearest=True),
    "ResizeBilinear": _resize(is_nearest=False),
}
"""The operators of graphs, by name."""
LITE_IMAGES: dict[str, Callable[[Call], Value]] = {
    "CONV_2D": lambda call: _biased(call, _convolved(call, _kernel(call, "oyxi"), _of_lite(call))),
    "TRANSPOSE_CONV": lambda call: _biased(call, _convolved_back(call, _kernel(call, "oyxi", "ioyx"), _of_lite(call)), 3),
    "DEPTHWISE_CONV_2D": _lite_depthwise,
    "MAX_POOL_2D": lambda call: _pooled(call, _of_lite(call), is_max=True),
    "AVERAGE_POOL_2D": lambda call: _pooled(call, _of_lite(call), is_max=False),
}
"""The operators of TensorFlow Lite that graphs have in another form, without the activation behind them."""
