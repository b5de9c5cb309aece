"""Import a live torch module: nn.Sequential, nested at will, or a single layer. torch itself is never imported here.

MODULES, at the end, is the table of what each module becomes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import DtypeError, FormatError, UnsupportedLayerError
from ..network import Network
from . import folding
from .located import located
from .modified import MODULE_PREFIX, modification, own_class
from .parts import Part, assemble
from .tensors import as_numpy, slopes

Converted = Sequence[fl.Layer]
ALONG_AN_AXIS = ("Softmax", "Softmin", "LogSoftmax", "LayerNorm", "BatchNorm1d", "PReLU")
"""Modules that act along one axis of a sample, so that it matters how many axes it has."""


def from_torch(module: Any, n_in: int | None = None) -> Network:
    """The network of a live torch module as it computes in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Sequential (nested at will) or a single layer, in `.eval()` mode where that matters, on any device.
        Dropout falls away and batch normalization is folded.
    n_in : the number of inputs; needed only where no layer tells it, as in Sequential(Tanh()).

    Returns
    -------
    Network
        In the precision of the module's weights. The weights are copied: later training does not change it.

    Raises
    ------
    DtypeError
        `module` is no torch module.
    UnsupportedLayerError
        It holds a module or option that fastjac does not have; the message gives its dotted path, such as "2.0".
    FormatError
        It holds dropout or batch normalization in training mode; call `module.eval()` first.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise DtypeError(f"from_torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
    parts: list[Part] = []
    leaves = list(_leaves(module, ""))
    flatten = next((position for position, (_, leaf) in enumerate(leaves) if own_class(leaf) == "Flatten"), 0)
    for position, (path, leaf) in enumerate(leaves):
        with located(f"{path} ({type(leaf).__name__})".lstrip()):
            parts.append(Part(f"{path} ({type(leaf).__name__})".lstrip(), tuple(_convert(leaf))))
            if position < flatten:
                _check_axes(leaf, leaves[flatten][0])
    return assemble(parts, n_in, "fastjac.from_torch(module, n_in=...)").network


def _leaves(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules of a Sequential in order, those of inner ones in their place, with their dotted paths."""
    if own_class(module) != "Sequential" or modification(module):
        yield path, module
        return
    # named_children() would leave out the second of two equal children, which the module does call twice.
    for name, child in module._modules.items():
        yield from _leaves(child, f"{path}.{name}" if path else name)


def _convert(module: Any) -> Converted:
    if module is None:
        raise FormatError("it is None, which torch cannot call either; take it out of the Sequential or put nn.Identity() there")
    remedy = modification(module)
    if remedy is not None:
        raise UnsupportedLayerError(remedy)
    name = own_class(module)
    if name is None:
        raise UnsupportedLayerError(_custom(module))
    if name not in MODULES:
        raise UnsupportedLayerError(f"fastjac does not have it; it has {', '.join(sorted(MODULES))} and Sequential")
    return MODULES[name](module)


def _custom(module: Any) -> str:
    base = next(base.__name__ for base in type(module).__mro__ if base.__module__.startswith(MODULE_PREFIX))
    return (
        f"it is a subclass of {base} from {type(module).__module__}, which may compute anything; fastjac takes torch's own "
        "modules in a Sequential"
    )


def _check_axes(module: Any, flatten: str) -> None:
    """Refuse a module that acts along an axis where a later Flatten says that samples have several there."""
    shared = own_class(module) == "PReLU" and module.num_parameters == 1
    if own_class(module) in ALONG_AN_AXIS and not shared:
        raise UnsupportedLayerError(
            f"it acts along one axis of samples that Flatten {flatten!r} makes flat only later, while fastjac takes them flat "
            "from the start; if they have a single axis, take that Flatten out"
        )


def _linear(module: Any) -> Converted:
    """`x W^T + b`"""
    weight, bias = _weight_and_bias(module)
    return [fl.Affine(weight, bias)]


def _batch_norm(module: Any) -> Converted:
    """`weight (x - running_mean) / sqrt(running_var + eps) + bias`"""
    if module.running_mean is None:
        raise UnsupportedLayerError(
            "without running statistics it uses those of the batch; fastjac takes track_running_stats=True"
        )
    _check_evaluating(module)
    gamma, beta = _weight_and_bias(module)
    return [folding.batch_norm(as_numpy(module.running_mean), as_numpy(module.running_var), gamma, beta, module.eps)]


def _layer_norm(module: Any) -> Converted:
    if len(module.normalized_shape) != 1:
        raise UnsupportedLayerError(
            f"normalized_shape={tuple(module.normalized_shape)} is not supported; fastjac takes one axis, the last"
        )
    weight, bias = _weight_and_bias(module)
    if weight is None:
        # torch refuses other widths even where there is no weight to tell the width.
        weight = np.ones(module.normalized_shape[0], np.float32)
    return [fl.LayerNorm(weight, bias, module.eps)]


def _prelu(module: Any) -> Converted:
    """`x` above 0, `weight x` below; a single weight is shared by all units."""
    return [fl.PReLU(slopes(as_numpy(module.weight)))]


def _rrelu(module: Any) -> Converted:
    """In evaluation the random slope is its mean."""
    _check_evaluating(module)
    return [fl.LeakyReLU((module.lower + module.upper) / 2)]


def _softmax(module: Any) -> Converted:
    _check_last_axis(module)
    return [fl.Softmax()]


def _softmin(module: Any) -> Converted:
    """`softmax(-x)`"""
    _check_last_axis(module)
    return [fl.Scale(-1.0), fl.Softmax()]


def _log_softmax(module: Any) -> Converted:
    _check_last_axis(module)
    return [fl.LogSoftmax()]


def _dropout(module: Any) -> Converted:
    if module.p > 0:
        _check_evaluating(module)
    return []


def _flatten(module: Any) -> Converted:
    """`x`, which fastjac holds flattened from the start."""
    if (module.start_dim, module.end_dim) != (1, -1):
        raise UnsupportedLayerError(
            f"start_dim={module.start_dim}, end_dim={module.end_dim} is not supported; fastjac takes 1 and -1"
        )
    return []


def _weight_and_bias(module: Any) -> tuple[Any, Any]:
    """Both as arrays, or None where the module goes without."""
    weight, bias = (None if tensor is None else as_numpy(tensor) for tensor in (module.weight, module.bias))
    return weight, bias


def _check_evaluating(module: Any) -> None:
    if module.training:
        raise FormatError(
            "it is in training mode, where it computes something else at every call; call .eval() on the whole module first"
        )


def _check_last_axis(module: Any) -> None:
    if module.dim not in (-1, 1):
        raise UnsupportedLayerError(f"dim={module.dim} is not supported; fastjac takes the last axis, dim=-1")


MODULES: dict[str, Callable[[Any], Converted]] = {
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Identity": lambda module: [],
    "Flatten": _flatten,
    "Dropout": _dropout,
    "Dropout1d": _dropout,
    "AlphaDropout": _dropout,
    "FeatureAlphaDropout": _dropout,
    "ReLU": lambda module: [fl.ReLU()],
    "LeakyReLU": lambda module: [fl.LeakyReLU(module.negative_slope)],
    "PReLU": _prelu,
    "RReLU": _rrelu,
    "ReLU6": lambda module: [fl.ReLU6()],
    "ELU": lambda module: [fl.ELU(module.alpha)],
    "SELU": lambda module: [fl.SELU()],
    "CELU": lambda module: [fl.CELU(module.alpha)],
    "GELU": lambda module: [fl.GELU(module.approximate)],
    "SiLU": lambda module: [fl.SiLU()],
    "Mish": lambda module: [fl.Mish()],
    "Tanh": lambda module: [fl.Tanh()],
    "Sigmoid": lambda module: [fl.Sigmoid()],
    "Hardtanh": lambda module: [fl.HardTanh(module.min_val, module.max_val)],
    "Hardsigmoid": lambda module: [fl.HardSigmoid()],
    "Hardswish": lambda module: [fl.HardSwish()],
    "Softplus": lambda module: [fl.Softplus(module.beta, module.threshold)],
    "Softsign": lambda module: [fl.Softsign()],
    "LogSigmoid": lambda module: [fl.LogSigmoid()],
    "Hardshrink": lambda module: [fl.HardShrink(module.lambd)],
    "Softshrink": lambda module: [fl.SoftShrink(module.lambd)],
    "Tanhshrink": lambda module: [fl.TanhShrink()],
    "Threshold": lambda module: [fl.Threshold(module.threshold, module.value)],
    "Softmax": _softmax,
    "Softmin": _softmin,
    "LogSoftmax": _log_softmax,
}
"""Every torch module that fastjac reads, by class name, with what makes fastjac layers of it."""
