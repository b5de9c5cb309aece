"""Normalizations with fixed statistics, folded to one multiplication and one addition for each unit."""

from __future__ import annotations

import numpy as np

from ..layers import Parameter, Scale
from .tensors import float_dtype


def batch_norm(
    mean: Parameter,
    variance: Parameter,
    gamma: Parameter | None,
    beta: Parameter | None,
    epsilon: float,
) -> Scale:
    """Batch normalization at inference, `gamma (x - mean) / sqrt(variance + epsilon) + beta`, as one Scale.

    mean, variance, gamma, beta : (n,) float arrays or numbers; None stands for gamma 1 and beta 0.

    It is folded in float64 and rounded once to the arrays' own precision.
    """
    return standardization(mean, np.sqrt(np.float64(variance) + epsilon), gamma, beta, float_dtype(mean, variance, gamma, beta))


def standardization(
    mean: Parameter,
    deviation: Parameter,
    gamma: Parameter | None,
    beta: Parameter | None,
    dtype: type[np.floating],
) -> Scale:
    """`gamma (x - mean) / deviation + beta` as one Scale of the given dtype, folded in float64."""
    weight = (1.0 if gamma is None else np.float64(gamma)) / np.float64(deviation)
    bias = (0.0 if beta is None else np.float64(beta)) - np.float64(mean) * weight
    return Scale(np.asarray(weight, dtype), np.asarray(bias, dtype))
