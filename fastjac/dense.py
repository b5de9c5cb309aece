"""Whatever a caller hands in, as a NumPy array of plain entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .errors import DtypeError, ShapeError


def dense_array(value: Any, what: str) -> np.ndarray:
    """`value` as an array of any dtype, or an error that names `what` and, where there is one, the fix."""
    fix = _fix(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{what} must be a rectangular array, but its rows differ in length; check how it was built") from error
    except (TypeError, RuntimeError) as error:  # a torch tensor that NumPy cannot take, such as one that requires grad
        raise DtypeError(f"{what} cannot be read as an array: {fix or error}") from error
    if fix:  # NumPy takes a matrix of scipy.sparse for one object
        raise DtypeError(f"{what} cannot be read as an array: {fix}")
    return array


def _fix(value: Any) -> str:
    """What is wrong with a value of another library whose numbers NumPy cannot read, and what to pass instead; else nothing."""
    if isinstance(value, (np.ndarray, list, tuple)):
        return ""
    if getattr(value, "is_meta", False) is True:
        return "the tensor is on the meta device, so it has a shape but no numbers; load its weights first"
    if str(getattr(value, "layout", "torch.strided")).startswith("torch.sparse"):
        return "the tensor is sparse; pass tensor.to_dense()"
    if isinstance(value, Iterator):
        return f"the {type(value).__name__} gives its items one after another; pass list(...) of it, or see jacobian_blocks"
    if hasattr(value, "toarray"):
        return f"the {type(value).__name__} is sparse; pass its .toarray()"
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        return "NumPy has no bfloat16; pass tensor.float()"
    return ""
