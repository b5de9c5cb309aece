"""Import the parameter tree of a JAX network and the list of its layers. JAX itself is never imported here.

A tree is brought to the form of a torch state dict, whose importer does the rest: FIELDS is the table of names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import DtypeError, FormatError, OptionError
from ..network import Network
from .entries import LayerEntry, name_of, translated
from .located import located
from .state_dict import imported
from .tensors import as_numpy

FIELDS = {
    "kernel": "weight",
    "w": "weight",
    "weight": "weight",
    "scale": "weight",
    "negative_slope": "weight",
    "bias": "bias",
    "b": "bias",
    "offset": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
"""What Flax, Haiku and Equinox call a layer's arrays, and what a state dict calls them."""

KERNELS = ("kernel", "w")
"""Weights of shape (n_in, n_out), which a state dict holds transposed."""

VECTORS = ("scale", "offset", "mean", "var", "negative_slope")
"""Arrays along the units; Haiku keeps the axis of the batch before theirs. A slope that all units share is a single number."""

COLLECTIONS = ("params", "batch_stats")
"""What Flax keeps apart at the top of a tree, though both belong to the same layers."""

MOVING_AVERAGES = {"mean_ema": "mean", "var_ema": "var"}
"""The modules in which Haiku's batch normalization keeps its statistics, under "average"."""

WITHOUT_EPS = ("layer_norm", "rms_norm")
"""Normalizations to which libraries give different eps."""

ACTIVATIONS: dict[str, fl.Layer] = {
    "gelu": fl.GELU("tanh"),
    "soft_sign": fl.Softsign(),
    "softplus": fl.Softplus(threshold=math.inf),
    "sparse_plus": fl.SparsePlus(),
    "sparse_sigmoid": fl.SparseSigmoid(),
    "squareplus": fl.SquarePlus(),
    "swish": fl.SiLU(),
}
"""Activations that torch does not have, calls by another name, or computes in another way; see `jax.nn`."""


def from_jax(tree: Any, layers: Sequence[LayerEntry], order: Sequence[str] | None = None, n_in: int | None = None) -> Network:
    """The network of a JAX network's parameters and a list of its layers.

    Parameters
    ----------
    tree : the parameters, as dicts, lists and modules of arrays within each other:

        Flax: `variables` with "params" and "batch_stats", `variables["params"]`, or `nnx.state(model)`;

        Haiku: `params`, or `{**params, **state}` with batch normalization;

        Equinox: the module itself, or a part of it such as `model.layers`.

        Kernels ("kernel", "w") have shape (n_in, n_out), Equinox's "weight" (n_out, n_in). Whatever is no array, such as a
        module's functions, and counters and random keys are passed over.
    layers : the chain from input to output, as for `from_state_dict`, but by the names of `jax.nn` with its defaults: "gelu" is
        the tanh form, `fastjac.GELU()` the other. A layer or RMS normalization must state its eps, which a tree does not hold:
        `("layer_norm", {"eps": 1e-6})` is Flax's default, 1e-5 Haiku's and Equinox's.
    order : the names of the layers in the tree from input to output, such as ["encoder", "decoder"], without "params". Needed
        where integers in the names do not show it, since JAX sorts the keys of dicts: "Dense_2" comes before "Dense_10" and
        "linear" before "linear_1".
    n_in : the number of inputs; needed only where no layer states it.

    Returns
    -------
    Network
        In the precision of the parameters: float64 if any is, else float32.

    Raises
    ------
    OptionError
        An entry of `layers` has no meaning or lacks its eps, or `order` is needed or does not name the layers.
    DtypeError, ShapeError
        An argument or array is of the wrong type or size; the message names it.
    FormatError
        The tree holds no arrays, layers are left over or missing, or one does not hold what it needs.
    LayerError
        The layers do not chain.

    Examples
    --------
    >>> tree = {"params": {"Dense_0": {"kernel": np.ones((3, 2)), "bias": np.zeros(2)}}}
    >>> fj.from_jax(tree, layers=["softmax"])
    Network(3-2, 2 layers, float64)
    """
    if _children(tree) is None:
        raise DtypeError(
            f"from_jax takes a dict, list or module that holds arrays, got {type(tree).__module__}.{type(tree).__name__}; of a "
            "Flax nnx module pass nnx.state(model)"
        )
    state = _state_dict(tree)
    if order is None:
        order = _haiku_order({name.rpartition(".")[0] for name in state})
    with located("the JAX tree, its arrays under torch's names"):
        return imported(state, _in_torchs_terms(layers), order, n_in).network


