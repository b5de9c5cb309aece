"""Whatever a caller hands in, as a NumPy array of plain entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .errors import DtypeError, ShapeError


def dense_array(value: Any, what: str) -> np.ndarray:
    """`value` as an array of any dtype, or an error that names `what` and, where there is one, the fix."""
    if isinstance(value, np.ma.MaskedArray):
        raise DtypeError(f"{what} must not be a masked array, whose mask would be lost; pass its .filled(...)")
    fix = _fix(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{what} must be a rectangular array, but its rows differ in length; check how it was built") from error
    except (TypeError, RuntimeError) as error:  # a torch tensor that NumPy cannot take, such as one that requires grad
        raise DtypeError(f"{what} cannot be read as an array: {fix or error}") from error
    if array.dtype == object and hasattr(value, "columns") and len(set(value.columns)) == len(value.columns):
        return np.column_stack([column_numbers(value[label], label, what) for label in value.columns])
    if fix:  # NumPy takes a matrix of scipy.sparse for one object
        raise DtypeError(f"{what} cannot be read as an array: {fix}")
    return array


def column_numbers(column: Any, label: Any, what: str) -> np.ndarray:
    """One column of a data frame as numbers; a missing entry is nan. Errors call the frame `what`."""
    column = column if hasattr(column, "dtype") else np.asarray(column)
    kind = getattr(column.dtype, "kind", None) or np.asarray(column).dtype.kind
    if kind not in "fiub":
        example = f", and its first entry is {np.asarray(column)[0]!r:.40}" if len(column) else ""
        raise DtypeError(
            f"the column {label!r} of {what} must hold numbers, its dtype is {column.dtype}{example}; convert or encode it"
        )
    # In its own dtypes pandas keeps apart from the numbers which entries are missing.
    is_masked = hasattr(column, "to_numpy") and hasattr(column.dtype, "na_value")
    return column.to_numpy(np.float64, na_value=np.nan) if is_masked else np.asarray(column, np.float64)


def _fix(value: Any) -> str:
    """What is wrong with a value of another library whose numbers NumPy cannot read, and what to pass instead; else nothing."""
    if isinstance(value, (np.ndarray, list, tuple)):
        return ""
    if getattr(value, "is_meta", False) is True:
        return "the tensor is on the meta device, so it has a shape but no numbers; load its weights first"
    if str(getattr(value, "layout", "torch.strided")).startswith("torch.sparse"):
        return "the tensor is sparse; pass tensor.to_dense()"
    if isinstance(value, Iterator):
        return f"the {type(value).__name__} gives items one by one; give batches to jacobian_blocks, or pass list(...) of it"
    if hasattr(value, "toarray"):
        return f"the {type(value).__name__} is sparse; pass its .toarray()"
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        return "NumPy has no bfloat16; pass tensor.float()"
    return ""
