"""Arrays out of the frameworks' own tensors, without importing a framework."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, FastjacError, ShapeError
from ..layers import Parameter
from ..layers.base import as_float_array

TORCH_HALF_PRECISION = ("torch.float16", "torch.bfloat16")


def as_numpy(value: Any) -> np.ndarray:
    """The entries of an array, a nested list or a torch tensor (on any device, with or without gradient).

    Half-precision torch tensors, and arrays of bfloat16, are widened to float32, since NumPy has no bfloat16.

    Raises DtypeError where a tensor holds no entries to read (meta device, sparse), ShapeError where rows differ in length.
    """
    if _is_torch(value):
        return _torch_to_numpy(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError("the array must be rectangular, but its rows differ in length") from error
    except (TypeError, RuntimeError) as error:
        raise DtypeError(f"the {type(value).__name__} cannot be read as a dense array: {error}") from error
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array  # NumPy itself does not have this type


def slopes(weight: Any) -> Parameter:
    """The weight of torch's PReLU: an array with one entry is one slope that all units share."""
    array = as_float_array(weight, "PReLU weight", 1)
    return array.item() if array.size == 1 else array


def float_dtype(*values: Any) -> type[np.floating[Any]]:
    """float64 if any of the values is an array of that type, float32 otherwise: the precision that holds the arrays."""
    return np.float64 if any(getattr(value, "dtype", None) == np.float64 for value in values) else np.float32


def _is_torch(value: Any) -> bool:
    return any(base.__module__.split(".")[0] == "torch" for base in type(value).__mro__)


def _torch_to_numpy(tensor: Any) -> np.ndarray:
    try:
        _check_dense(tensor)
        tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
        if str(tensor.dtype) in TORCH_HALF_PRECISION:
            tensor = tensor.float()
        array: np.ndarray = tensor.numpy()
    except FastjacError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:  # a quantized tensor, or one that has no shape yet
        raise DtypeError(f"the {type(tensor).__name__} cannot be read as a dense array: {error}") from error
    return array


def _check_dense(tensor: Any) -> None:
    """Raise DtypeError where a tensor holds no numbers, or not all of them."""
    if tensor.is_meta:
        raise DtypeError("the tensor is on the meta device, so it has a shape but no numbers; load its weights first")
    if tensor.is_nested:
        raise DtypeError("the tensor is nested, so its rows differ in length; no layer takes one")
    if str(tensor.layout) != "torch.strided":
        raise DtypeError("the tensor is sparse; pass tensor.to_dense()")
