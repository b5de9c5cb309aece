"""bfloat16, which is the upper half of float32's bits; NumPy has no dtype for it."""

from __future__ import annotations

import numpy as np


def widen_bfloat16(array: np.ndarray) -> np.ndarray:
    """The same numbers in float32, exactly, from an array of any shape whose entries are two little-endian bytes."""
    upper = np.asarray(array, order="C").view("<u2").astype(np.uint32)
    return (upper << 16).view(np.float32)


def as_numbers(stored: np.ndarray, kind: str) -> np.ndarray:
    """Stored entries as numbers of a precision in which fastjac computes; `kind` is their type as NumPy calls it."""
    if kind == "bfloat16":
        return widen_bfloat16(stored)
    if kind == "bool":
        return stored != 0
    return stored.astype(np.float32 if kind == "float16" else stored.dtype.newbyteorder("="), copy=False)
