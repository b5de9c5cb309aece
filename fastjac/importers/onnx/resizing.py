"""Images of another size: the table RESIZING."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import resizing as rs
from ..ir.movement import checked_axes, part, shape_of
from ..ir.values import Value, computed, fixed
from .calls import Call

Target = tuple[int, int, float]
"""An axis, how many places it gets, and how many new places span the whole axis, which a scale may make a fraction."""
KINDS = {
    **dict.fromkeys(("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"), rs.HALF_PIXEL),
    "align_corners": rs.ALIGNED,
    "asymmetric": rs.ASYMMETRIC,
}
ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda at: np.ceil(at - 0.5),
    "round_prefer_ceil": lambda at: np.floor(at + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _resize(call: Call) -> Value:
    """A Resize: since opset 11 its attributes say how; in opset 10 it does what Upsample does."""
    if call.opset < 11:
        return _upsample(call)
    policy = call.node.text("keep_aspect_ratio_policy", "stretch")
    if call.node.integer("antialias", 0) or policy != "stretch":
        raise UnsupportedLayerError(
            "it smooths, or keeps the ratio of the axes; fastjac resizes each axis by itself, as the node states"
        )
    kind = call.node.text("coordinate_transformation_mode", "half_pixel")
    return _resized(call, _targets(call), kind, call.node.text("nearest_mode", "round_prefer_floor"))


def _upsample(call: Call) -> Value:
    scales = call.node.reals("scales") if call.opset < 9 else call.array(1)
    if scales is None or not np.all(scales >= 1):
        raise UnsupportedLayerError(
            "its scales are not stated, or are below 1, where runtimes differ; export it for opset 11 or newer"
        )
    return _resized(call, _scaled(call.value(0), range(len(call.value(0).shape)), scales), "asymmetric", "floor")


def _targets(call: Call) -> list[Target]:
    value, scales, axes = call.value(0), call.array(2), call.node.integers("axes")
    along = range(len(value.shape)) if axes is None else checked_axes(axes, len(value.shape))
    if scales is not None and scales.size:
        return _scaled(value, along, scales)
    call.check_integers(3)
    sizes = call.value(3)
    if sizes.shape != (len(along),):
        raise FormatError(f"it gives sizes of shape {sizes.shape} for {len(along)} axes")
    more = [_more(value, axis, part(sizes, 0, number, number + 1)) for number, axis in enumerate(along)]
    counts = [(axis, value.shape[axis] + count) for axis, count in zip(along, more, strict=True) if count]
    return [(axis, count, count) for axis, count in counts]


def _more(value: Value, axis: int, size: Value) -> int:
    """How many places an axis gains; that must not depend on the number of samples, while the size of the axis may."""
    return int(fixed(computed(np.subtract, size, shape_of(value, axis, axis + 1)), "sizes").item())


def _scaled(value: Value, along: range | tuple[int, ...], scales: np.ndarray) -> list[Target]:
    if scales.shape != (len(along),) or not np.all(np.isfinite(scales)):
        raise FormatError(f"it gives scales of shape {scales.shape} for {len(along)} axes")
    lengths = [(axis, float(scale) * value.shape[axis]) for axis, scale in zip(along, scales, strict=True) if scale != 1]
    return [(axis, int(length), length) for axis, length in lengths]


def _resized(call: Call, targets: list[Target], kind: str, rounding: str) -> Value:
    value, mode = call.value(0), call.node.text("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear") or kind not in KINDS or rounding not in ROUNDINGS:
        raise UnsupportedLayerError(
            f"it resizes by mode={mode!r:.40}, coordinate_transformation_mode={kind!r:.40} and nearest_mode={rounding!r:.40}; "
            f"fastjac takes nearest and linear by {', '.join(KINDS)}"
        )
    for axis, count, length in targets:
        places = value.shape[axis]
        at = rs.positions(places, count, KINDS[kind], length)
        if kind == "half_pixel_symmetric":
            at += places / 2 * (1 - count / length)
        if kind == "pytorch_half_pixel" and count == 1:
            at *= 0
        value = rs.nearest(value, axis, ROUNDINGS[rounding](at)) if mode == "nearest" else rs.linear(value, axis, at)
    return value


RESIZING: dict[str, Callable[[Call], Value]] = {"Resize": _resize, "Upsample": _upsample}
"""Every operator that changes the size of images, by name."""
