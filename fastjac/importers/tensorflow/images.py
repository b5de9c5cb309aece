"""Convolutions and poolings of images (batch, height, width, channels): of graphs, and of TensorFlow Lite (`lite_...`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def conv(call: Call) -> Value:
    """A Conv2D, with a kernel (height, width, in, out)."""
    _check_format(call)
    return _convolved(call, "yxio", call.text("padding"), call.numbers("strides")[1:3], call.numbers("dilations")[1:3])


def depthwise_conv(call: Call) -> Value:
    """A DepthwiseConv2dNative, with a kernel (height, width, in, several)."""
    _check_format(call)
    return _depthwise(call, call.text("padding"), call.numbers("strides")[1:3], call.numbers("dilations")[1:3])


def conv_transpose(call: Call) -> Value:
    """A Conv2DBackpropInput: the transposed matrix of a convolution with a kernel (height, width, out, in)."""
    _check_format(call)
    return _convolved_back(call, "yxoi", call.text("padding"), call.numbers("strides")[1:3], call.numbers("dilations")[1:3])


def max_pool(call: Call) -> Value:
    """A MaxPool."""
    _check_format(call)
    return _pooled(call, call.text("padding"), call.numbers("ksize")[1:3], call.numbers("strides")[1:3], is_max=True)


def average_pool(call: Call) -> Value:
    """An AvgPool."""
    _check_format(call)
    return _pooled(call, call.text("padding"), call.numbers("ksize")[1:3], call.numbers("strides")[1:3], is_max=False)


def _check_format(call: Call) -> None:
    if call.text("data_format", "NHWC") != "NHWC":
        raise UnsupportedLayerError("its channels come first; fastjac takes channels last, so save the model with these")


def lite_conv(call: Call) -> Value:
    """A CONV_2D, with a kernel (out, height, width, in)."""
    return _biased(call, _convolved(call, "oyxi", _lite_padding(call), _lite_strides(call), _lite_dilations(call)))


def lite_depthwise_conv(call: Call) -> Value:
    """A DEPTHWISE_CONV_2D, with a kernel (1, height, width, out)."""
    kernel, channels = call.value(1), call.value(0).shape[-1:]
    if len(kernel.shape) != 4 or channels[0] < 1 or kernel.shape[3] % channels[0]:
        raise FormatError(f"it convolves {channels} channels with a kernel of shape {kernel.shape}")
    split = computed(lambda array: array.reshape(*array.shape[1:3], channels[0], -1), kernel)
    inner = Call(call.node, (call.operands[0], split))
    return _biased(call, _depthwise(inner, _lite_padding(call), _lite_strides(call), _lite_dilations(call)))


def lite_conv_transpose(call: Call) -> Value:
    """A TRANSPOSE_CONV, with a kernel (out, height, width, in)."""
    return _biased(call, _convolved_back(call, "oyxi", _lite_padding(call), _lite_strides(call), (1, 1)), 3)


def lite_pool(is_max: bool) -> Callable[[Call], Value]:
    """A MAX_POOL_2D or an AVERAGE_POOL_2D."""

    def convert(call: Call) -> Value:
        sizes = call.integer("filter_height"), call.integer("filter_width")
        return _pooled(call, _lite_padding(call), sizes, _lite_strides(call), is_max=is_max)

    return convert


def _lite_padding(call: Call) -> str:
    return "VALID" if call.integer("padding") else "SAME"


def _lite_strides(call: Call) -> Sequence[int]:
    return call.integer("stride_h"), call.integer("stride_w")


def _lite_dilations(call: Call) -> Sequence[int]:
    return call.integer("dilation_h_factor"), call.integer("dilation_w_factor")


def _biased(call: Call, value: Value, position: int = 2) -> Value:
    return value if call.optional(position) is None else el.add(value, call.value(position))


def _convolved(call: Call, letters: str, padding: str, strides: Sequence[int], dilations: Sequence[int]) -> Value:
    """A convolution with a kernel whose axes are the letters: y, x, i for channels in, o for those out."""
    kernel = _kernel(call, [letters.index(letter) for letter in "oiyx"])
    return _with_window(call, kernel, padding, strides, dilations, groups=1)


def _convolved_back(call: Call, letters: str, padding: str, strides: Sequence[int], dilations: Sequence[int]) -> Value:
    """What the transposed matrix of a convolution of images of the shape that operand 0 tells makes of operand 2."""
    value, kernel = _channels_first(call, 2), _kernel(call, [letters.index(letter) for letter in "ioyx"])
    target = fixed(mv.part(call.whole(0), 0, 1, 3), "operand 0").ravel().tolist()
    window = _window(target, kernel.shape[2:], padding, strides, dilations or (1, 1))
    ends = zip(value.shape[2:], window.strides, window.reach, window.before, window.behind, target, strict=True)
    longer = [end - (place - 1) * stride - long + before + behind for place, stride, long, before, behind, end in ends]
    if not all(0 <= more < stride for more, stride in zip(longer, strides, strict=True)):
        raise FormatError(f"its images of {value.shape[2:]} places do not become images of {target}; the file is damaged")
    return mv.transpose(cv.convolve_backwards(value, kernel, None, window, longer), CHANNELS_LAST)


def _depthwise(call: Call, padding: str, strides: Sequence[int], dilations: Sequence[int]) -> Value:
    """A convolution of each channel by itself, with several kernels each: (height, width, in, several)."""
    kernel = _kernel(call, (2, 3, 0, 1))
    groups = kernel.shape[0]
    kernel = computed(lambda array: array.reshape(-1, 1, *array.shape[2:]), kernel)
    return _with_window(call, kernel, padding, strides, dilations, groups)


def _kernel(call: Call, order: Sequence[int]) -> Value:
    kernel = call.value(1)
    if isinstance(kernel, Flow) or len(kernel.shape) != 4:
        raise UnsupportedLayerError("its kernel is no constant of four axes, which fastjac takes alone")
    return mv.transpose(kernel, order)


def resize(is_nearest: bool) -> Callable[[Call], Value]:
    """Images of the size that operand 1 tells, of the nearest places or of mixtures of two along each axis."""

    def convert(call: Call) -> Value:
        images, size = _channels_first(call), call.integers(1)
        if len(size) != 2:
            raise FormatError(f"it resizes images to {size}, which is no height and width")
        kind = rs.ALIGNED if call.flag("align_corners") else rs.HALF_PIXEL if call.flag("half_pixel_centers") else rs.ASYMMETRIC
        for axis, count in enumerate(size, 2):
            at = rs.positions(images.shape[axis], count, kind)
            rounded = np.floor(at if kind == rs.ASYMMETRIC else at + 0.5)
            images = rs.nearest(images, axis, rounded) if is_nearest else rs.linear(images, axis, at)
        return mv.transpose(images, CHANNELS_LAST)

    return convert


def _with_window(call: Call, kernel: Value, padding: str, strides: Sequence[int], dilations: Sequence[int], groups: int) -> Value:
    value = _channels_first(call)
    window = _window(value.shape[2:], kernel.shape[2:], padding, strides, dilations or (1, 1))
    return mv.transpose(cv.convolve(value, kernel, None, window, groups), CHANNELS_LAST)


def _pooled(call: Call, padding: str, sizes: Sequence[int], strides: Sequence[int], is_max: bool) -> Value:
    value = _channels_first(call)
    window = _window(value.shape[2:], sizes, padding, strides, (1, 1))
    pooled = cv.max_pool(value, window) if is_max else cv.average_pool(value, window, count_padding=False)
    return mv.transpose(pooled, CHANNELS_LAST)


def _channels_first(call: Call, position: int = 0) -> Value:
    value = call.value(position)
    if len(value.shape) != 4:
        raise FormatError(f"it takes images of four axes with the batch, got shape {value.shape}")
    return mv.transpose(value, CHANNELS_FIRST)


def _window(
    places: Sequence[int], sizes: Sequence[int], padding: str, strides: Sequence[int], dilations: Sequence[int]
) -> Window:
    """Where windows stand; "SAME" puts one place more behind than before, where it adds an odd number."""
    if padding not in ("SAME", "VALID"):
        raise UnsupportedLayerError(f"its padding {padding!r:.40} is not supported; fastjac takes SAME and VALID")
    if not len(places) == len(sizes) == len(strides) == len(dilations) or min((*strides, *sizes, *dilations)) < 1:
        raise FormatError(f"a window of {tuple(sizes)} with strides {tuple(strides)} and dilations {tuple(dilations)} is none")
    return cv.window_within(places, sizes, strides, dilations, padding == "SAME")
