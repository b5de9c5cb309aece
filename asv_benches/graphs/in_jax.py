"""What the walk needs of JAX, for one sample `(size,)`: `jax.vmap` takes care of the batch."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fastjac.layers import Affine, ReLU, SiLU, Tanh
from fastjac.layers.joins import Add, Concatenate, Multiply

from .walk import added


def affine(layer: Affine) -> Callable[[jax.Array], jax.Array]:
    """`W x + b`; the weights are constants of the compiled program."""
    weight, bias = jnp.asarray(layer.weight), jnp.asarray(layer.bias)
    return lambda x: weight @ x + bias


OPERATIONS = {
    ReLU: jax.nn.relu,
    Tanh: jnp.tanh,
    SiLU: jax.nn.silu,
    Add: added,
    Multiply: jnp.multiply,
    Concatenate: lambda *vectors: jnp.concatenate(vectors),
}
