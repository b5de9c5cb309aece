"""Products with matrices, convolutions, and normalizations: the table PRODUCTS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import contraction as ct
from ...ir import convolution as cv
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import movement as mv
from ...ir import normalization as nm
from ...ir import reduction as rd
from ...ir.choice import where
from ...ir.values import Constant, Value, computed, constant
from ...precision import refuse_rounding
from .activations import check_evaluating
from .arithmetic import MULTIPLY
from .movement import same
from .values import PLACES, axes, dtype_name, listed, optional, real, tensor, tensors, whole

Operator = Callable[..., Any]
NO_STATISTICS = "without running statistics it uses those of the batch; fastjac takes track_running_stats=True"


def _linear(input: Any, weight: Any, bias: Any = None) -> Value:
    return ct.linear(tensor(input), tensor(weight, "weight"), optional(bias, "bias"))


def _matmul(self: Any, other: Any) -> Value:
    return ct.matmul(tensor(self), tensor(other))


def _addmm(self: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1) -> Value:
    """`beta self + alpha mat1 mat2`"""
    product = MULTIPLY(_matmul(mat1, mat2), alpha) if alpha != 1 else _matmul(mat1, mat2)
    return el.add(product, tensor(self if beta == 1 else MULTIPLY(self, beta)))


def _addmv(self: Any, mat: Any, vec: Any, beta: Any = 1, alpha: Any = 1) -> Value:
    return _addmm(self, mat, vec, beta, alpha)


def _einsum(equation: Any, tensors_: Any, path: Any = None) -> Value:
    return ct.einsum(str(equation), tensors(tensors_))


def _outer_of_one(self: Any, other: Any) -> Value:
    """The sum of products of two vectors."""
    return rd.reduce_sum(MULTIPLY(tensor(self), tensor(other)), None, False)


def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Value:
    """`x1^T W_k x2 + b_k`, as products of the entries of both."""
    first, second, weights = tensor(input1), tensor(input2), tensor(weight, "weight")
    if not isinstance(weights, Constant) or len(weights.shape) != 3:
        raise UnsupportedLayerError("its weight is no constant of three axes")
    products = el.multiply(mv.unsqueeze(first, [-1]), mv.unsqueeze(second, [-2]))
    rank = len(products.shape)
    shape = computed(lambda told: np.array([*told[: rank - 2], -1]), mv.shape_of(products))
    return ct.linear(mv.reshape(products, shape), mv.reshape(weights, [weights.shape[0], -1]), optional(bias, "bias"))


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: Any = 0.0,
    is_causal: Any = False,
    scale: Any = None,
    enable_gqa: Any = False,
) -> Value:
    """`softmax(scale Q K^T) V`, where a mask adds to the scores, or says which of them there are."""
    check_evaluating(dropout_p != 0)
    if enable_gqa:
        raise UnsupportedLayerError("its queries share keys (enable_gqa); repeat these by repeat_interleave instead")
    queries, keys = tensor(query), tensor(key)
    factor = 1.0 / math.sqrt(queries.shape[-1]) if scale is None else real(scale, "scale")
    scores = MULTIPLY(ct.matmul(queries, mv.swap_axes(keys, -1, -2)), factor)
    if is_causal:
        attn_mask = constant(np.tri(scores.shape[-2], scores.shape[-1], dtype=bool))
    if isinstance(attn_mask, Constant) and attn_mask.alone.dtype == bool:
        scores = where(attn_mask, scores, constant(np.float32(-math.inf)))
    elif attn_mask is not None:
        scores = el.add(scores, tensor(attn_mask, "mask"))
    return ct.matmul(nm.softmax(scores, [-1]), tensor(value))


# Images


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
    """A convolution of an image or sequence with its channels."""
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
        steps = _spread(dilation, len(kernel.shape) - 2)
        added = [step * (size - 1) for step, size in zip(steps, kernel.shape[2:], strict=True)]
        before, behind = [count // 2 for count in added], [count - count // 2 for count in added]
        window = cv.Window(kernel.shape[2:], _spread(stride, len(added)), steps, before, behind)
        return cv.convolve(tensor(input), kernel, optional(bias, "bias"), window, whole(groups))
    return _convolution(input, weight, bias, stride, 0 if padding == "valid" else padding, dilation, groups=groups)


def _max_pool(
    self: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: Any = False
) -> Value:
    value = tensor(self)
    return cv.max_pool(value, _pooling(value, kernel_size, stride, padding, dilation, ceil_mode))


def _max_pool_with_places(*args: Any, **options: Any) -> list[Any]:
    return [_max_pool(*args, **options), PLACES]


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


def _pooling(value: Value, sizes: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any) -> cv.Window:
    places = value.shape[2:]
    lengths = _spread(sizes, len(places))
    window = _window(lengths, lengths if stride in (None, [], ()) else stride, padding, dilation)
    return window.over_all(places) if ceil_mode else window


def _window(sizes: Sequence[int], stride: Any, padding: Any, dilation: Any) -> cv.Window:
    pads = _spread(padding, len(sizes))
    return cv.Window(sizes, _spread(stride, len(sizes)), _spread(dilation, len(sizes)), pads, pads)


def _spread(value: Any, count: int) -> list[int]:
    """One number for each axis of an image."""
    found = [whole(one) for one in listed(value)]
    if len(found) not in (1, count):
        raise FormatError(f"it gives {len(found)} numbers for the {count} axes of an image")
    return found * count if len(found) == 1 else found


# Normalizations


def _layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5, cudnn_enable: Any = False
) -> Value:
    value = tensor(input)
    shape = tuple(whole(one) for one in listed(normalized_shape))
    rank = len(value.shape)
    if not shape or value.shape[-len(shape) :] != shape:
        raise FormatError(f"it normalizes axes of shape {shape} of a tensor of shape {value.shape}")
    along = range(rank - len(shape), rank)
    return nm.layer_norm(value, along, optional(weight, "weight"), optional(bias, "bias"), real(eps))


def _native_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: Any) -> list[Any]:
    return [_layer_norm(input, normalized_shape, weight, bias, eps)]


def _batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: Any,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
    cudnn_enabled: Any = False,
) -> Value:
    if running_mean is None or running_var is None:
        raise UnsupportedLayerError(NO_STATISTICS)
    check_evaluating(training)
    statistics = [optional(one, "statistics") for one in (running_mean, running_var, weight, bias)]
    return nm.batch_norm(tensor(input), 1, statistics, real(eps))


def _native_batch_norm_no_training(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: Any, eps: Any
) -> list[Any]:
    return [_batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)]


def _group_norm(
    input: Any, num_groups: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5, cudnn_enabled: Any = True
) -> Value:
    """Each group of channels normalized by itself, with all places of an image."""
    value, groups = tensor(input), whole(num_groups)
    rank = len(value.shape)
    if rank < 2 or groups < 1 or value.shape[1] % groups:
        raise FormatError(
            f"it normalizes {groups} groups of channels of a tensor of shape {value.shape}; torch takes (N, C, ...)"
        )
    if groups == 1 and rank == 2:
        return nm.layer_norm(value, [1], optional(weight, "weight"), optional(bias, "bias"), real(eps))
    grouped = mv.reshape(value, computed(lambda shape: np.array([shape[0], groups, -1]), mv.shape_of(value)))
    found = mv.reshape(nm.layer_norm(grouped, [2], None, None, real(eps)), mv.shape_of(value))
    for function, array in ((el.multiply, weight), (el.add, bias)):
        found = found if array is None else function(found, mv.reshape(tensor(array), [-1, *[1] * (rank - 2)]))
    return found


def _instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: Any,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
    cudnn_enabled: Any = False,
) -> Value:
    """Each channel normalized by itself, or by statistics that are held."""
    if not use_input_stats:
        return _batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    return _group_norm(input, tensor(input).shape[1], weight, bias, eps)


def _native_group_norm(input: Any, weight: Any, bias: Any, group: Any, eps: Any, **sizes: Any) -> list[Any]:
    return [_group_norm(input, group, weight, bias, eps)]


def _along(function: Callable[[Value, Sequence[int]], Value], sign: int = 1) -> Operator:
    """A softmax of some kind."""

    def call(self: Any, dim: Any, dtype: Any = None) -> Value:
        refuse_rounding(dtype_name(dtype, "float32"))
        value = tensor(self)
        return function(value if sign > 0 else fn.negative(value), axes(dim) or (-1,))

    return call


def _dropout(input: Any, p: Any = 0.5, train: Any = False) -> Value:
    check_evaluating(train and p != 0)
    return same(input)


PRODUCTS: dict[str, Operator] = {
    "linear": _linear,
    "matmul": _matmul,
    "mm": lambda self, mat2: _matmul(self, mat2),
    "bmm": lambda self, mat2: _matmul(self, mat2),
    "mv": lambda self, vec: _matmul(self, vec),
    "dot": lambda self, tensor: _outer_of_one(self, tensor),
    "addmm": _addmm,
    "addmv": _addmv,
    "scaled_dot_product_attention": _attention,
    "einsum": lambda equation, tensors, path=None: _einsum(equation, tensors, path),
    "bilinear": _bilinear,
    "_convolution": _convolution,
    "convolution": _convolution,
    "conv1d": _conv,
    "conv2d": _conv,
    "conv3d": _conv,
    "max_pool1d": _max_pool,
    "max_pool2d": _max_pool,
    "max_pool2d_with_indices": _max_pool_with_places,
    "avg_pool1d": _average_pool,
    "avg_pool2d": _average_pool,
    "layer_norm": _layer_norm,
    "native_layer_norm": _native_layer_norm,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _native_batch_norm_no_training,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "native_group_norm": _native_group_norm,
    "softmax": _along(nm.softmax),
    "_softmax": lambda self, dim, half_to_float=False: _along(nm.softmax)(self, dim),
    "log_softmax": _along(nm.log_softmax),
    "_log_softmax": lambda self, dim, half_to_float=False: _along(nm.log_softmax)(self, dim),
    "softmin": _along(nm.softmax, -1),
    "dropout": _dropout,
    "feature_dropout": _dropout,
    "alpha_dropout": _dropout,
    "feature_alpha_dropout": _dropout,
}
"""By torch's names."""
