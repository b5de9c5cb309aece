"""A network's layers, as they are given: checked one by one, and brought to one dtype."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import DtypeError, LayerError
from .kernels.float_mode import default_mode
from .layers import LAYERS, Elementwise, Layer

KINDS = {*LAYERS.values(), Elementwise}
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def validated(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The layers, or a DtypeError or LayerError that says what else was given."""
    try:
        given = tuple(layers)
    except TypeError as error:
        raise DtypeError(f"Network takes a sequence of layers, got {type(layers).__name__}") from error
    for position, layer in enumerate(given):
        if type(layer) not in KINDS:
            raise DtypeError(f"Network takes fastjac layers, but item {position} is {_described(layer)}")
    if not given:
        raise LayerError("Network takes at least one layer, got none")
    return given


def _described(item: Any) -> str:
    """What stands in place of a layer, and what to write instead where that is clear."""
    if isinstance(item, type) and issubclass(item, Layer):
        return f"{item!r}; write {item.__name__}(), with parentheses"
    if isinstance(item, (list, tuple)):
        pair = f"a {type(item).__name__} of {len(item)}"
        return f"{pair}; of a weight (n_out, n_in) and a bias make Affine(weight, bias), and name what stands between, as ReLU()"
    base = next((kind for kind in type(item).__mro__ if kind in KINDS), None)
    if base is None:
        return f"{item!r:.200}"
    return (
        f"a {type(item).__name__}, a subclass of {base.__name__}; a network computes by fastjac's own formulas and would ignore "
        f"what the subclass changes: pass {base.__name__}(...) itself, or put several of fastjac's layers in a row"
    )


def resolved_dtype(layers: tuple[Layer, ...], dtype: Any) -> np.dtype:
    """The dtype that was asked for, or, for None, the widest of the layers' arrays."""
    if dtype is None:
        kinds = {array.dtype for layer in layers for array in layer.arrays.values()}
        return DTYPES[0] if kinds == {DTYPES[0]} else DTYPES[1]
    try:
        resolved = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(f"a network's dtype is float32 or float64, got {dtype!r}") from error
    if resolved not in DTYPES:
        raise DtypeError(f"a network's dtype is float32 or float64, got {resolved}")
    return resolved


def cast(layer: Layer, dtype: np.dtype) -> Layer:
    """The layer with its arrays in another dtype."""
    if all(array.dtype == dtype for array in layer.arrays.values()):
        return layer
    with np.errstate(all="ignore"), default_mode():
        return layer.with_arrays({name: array.astype(dtype) for name, array in layer.arrays.items()})
