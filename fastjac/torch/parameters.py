"""Torch's own modules whose parameters are trained, and the functions that read the parameters at each call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from ..importers.torch.modified import Evaluated, own_class
from ..layers import Layer

TRAINED = ("Linear", "LayerNorm", "GroupNorm", "BatchNorm1d", "SyncBatchNorm", "PReLU")
"""Modules that each become one layer, with the parameters of the module."""

Reader = Callable[[Any], dict[str, Any]]
"""Reads from one of torch's own modules the tensors of the layer that it becomes, by field name, as torch differentiates them."""


def is_trained(module: Any) -> bool:
    """Whether it is one of TRAINED."""
    return module is not None and own_class(module) in TRAINED


def reader_of(module: Any, layer: Layer) -> Reader:
    """The function that reads the tensors of a module that became this layer."""
    if own_class(module) in ("BatchNorm1d", "SyncBatchNorm"):
        return _scale_and_shift
    return partial(_spread_slope, width=layer.n_in or 1) if is_shared_slope(module) else _weight_and_bias


def is_shared_slope(module: Any) -> bool:
    """Whether it has one slope for all units."""
    return is_trained(module) and own_class(module) == "PReLU" and module.num_parameters == 1


def _weight_and_bias(module: Any) -> dict[str, Any]:
    """Weight and bias where there are any, through the hooks that compute them."""
    evaluated = Evaluated(module) if module._forward_pre_hooks else module
    held = module._parameters  # where attributes are found in the end, if not computed
    tensors = {name: held[name] if name in held else getattr(evaluated, name, None) for name in ("weight", "bias")}
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def _scale_and_shift(module: Any) -> dict[str, Any]:
    """Batch normalization in evaluation, folded into a weight and a bias."""
    scale = torch.rsqrt(module.running_var + module.eps)
    scale = scale if module.weight is None else scale * module.weight
    shift = -module.running_mean * scale
    return {"weight": scale, "bias": shift if module.bias is None else shift + module.bias}


def _spread_slope(module: Any, width: int) -> dict[str, Any]:
    """A slope that all units share, repeated for each unit; torch adds up the gradients."""
    return {"weight": module.weight.expand(width)}
