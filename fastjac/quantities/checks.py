"""A caller's arguments, checked: how many singular values, which norm, what weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arguments
from ..errors import OptionError, ShapeError
from ..kernels.float_mode import default_mode


def checked_count(k: int | None, most: int) -> int:
    """How many of `most` singular values; all for None."""
    count = arguments.positive_count(k, "k")
    if count is not None and count > most:
        raise OptionError(f"k must be at most min(n_out, n_in), which is {most}, got {count}")
    return count or most


def checked_tolerance(value: Any, lead: tuple[int, ...]) -> np.ndarray:
    """The tolerance (n,) for each input of a batch of leading shape `lead`; given is one for all, or one for each."""
    tolerance = arguments.real_array(value, "tol")
    try:
        tolerance = np.broadcast_to(tolerance, lead).reshape(-1)
    except ValueError as error:
        raise ShapeError(f"tol must be a number or have x's leading dimensions {lead}, got shape {tolerance.shape}") from error
    if not (tolerance >= 0).all():
        raise OptionError("tol must be 0 or more, but holds a negative number or nan")
    return tolerance


def checked_weight(value: Any, size: int, lead: tuple[int, ...], name: str) -> np.ndarray | None:
    """Symmetric weights (n, size, size), or diagonals (n, 1, size), in float64; None for the identity.

    value : None, a number, a diagonal (size,) or (..., 1, size), or matrices (..., size, size), symmetric up to rounding.
    lead : the leading shape of the inputs, to which the weight's leading shape broadcasts; n is 1 where the weight has none.
    """
    if value is None:
        return None
    given = arguments.real_array(value, name)
    weight = given.reshape(1, -1) if given.ndim < 2 else given
    if given.ndim == 0:
        weight = np.repeat(weight, size, axis=1)
    rows, columns = weight.shape[-2:]
    if rows not in (1, columns):
        hint = f"; for a diagonal at each input pass {name}[..., None, :], of shape (..., 1, {size})" if columns == size else ""
        raise ShapeError(f"{name} must be a number, a diagonal or square matrices, got shape {given.shape}{hint}")
    if columns != size:
        raise ShapeError(
            f"{name} must have {size} entries in a row, one for each entry that it weighs: shape ({size},), (..., 1, {size}) or "
            f"(..., {size}, {size}); got {given.shape}"
        )
    weight = arguments.seed(weight, lead, (rows, size), name)
    weight = weight.reshape(-1, rows, size)
    if not np.isfinite(weight).all():
        raise OptionError(f"{name} must be finite, but holds nan or inf")
    with default_mode():
        return _symmetric(weight, name) if rows > 1 else weight.astype(np.float64)


def _symmetric(weight: np.ndarray, name: str) -> np.ndarray:
    """The symmetric part of a weight, if the rest is rounding: less than half the digits of the type in which it was given."""
    precision = np.finfo(weight.dtype if weight.dtype.kind == "f" else np.float64).eps
    weight = weight.astype(np.float64)
    rest = np.abs(weight - weight.swapaxes(1, 2)).max(axis=(1, 2), initial=0)
    bad = np.flatnonzero(rest > np.sqrt(precision) * np.abs(weight).max(axis=(1, 2), initial=0))
    if bad.size:
        _, row, column = np.unravel_index(np.argmax(np.abs(weight[bad[0]] - weight[bad[0]].T)), (1, *weight.shape[1:]))
        entries = weight[bad[0], row, column], weight[bad[0], column, row]
        raise OptionError(
            f"{name} must be symmetric, but entries [{row}, {column}] and [{column}, {row}] are {entries[0]:.6g} and "
            f"{entries[1]:.6g}; pass its symmetric part, or {name}[..., None, :] if its rows are diagonals"
        )
    return 0.5 * (weight + weight.swapaxes(1, 2))
