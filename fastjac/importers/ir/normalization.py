"""Operations that tie the entries along some axes together: softmax and its kin, normalizations, and gates of halves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...layers import Layer
from .. import folding
from .elementwise import add, multiply
from .functions import apply, reciprocal_root, sigmoid, square
from .layout import aligned, check_rank, each_unit, rows, spread
from .movement import checked_axes, part, reshape, shape_of, transpose
from .reduction import reduce_mean
from .values import Constant, Flow, Value, computed, constant, fixed, moved, size_of


def softmax(value: Value, axes: Sequence[int]) -> Value:
    """`exp(x) / sum exp(x)` of the entries along some axes."""
    return _along(value, axes, fl.Softmax())


def log_softmax(value: Value, axes: Sequence[int]) -> Value:
    """`x - log sum exp(x)` of the entries along some axes."""
    return _along(value, axes, fl.LogSoftmax())


def layer_norm(value: Value, axes: Sequence[int], weight: Value | None, bias: Value | None, eps: float) -> Value:
    """`weight (x - mean) / sqrt(variance + eps) + bias`, with mean and variance of the entries along some last axes."""
    shape = tuple(value.shape[axis] for axis in checked_axes(axes, len(value.shape)))
    arrays = {}
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None:
            try:
                arrays[name] = np.broadcast_to(fixed(array, name), shape).ravel()
            except ValueError as error:
                raise FormatError(f"its {name} of shape {array.shape} does not fit a value of shape {value.shape}") from error
    return _along(value, axes, fl.LayerNorm(**arrays, eps=eps))


def group_norm(value: Value, axis: int, groups: int, weight: Value | None, bias: Value | None, eps: float) -> Value:
    """`weight (x - mean) / sqrt(variance + eps) + bias`, with mean and variance of each of some groups of neighbours on an axis.

    A group holds all entries of a sample there; the samples lie along axis 0. Weight and bias have an entry for each index of the
    axis.
    """
    rank = len(value.shape)
    if not 0 < axis < rank or groups < 1 or value.shape[axis] % groups:
        raise FormatError(f"it normalizes {groups} groups along axis {axis} of a tensor of shape {value.shape}")
    if groups == 1 and rank == 2:
        return layer_norm(value, [1], weight, bias, eps)
    order = [0, axis, *(other for other in range(1, rank) if other != axis)]
    turned = transpose(value, order)
    shape = shape_of(turned)
    grouped = reshape(turned, computed(lambda sizes: np.array([sizes[0], groups, -1]), shape))
    found = reshape(layer_norm(grouped, [2], None, None, eps), shape)
    for function, array in ((multiply, weight), (add, bias)):
        found = found if array is None else function(found, reshape(array, [-1, *[1] * (rank - 2)]))
    return transpose(found, np.argsort(order).tolist())


def rms_norm(value: Value, axes: Sequence[int], weight: Value | None, eps: float) -> Value:
    """`weight x / sqrt(mean(x^2) + eps)`, with the mean of the entries along some axes; the weight is spread as NumPy does it."""
    inverse = reciprocal_root(add(reduce_mean(square(value), axes), constant(np.float64(eps))))
    found = multiply(value, inverse)
    return found if weight is None else multiply(found, weight)


def glu(value: Value, axis: int) -> Value:
    """The first half along an axis, times the sigmoid of the second."""
    (along,) = checked_axes([axis], len(value.shape))
    size = value.shape[along]
    if size % 2:
        raise FormatError(f"it takes the halves of {size} entries along axis {along}, which are an odd number")
    return multiply(part(value, along, 0, size // 2), sigmoid(part(value, along, size // 2, size)))


def batch_norm(value: Value, axis: int, statistics: Sequence[Value | None], eps: float) -> Value:
    """`gamma (x - mean) / sqrt(variance + eps) + beta` along an axis; the statistics are mean, variance, gamma, beta."""
    mean, variance, gamma, beta = (None if given is None else fixed(given, "statistics").ravel() for given in statistics)
    scale = folding.batch_norm(mean, variance, gamma, beta, eps)
    channels = value.shape[axis] if len(value.shape) > 1 else 1
    shape = [channels if axis == other and len(value.shape) > 1 else 1 for other in range(len(value.shape))]
    for name in ("weight", "bias"):
        array = np.asarray(getattr(scale, name))
        if array.size != channels:
            raise FormatError(f"its arrays must have one entry for each of {channels} channels, one is of shape {array.shape}")
    if isinstance(value, Flow):
        check_rank(value)
        if size_of(value.shape) == channels:
            return each_unit(value, [scale])
    weight, bias = (constant(np.reshape(array, shape)) for array in (scale.weight, scale.bias))
    if isinstance(value, Constant):
        return add(multiply(value, weight), bias)
    return scaled(value, weight, bias)


def scaled(value: Flow, weight: Constant, bias: Constant) -> Flow:
    """`weight x + bias`, as one layer."""
    (node,), layout = aligned([one for one in spread([value, weight, bias]) if isinstance(one, Flow)])
    return layout.flow(fl.Scale(layout.per_unit(weight), layout.per_unit(bias))(node))


def _along(value: Value, axes: Sequence[int], layer: Layer) -> Value:
    """A layer on the entries along some axes."""
    if isinstance(value, Constant):
        return apply(value, [layer])
    rank = len(value.shape)
    along = checked_axes(axes, rank)
    if not along:
        raise UnsupportedLayerError("it acts along no axis")
    found = rows(value, along)
    result = found.each(lambda node, number: layer(node))
    kept = [axis for axis in range(rank) if axis not in along]
    back = np.argsort([*kept, *along])

    def put_back(array: np.ndarray) -> np.ndarray:
        # A batch changes only the sizes of other axes.
        sizes = [value.shape[axis] for axis in along]
        return array.reshape(*array.shape[:-1], *sizes).transpose(back)

    return moved(put_back, result)
