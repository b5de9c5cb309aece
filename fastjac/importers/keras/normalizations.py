"""What Keras's normalizations become.

Functions for layers that act on each unit by itself take a layer and the shape of one sample, and give fastjac layers. The others
take a layer and a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .. import folding
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import normalization as nm
from ..ir import reduction as rd
from ..ir.values import Value, constant
from ..tensors import float_dtype
from .arrays import arrays, as_list, float_type
from .config import Entry
from .shapes import Shape, own_axes, own_axis, per_unit, sample_axis

UNIT_EPSILON = 1e-12
"""The least sum of squares that Keras divides by."""
NORMALIZATION_EPSILON = 1e-7
"""Keras's backend epsilon, the least deviation that Normalization divides by."""


def batch_normalization(entry: Entry, shape: Shape) -> list[fl.Layer]:
    """`gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta`, the layer at inference."""
    config = entry.config
    if config.get("renorm"):
        raise UnsupportedLayerError("renorm=True keeps other statistics; fastjac takes plain batch normalization")
    axes = as_list(config["axis"])
    if len(axes) != 1:
        raise UnsupportedLayerError(f"axis={axes} keeps statistics along several axes; fastjac takes one axis")
    axis = sample_axis(axes[0], shape)
    size = shape[axis]
    names = [name for name, option in (("gamma", "scale"), ("beta", "center")) if config[option]] + ["mean", "variance"]
    given = dict(zip(names, arrays(entry, *[(size,)] * len(names)), strict=True))
    folded = folding.batch_norm(given["mean"], given["variance"], given.get("gamma"), given.get("beta"), config["epsilon"])
    return [fl.Scale(*(per_unit(np.asarray(array), [axis], shape) for array in (folded.weight, folded.bias)))]


def layer_normalization(entry: Entry, value: Value) -> Value:
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of the entries along some axes."""
    config = entry.config
    if config.get("rms_scaling"):
        raise UnsupportedLayerError("rms_scaling=True divides by another deviation; fastjac takes plain layer normalization")
    axes = own_axes(config["axis"], value)
    if axes != sorted(axes):
        raise UnsupportedLayerError(f"axis={config['axis']} is not supported; fastjac takes axes in their order")
    names = [field for field, option in (("weight", "scale"), ("bias", "center")) if config[option]]
    given = arrays(entry, *[tuple(value.shape[axis] for axis in axes)] * len(names))
    weights = {name: constant(array) for name, array in zip(names, given, strict=True)}
    return nm.layer_norm(value, axes, weights.get("weight"), weights.get("bias"), config["epsilon"])


def group_normalization(entry: Entry, value: Value) -> Value:
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of the entries in each group of channels."""
    config = entry.config
    if config["axis"] < 0 and config["axis"] != -1:  # there Keras takes its groups apart along another axis
        raise UnsupportedLayerError(f"axis={config['axis']} is not supported; fastjac takes -1 and axes counted from the front")
    axis = own_axis(config["axis"], value)
    size = value.shape[axis]
    names = [name for name, option in (("gamma", "scale"), ("beta", "center")) if config[option]]
    weights = dict(zip(names, map(constant, arrays(entry, *[(size,)] * len(names))), strict=True))
    groups = size if config["groups"] == -1 else config["groups"]
    return nm.group_norm(value, axis, groups, weights.get("gamma"), weights.get("beta"), config["epsilon"])


def rms_normalization(entry: Entry, value: Value) -> Value:
    """`scale x / sqrt(mean(x^2) + epsilon)`, with the mean of the entries along some axes."""
    axes = sorted(own_axes(entry.config["axis"], value))
    (scale,) = arrays(entry, tuple(value.shape[axis] for axis in axes))
    shape = [value.shape[axis] if axis in axes else 1 for axis in range(len(value.shape))]
    return nm.rms_norm(value, axes, constant(scale.reshape(shape)), entry.config["epsilon"])


def unit_normalization(entry: Entry, value: Value) -> Value:
    """`x / sqrt(max(sum x^2, 1e-12))` along some axes."""
    return of_length_one(value, own_axes(entry.config["axis"], value))


def of_length_one(value: Value, axes: Sequence[int] | None) -> Value:
    """The tensor divided by its norm along some axes."""
    total = rd.reduce_sum(fn.square(value), axes)
    return el.divide(value, fn.sqrt(el.maximum(total, constant(np.float64(UNIT_EPSILON)))))


def normalization(entry: Entry, shape: Shape) -> list[fl.Layer]:
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
    # The mean is subtracted first: in float32, `x / s - m / s` loses digits where the mean is far above the deviation.
    return [fl.Scale(1.0, -center), fl.Scale(np.asarray(1.0 / spread, dtype))]


def rescaling(entry: Entry, shape: Shape) -> list[fl.Layer]:
    """`scale x + offset`, both spread over the leading axes."""
    values = [np.asarray(entry.config[name], float_type(entry.config)) for name in ("scale", "offset")]
    rank = len(shape)
    return [fl.Scale(*(per_unit(value, range(rank - value.ndim, rank), shape) for value in values))]
