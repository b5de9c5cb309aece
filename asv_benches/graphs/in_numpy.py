"""What the walk needs of NumPy, for batches `(n, size)`. NumPy's walk finds where the kinks are, and is not timed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastjac.layers import Affine, ReLU, SiLU, Tanh
from fastjac.layers.joins import Add, Concatenate, Multiply

from .walk import added


def affine(layer: Affine) -> Callable[[np.ndarray], np.ndarray]:
    """`x W^T + b`."""
    return lambda x: x @ layer.weight.T + layer.bias


OPERATIONS = {
    ReLU: lambda x: np.maximum(x, 0.0),
    Tanh: np.tanh,
    SiLU: lambda x: x * 0.5 * (1.0 + np.tanh(0.5 * x)),
    Add: added,
    Multiply: np.multiply,
    Concatenate: lambda *vectors: np.concatenate(vectors, axis=-1),
}
