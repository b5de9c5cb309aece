"""What the sweeps need of JAX. XLA fuses the operations between two matrix multiplies, so formulas are written plainly."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np


def contiguous(array: np.ndarray | jax.Array) -> jax.Array:
    """An array as JAX's own; XLA chooses its layout."""
    return jnp.asarray(array)


def affine(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    """`x W^T + b`."""
    return x @ weight.T + bias


def softmax(z: jax.Array) -> jax.Array:
    """The softmax of every row."""
    return jax.nn.softmax(z, axis=1)


def copies(matrix: jax.Array, batch: int) -> jax.Array:
    """An array of `batch` equal matrices."""
    return jnp.tile(matrix, (batch, 1, 1))


def relu(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`max(z, 0)`, and 1 where z is positive."""
    return jnp.maximum(z, 0), (z > 0).astype(z.dtype)


def tanh(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`tanh(z)`, and 1 less its square."""
    value = jnp.tanh(z)
    return value, 1 - value * value


def silu(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`z s` with the sigmoid s, and `s + z s (1 - s)`."""
    sigmoid = jax.nn.sigmoid(z)
    value = z * sigmoid
    return value, sigmoid + value * (1 - sigmoid)


def gelu(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`z P(z)` with the normal distribution function P, and `P(z) + z p(z)` with the density p."""
    cumulative = 0.5 * (1 + jax.lax.erf(z * math.sqrt(0.5)))
    density = jnp.exp(-0.5 * z * z) * (1 / math.sqrt(2 * math.pi))
    return z * cumulative, cumulative + z * density


def softplus(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`log(1 + exp(z))`, and the sigmoid."""
    return jax.nn.softplus(z), jax.nn.sigmoid(z)


ACTIVATIONS = {"relu": relu, "tanh": tanh, "silu": silu, "gelu": gelu, "softplus": softplus}
