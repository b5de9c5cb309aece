"""Normalizations of all kinds, and dropout: the table NORMALIZATIONS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....errors import FormatError, UnsupportedLayerError
from ...ir import functions as fn
from ...ir import normalization as nm
from ...ir.values import Value
from ...precision import refuse_rounding
from .activations import check_evaluating
from .movement import same
from .values import axes, dtype_name, listed, optional, real, tensor, whole

Operator = Callable[..., Any]
NO_STATISTICS = "without running statistics it uses those of the batch; fastjac takes track_running_stats=True"


def _layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5, cudnn_enable: Any = False
) -> Value:
    value = tensor(input)
    along = _last_axes(value, normalized_shape)
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
    """Each group of channels normalized by itself, over all places of an image."""
    arrays = optional(weight, "weight"), optional(bias, "bias")
    return nm.group_norm(tensor(input), 1, whole(num_groups), *arrays, real(eps))


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
    """Each channel normalized by itself, or by the statistics that the module holds."""
    if not use_input_stats:
        return _batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    return _group_norm(input, tensor(input).shape[1], weight, bias, eps)


def _rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Value:
    """Whoever calls it states an eps that the model leaves open, which is that of the model's precision."""
    value = tensor(input)
    return nm.rms_norm(value, _last_axes(value, normalized_shape), optional(weight, "weight"), real(eps))


def _last_axes(value: Value, normalized_shape: Any) -> Sequence[int]:
    """The axes that a normalization of entries of this shape acts along."""
    shape = tuple(whole(one) for one in listed(normalized_shape))
    rank = len(value.shape)
    if not shape or value.shape[-len(shape) :] != shape:
        raise FormatError(f"it normalizes axes of shape {shape} of a tensor of shape {value.shape}")
    return range(rank - len(shape), rank)


def _along(function: Callable[[Value, Sequence[int]], Value], sign: int = 1) -> Operator:
    """The operator of a softmax or its logarithm; with sign -1, of the operand's negative."""

    def call(self: Any, dim: Any, dtype: Any = None) -> Value:
        refuse_rounding(dtype_name(dtype, "float32"))
        value = tensor(self)
        return function(value if sign > 0 else fn.negative(value), axes(dim) or (-1,))

    return call


def _dropout(input: Any, p: Any = 0.5, train: Any = False) -> Value:
    check_evaluating(train and p != 0)
    return same(input)


NORMALIZATIONS: dict[str, Operator] = {
    "layer_norm": _layer_norm,
    "native_layer_norm": _native_layer_norm,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _native_batch_norm_no_training,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "rms_norm": _rms_norm,
    "native_group_norm": lambda input, weight, bias, group, eps, **sizes: [_group_norm(input, group, weight, bias, eps)],
    "softmax": _along(nm.softmax),
    "_softmax": lambda self, dim, half_to_float=False: _along(nm.softmax)(self, dim),
    "log_softmax": _along(nm.log_softmax),
    "_log_softmax": lambda self, dim, half_to_float=False: _along(nm.log_softmax)(self, dim),
    "softmin": _along(nm.softmax, -1),
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"), _dropout),
}
"""Operators by torch's names."""
