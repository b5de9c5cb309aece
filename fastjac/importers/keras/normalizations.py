"""What Keras's normalizations become; every function takes a layer and the shape of one sample at its input."""

from __future__ import annotations

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .. import folding
from ..tensors import float_dtype
from .arrays import arrays, as_list, float_type
from .config import Entry, SampleShape
from .shapes import per_unit, sample_axis, whole_axes

NORMALIZATION_EPSILON = 1e-7
"""Keras's backend epsilon, below which Normalization does not let a deviation fall."""


def batch_normalization(entry: Entry, shape: SampleShape | None) -> list[fl.Layer]:
    """`gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta`, the layer at inference."""
    config = entry.config
    if config.get("renorm"):
        raise UnsupportedLayerError("renorm=True keeps other statistics; fastjac takes plain batch normalization")
    axes = as_list(config["axis"])
    if len(axes) != 1:
        raise UnsupportedLayerError(f"axis={axes} keeps statistics along several axes; fastjac takes one axis")
    axis = sample_axis(axes[0], shape)
    size = None if shape is None else shape[axis]
    names = [name for name, option in (("gamma", "scale"), ("beta", "center")) if config[option]] + ["mean", "variance"]
    given = dict(zip(names, arrays(entry, *[(size,)] * len(names)), strict=True))
    folded = folding.batch_norm(given["mean"], given["variance"], given.get("gamma"), given.get("beta"), config["epsilon"])
    return [fl.Scale(*(per_unit(np.asarray(array), [axis], shape) for array in (folded.weight, folded.bias)))]


def layer_normalization(entry: Entry, shape: SampleShape | None) -> list[fl.Layer]:
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of each sample."""
    config = entry.config
    if config.get("rms_scaling"):
        raise UnsupportedLayerError("rms_scaling=True divides by another deviation; fastjac takes plain layer normalization")
    axes = whole_axes(config["axis"], shape)
    sizes = (None,) if shape is None else tuple(shape[axis] for axis in axes)
    names = [field for field, option in (("weight", "scale"), ("bias", "center")) if config[option]]
    given = [array.ravel() for array in arrays(entry, *[sizes] * len(names))]
    return [fl.LayerNorm(eps=config["epsilon"], **dict(zip(names, given, strict=True)))]


def normalization(entry: Entry, shape: SampleShape | None) -> list[fl.Layer]:
    """`(x - mean) / max(sqrt(variance), 1e-7)`, or with invert its inverse `mean + x max(sqrt(variance), 1e-7)`."""
    config = entry.config
    if config["mean"] is None:
        mean, variance, _count = arrays(entry, None, None, ())
    else:
        arrays(entry)
        mean, variance = (np.asarray(config[name], float_type(config)) for name in ("mean", "variance"))
    axes = [] if config["axis"] is None else [sample_axis(axis, shape) for axis in as_list(config["axis"])]
    deviation = np.maximum(np.sqrt(np.float64(variance)), NORMALIZATION_EPSILON)
    center, spread = per_unit(mean, axes, shape), per_unit(deviation, axes, shape)
    dtype = float_dtype(mean)
    if config["invert"]:
        return [fl.Scale(np.asarray(spread, dtype), center)]
    # The mean is taken off first and by itself: in float32 `x / s - m / s` loses what a mean far above the deviation hides.
    return [fl.Scale(1.0, -center), fl.Scale(np.asarray(1.0 / spread, dtype))]


def rescaling(entry: Entry, shape: SampleShape | None) -> list[fl.Layer]:
    """`scale x + offset`, both spread over the leading axes."""
    values = [np.asarray(entry.config[name], float_type(entry.config)) for name in ("scale", "offset")]
    rank = 1 if shape is None else len(shape)
    return [fl.Scale(*(per_unit(value, range(rank - value.ndim, rank), shape) for value in values))]
