"""What the sweeps need of NumPy. Everything that can be is computed in place: a new large array costs its page faults."""

from __future__ import annotations

import math

import numpy as np

contiguous = np.ascontiguousarray


def affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`x W^T + b` in a new array."""
    z = x @ weight.T
    z += bias
    return z


def softmax(z: np.ndarray) -> np.ndarray:
    """The softmax of every row, in place."""
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def copies(matrix: np.ndarray, batch: int) -> np.ndarray:
    """A new array of `batch` equal matrices."""
    return np.tile(matrix, (batch, 1, 1))


def relu(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`max(z, 0)`, and 1 where z is positive."""
    slope = (z > 0).astype(z.dtype)
    return np.maximum(z, 0, out=z), slope


def tanh(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`tanh(z)`, and 1 less its square."""
    np.tanh(z, out=z)
    return z, 1 - z * z


def silu(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`z s` with the sigmoid s, and `s + z s (1 - s)`."""
    sigmoid = _sigmoid(z)
    z *= sigmoid
    slope = z * sigmoid
    np.subtract(z, slope, out=slope)
    slope += sigmoid
    return z, slope


def gelu(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`z P(z)` with the normal distribution function P, and `P(z) + z p(z)` with the density p."""
    from scipy.special import erf

    cumulative = z * math.sqrt(0.5)
    erf(cumulative, out=cumulative)
    cumulative += 1
    cumulative *= 0.5
    slope = z * z
    slope *= -0.5
    np.exp(slope, out=slope)
    slope *= z
    slope *= 1 / math.sqrt(2 * math.pi)
    slope += cumulative
    z *= cumulative
    return z, slope


def softplus(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`log(1 + exp(z))` without overflow, and the sigmoid."""
    slope = _sigmoid(z)
    power = np.abs(z)
    np.negative(power, out=power)
    np.exp(power, out=power)
    np.log1p(power, out=power)
    np.maximum(z, 0, out=z)
    z += power
    return z, slope


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """The sigmoid, computed by tanh, which NumPy vectorizes and which cannot overflow."""
    s = z * 0.5
    np.tanh(s, out=s)
    s += 1
    s *= 0.5
    return s


ACTIVATIONS = {"relu": relu, "tanh": tanh, "silu": silu, "gelu": gelu, "softplus": softplus}
