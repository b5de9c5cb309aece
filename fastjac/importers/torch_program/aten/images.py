"""Convolution and pooling: the table IMAGES."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import convolution as cv
from ...ir import joining as jn
from ...ir import movement as mv
from ...ir import reduction as rd
from ...ir import resizing as rs
from ...ir.values import Value
from ...reading.limits import check_count
from .values import PLACES, listed, optional, real, tensor, whole

Operator = Callable[..., Any]


def _convolution(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    transposed: Any = False,
    output_padding: Any = 0,
    groups: Any = 1,
    *rest: Any,
    **others: Any,
) -> Value:
    """A convolution of an image or a sequence that has channels."""
    kernel = tensor(weight, "weight")
    window = _window(kernel.shape[2:], stride, padding, dilation)
    if transposed:
        longer = _spread(output_padding, len(window.sizes))
        return cv.convolve_backwards(tensor(input), kernel, optional(bias, "bias"), window, longer, whole(groups))
    return cv.convolve(tensor(input), kernel, optional(bias, "bias"), window, whole(groups))


def _conv(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
) -> Value:
    if padding == "same":
        kernel = tensor(weight, "weight")
        strides, steps = (_spread(one, len(kernel.shape) - 2) for one in (stride, dilation))
        window = cv.window_within(tensor(input).shape[2:], kernel.shape[2:], strides, steps, is_same=True)
        return cv.convolve(tensor(input), kernel, optional(bias, "bias"), window, whole(groups))
    return _convolution(input, weight, bias, stride, 0 if padding == "valid" else padding, dilation, groups=groups)


def _max_pool(
    self: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: Any = False
) -> Value:
    value = tensor(self)
    return cv.max_pool(value, _pooling(value, kernel_size, stride, padding, dilation, ceil_mode))


def _average_pool(
    self: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: Any = False,
    count_include_pad: Any = True,
    divisor_override: Any = None,
) -> Value:
    if divisor_override is not None:
        raise UnsupportedLayerError("it divides a sum by a number of its own (divisor_override); fastjac takes the mean")
    value = tensor(self)
    return cv.average_pool(value, _pooling(value, kernel_size, stride, padding, 1, ceil_mode), bool(count_include_pad))


def _adaptive(function: Callable[[Value, Sequence[int], bool], Value], dimensions: int) -> Operator:
    """The operator of a pooling by a given number of windows along each axis, which cover all places together."""

    def call(self: Any, output_size: Any) -> Value:
        value = tensor(self)
        first = len(value.shape) - dimensions
        counts = [None if one is None else whole(one) for one in listed(output_size)]
        for axis, count in enumerate(counts * dimensions if len(counts) == 1 else counts, first):
            value = value if count is None else _pooled_along(value, mv.checked_axis(axis, len(value.shape)), count, function)
        return value

    return call


def _pooled_along(value: Value, axis: int, count: int, function: Callable[[Value, Sequence[int], bool], Value]) -> Value:
    places = value.shape[axis]
    check_count(count, cv.MOST_WINDOW, "windows along an axis of an image")
    if count < 1:
        raise FormatError(f"it pools an image into {count} places; the file is damaged")
    ends = [(number * places // count, -(-(number + 1) * places // count)) for number in range(count)]
    return jn.concatenate([function(mv.part(value, axis, *pair), [axis], True) for pair in ends], axis)


def _pooling(value: Value, sizes: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any) -> cv.Window:
    places = value.shape[2:]
    lengths = _spread(sizes, len(places))
    window = _window(lengths, lengths if stride in (None, [], ()) else stride, padding, dilation)
    return window.over_all(places) if ceil_mode else window


def _window(sizes: Sequence[int], stride: Any, padding: Any, dilation: Any) -> cv.Window:
    pads = _spread(padding, len(sizes))
    return cv.Window(sizes, _spread(stride, len(sizes)), _spread(dilation, len(sizes)), pads, pads)


def _spread(value: Any, count: int) -> list[int]:
    """One number for each axis of an image; a lone number stands for all axes."""
    found = [whole(one) for one in listed(value)]
    if len(found) not in (1, count):
        raise FormatError(f"it gives {len(found)} numbers for the {count} axes of an image")
    return found * count if len(found) == 1 else found


def _transposed(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
) -> Value:
    return _convolution(input, weight, bias, stride, padding, dilation, True, output_padding, groups)


def _resized(dimensions: int, is_linear: bool) -> Operator:
    """The operator that resizes an image: to given sizes, or by given scales, of which torch has two forms of arguments."""

    def call(*args: Any, **options: Any) -> Value:
        named = {**dict(zip(("input", "output_size"), args, strict=False)), **options}
        value, sizes, rest = tensor(named.get("input", named.get("self"))), named["output_size"], list(args[2:])
        aligned = bool(named.get("align_corners", rest.pop(0) if is_linear and rest else False))
        scales = _scales([*rest, *(options[name] for name in SCALES if name in options)], dimensions)
        for number, scale in enumerate(scales):
            axis = len(value.shape) - dimensions + number
            places = value.shape[axis]
            count = math.floor(places * (scale or 1.0)) if sizes is None else whole(listed(sizes)[number], "size")
            kind = rs.ALIGNED if aligned else rs.HALF_PIXEL if is_linear else rs.ASYMMETRIC
            at = rs.positions(places, count, kind, None if scale is None or aligned else places * scale)
            value = rs.linear(value, axis, at) if is_linear else rs.nearest(value, axis, np.floor(at))
        return value

    return call


def _scales(given: Sequence[Any], dimensions: int) -> list[float | None]:
    """The scale of each axis, None where the sizes alone count; they stand one by one, or in one list."""
    found = given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given
    scales = [None if one is None else real(one, "scale") for one in found] or [None]
    if len(scales) not in (1, dimensions):
        raise FormatError(f"it gives {len(scales)} scales for the {dimensions} axes of an image")
    return scales * dimensions if len(scales) == 1 else scales


SCALES = ("scale_factors", "scales", "scales_h", "scales_w")
IMAGES: dict[str, Operator] = {
    "conv_transpose1d": _transposed,
    "conv_transpose2d": _transposed,
    "upsample_nearest1d": _resized(1, False),
    "upsample_nearest2d": _resized(2, False),
    "upsample_linear1d": _resized(1, True),
    "upsample_bilinear2d": _resized(2, True),
    "_convolution": _convolution,
    "convolution": _convolution,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    "max_pool1d": _max_pool,
    "max_pool2d": _max_pool,
    "max_pool2d_with_indices": lambda *args, **options: [_max_pool(*args, **options), PLACES],
    "avg_pool1d": _average_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool1d": _adaptive(rd.reduce_mean, 1),
    "adaptive_avg_pool2d": _adaptive(rd.reduce_mean, 2),
    "_adaptive_avg_pool2d": _adaptive(rd.reduce_mean, 2),
    "adaptive_max_pool1d": lambda self, output_size: [_adaptive(rd.reduce_max, 1)(self, output_size), PLACES],
    "adaptive_max_pool2d": lambda self, output_size: [_adaptive(rd.reduce_max, 2)(self, output_size), PLACES],
}
"""Operators by torch's names."""
