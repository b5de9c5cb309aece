"""Batch normalization with fixed statistics, folded to one multiplication and one addition for each unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import FormatError, ShapeError
from ..layers import Scale
from ..layers.base import as_float_array
from .tensors import float_dtype


def batch_norm(mean: Any, variance: Any, gamma: Any | None, beta: Any | None, epsilon: float) -> Scale:
    """Batch normalization at inference, `gamma (x - mean) / sqrt(variance + epsilon) + beta`, as one Scale.

    mean, variance, gamma, beta : (n,) float arrays; None stands for gamma 1 and beta 0.

    It is folded in float64 and rounded once to the arrays' own precision. Raises DtypeError or ShapeError where an array is
    not (n,) floats, FormatError where `variance + epsilon` is not positive.
    """
    given = {"mean": mean, "variance": variance, "gamma (weight)": gamma, "beta (bias)": beta}
    arrays = {
        name: as_float_array(value, f"batch normalization's {name}", 1) for name, value in given.items() if value is not None
    }
    if len({array.size for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name} {array.size}" for name, array in arrays.items())
        raise ShapeError(f"batch normalization's arrays must have the same size, got {sizes}")
    squared = np.float64(arrays["variance"]) + epsilon
    if not np.all(squared > 0.0):
        raise FormatError(
            f"batch normalization divides by sqrt(variance + eps), which must be positive; with eps={epsilon} the smallest "
            f"variance + eps is {np.min(squared)}"
        )
    weight = np.float64(arrays.get("gamma (weight)", 1.0)) / np.sqrt(squared)
    shift = np.float64(arrays.get("beta (bias)", 0.0)) - np.float64(arrays["mean"]) * weight
    dtype = float_dtype(*arrays.values())
    return Scale(weight.astype(dtype), shift.astype(dtype))
