"""What may stand in a list of layers: names of activations, layers that take the next group of arrays, and blocks of entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import DtypeError, OptionError
from ..layers.base import as_float, as_float_array
from ..network import Network
from . import folding
from .groups import Group
from .ir import normalization as nm
from .ir.assembly import of_vector
from .ir.functions import OF_EACH
from .ir.values import Value, constant
from .tensors import slopes

LayerEntry = str | fl.Layer | tuple[str, Any]
ACTIVATIONS: dict[str, tuple[fl.Layer, ...]] = {
    "identity": (),
    **{name: (layer,) for name, (layer, _) in OF_EACH.items()},
    "relu6": (fl.ReLU6(),),
    "leaky_relu": (fl.LeakyReLU(),),
    "elu": (fl.ELU(),),
    "selu": (fl.SELU(),),
    "celu": (fl.CELU(),),
    "gelu": (fl.GELU(),),
    "silu": (fl.SiLU(),),
    "mish": (fl.Mish(),),
    "hard_tanh": (fl.HardTanh(),),
    "hard_sigmoid": (fl.HardSigmoid(),),
    "hard_swish": (fl.HardSwish(),),
    "softplus": (fl.Softplus(),),
    "log_sigmoid": (fl.LogSigmoid(),),
    "hard_shrink": (fl.HardShrink(),),
    "soft_shrink": (fl.SoftShrink(),),
    "tanh_shrink": (fl.TanhShrink(),),
    "softmax": (fl.Softmax(),),
    "log_softmax": (fl.LogSoftmax(),),
}
"""Layers without weights by name, with torch's default options; for others pass the layer itself, such as `ELU(alpha=0.5)`."""


RESIDUAL = "residual"
"""The word that begins an entry for a block `x + f(x)`."""


def residual_entries(entry: Any) -> Sequence[LayerEntry] | None:
    """The list of f in a residual block `x + f(x)`; None for any other entry."""
    if not isinstance(entry, (tuple, list)) or len(entry) != 2 or entry[0] != RESIDUAL:
        return None
    if isinstance(entry[1], str) or not isinstance(entry[1], Sequence):
        raise DtypeError(
            f'"{RESIDUAL}" takes a list of the layers of f in x + f(x), such as ["tanh", "identity"], got {entry[1]!r:.200}'
        )
    return entry[1]


def all_entries(entries: Sequence[LayerEntry]) -> Iterator[LayerEntry]:
    """The entries, with those inside a block in place of the block."""
    for entry in entries:
        inner = residual_entries(entry)
        if inner is None:
            yield entry
        else:
            yield from all_entries(inner)


def translated(entries: Sequence[LayerEntry], translate: Callable[[LayerEntry, str], LayerEntry], name: str) -> list[LayerEntry]:
    """The entries as `translate(entry, place)` has them, also those inside blocks; `name` is that of the list in places."""
    found: list[LayerEntry] = []
    for position, entry in enumerate(entries):
        place = f"{name}[{position}]"
        inner = residual_entries(entry)
        found.append(translate(entry, place) if inner is None else (RESIDUAL, translated(inner, translate, f"{place}[1]")))
    return found


def takes_weights(entry: Any) -> bool:
    """Whether an entry takes the next group of arrays."""
    return name_of(entry) in TAKES


def name_of(entry: Any) -> str | None:
    """The name that an entry has, with its options or without; None for a layer and for anything else."""
    name = entry[0] if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], Mapping) else entry
    return name if isinstance(name, str) else None


def check_options(name: str, options: Mapping[str, float]) -> None:
    """Raise OptionError for an option that an entry of this name does not take, DtypeError for one that is no number."""
    takes_eps = name.endswith("_norm")
    for option, value in options.items():
        if option != "eps" or not takes_eps:
            raise OptionError(f"{name} takes {'no option but eps' if takes_eps else 'no options'}, got {option}={value!r}")
        as_float(value, option)


def _affine(group: Group) -> fl.Layer:
    arrays = group.arrays("weight", optional=("bias",))
    return fl.Affine(arrays["weight"], arrays.get("bias"))


def _batch_norm(group: Group, eps: float = 1e-5) -> fl.Layer:
    arrays = group.arrays("running_mean", "running_var", optional=("weight", "bias"), ignored=("num_batches_tracked",))
    return folding.batch_norm(arrays["running_mean"], arrays["running_var"], arrays.get("weight"), arrays.get("bias"), eps)


WITH_WEIGHTS: dict[str, Callable[..., fl.Layer]] = {
    "affine": _affine,
    "batch_norm": _batch_norm,
    "layer_norm": lambda group, eps=1e-05: fl.LayerNorm(**group.arrays("weight", optional=("bias",)), eps=eps),
    "prelu": lambda group: fl.PReLU(slopes(group.arrays("weight")["weight"])),
}
"""Layers that take the next group of arrays, by name."""


def _rms_norm(group: Group, eps: float | None = None) -> Network:
    weight = as_float_array(group.arrays("weight")["weight"], "RMSNorm weight", 1)
    least = float(np.finfo(weight.dtype).eps) if eps is None else eps
    return of_vector(lambda x: nm.rms_norm(x, [1], constant(weight), least), weight.size, weight.dtype)


TAKES: dict[str, Callable[..., fl.Layer | Network]] = {**WITH_WEIGHTS, "rms_norm": _rms_norm}
"""All that takes the next group of arrays, by name: layers, and what several layers compute together."""

OF_VECTOR: dict[str, Callable[[Value], Value]] = {"glu": lambda x: nm.glu(x, -1)}
"""Functions of a vector that no single layer computes, by name."""