def _state_dict(tree: Any) -> dict[str, np.ndarray]:
    """The arrays by torch's names, such as "Dense_0.weight", sorted, since the order of a dict in JAX means nothing."""
    found: dict[tuple[str, str], np.ndarray] = {}
    for path, leaf in _leaves(tree, ()):
        layer, _, field = ".".join(path[path[0] in COLLECTIONS :]).rpartition(".")
        layer, field = _of_moving_average(layer, field)
        name = layer, FIELDS.get(field, field)
        if name in found:
            raise FormatError(f"{'/'.join(path)} is one more {name[1]} of layer {layer!r}; pass the parameters of one network")
        with located("/".join(path)):
            found[name] = _array(leaf, field)
    if not found:
        raise FormatError("the tree holds no arrays; pass the parameters of an initialized network")
    if all(field.isdecimal() for _, field in found):
        raise FormatError(
            "it holds arrays without names, as pairs (W, b) do, so name them: [{'w': W, 'b': b}, ...], with W of shape "
            "(n_in, n_out), or 'weight' where it is (n_out, n_in)"
        )
    return {f"{layer}.{field}".removeprefix("."): found[layer, field] for layer, field in sorted(found)}


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The arrays of a tree, each with the names that lead to it."""
    if hasattr(node, "unbox"):  # Flax puts arrays in boxes that state how their axes are spread over devices
        node = node.unbox()
    children = _children(node)
    if children is not None:
        for name, child in children:
            yield from _leaves(child, (*path, str(name)))
    elif _is_array(node) and not _is_bookkeeping(node, path):
        yield path, node


def _children(node: Any) -> Iterable[tuple[Any, Any]] | None:
    """What a container holds, by name; None for anything else."""
    if isinstance(node, Mapping):
        return node.items()
    if isinstance(node, (list, tuple)):
        return zip(getattr(node, "_fields", range(len(node))), node, strict=True)
    if is_dataclass(node) and not isinstance(node, type):
        return [(field.name, getattr(node, field.name, None)) for field in fields(node)]
    return None


def _is_array(node: Any) -> bool:
    return not isinstance(node, type) and hasattr(node, "dtype") and hasattr(node, "shape")


def _is_bookkeeping(array: Any, path: tuple[str, ...]) -> bool:
    """Whether it is a counter, a random key, or an average that Haiku has not yet corrected for its start at 0."""
    is_uncorrected = path[-1] == "hidden" and len(path) > 1 and path[-2].rpartition("/")[2] in MOVING_AVERAGES
    return is_uncorrected or (tuple(array.shape) == () and "float" not in str(array.dtype))


def _of_moving_average(layer: str, field: str) -> tuple[str, str]:
    """The layer and the field that an average of Haiku's belongs to; anything else as it is."""
    owner, _, module = layer.rpartition("/~/")
    return (owner, MOVING_AVERAGES[module]) if field == "average" and module in MOVING_AVERAGES else (layer, field)


def _array(leaf: Any, field: str) -> np.ndarray:
    """The entries of a leaf in the shape that a state dict gives them."""
    array = as_numpy(leaf)
    if field in KERNELS and array.ndim == 2:
        return array.T
    if field in VECTORS and math.prod(array.shape[:-1]) == 1:
        return array.reshape(-1)
    return array


def _haiku_order(layers: Iterable[str]) -> list[str] | None:
    """Names such as linear, linear_1, linear_2 in order; Haiku leaves out the first number. None for other names."""
    first = min(layers, key=len)
    found = {layer: re.fullmatch(rf"{re.escape(first)}(?:_(\d+))?", layer) for layer in layers}
    numbers = {layer: int(match[1] or 0) for layer, match in found.items() if match}
    return sorted(numbers, key=numbers.__getitem__) if len(numbers) == len(found) else None


def _in_torchs_terms(layers: Any) -> Any:
    """The list with a layer in place of every entry that means one thing in JAX and another in `from_state_dict`."""
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        return layers
    return translated(layers, _in_torchs_term, "layers")


def _in_torchs_term(entry: Any, place: str) -> Any:
    name = name_of(entry)
    if name in WITHOUT_EPS and (name == entry or "eps" not in entry[1]):
        raise OptionError(
            f"{place} must give the eps, which the tree does not hold: "
            f'("{name}", {{"eps": 1e-6}}) has the default of Flax, 1e-5 is that of Haiku and Equinox'
        )
    return ACTIVATIONS.get(entry, entry) if isinstance(entry, str) else entry
