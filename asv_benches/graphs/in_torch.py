"""What the walk needs of torch, for one sample `(size,)`: `torch.func.vmap` takes care of the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fastjac.layers import Affine, ReLU, SiLU, Tanh
from fastjac.layers.joins import Add, Concatenate, Multiply

from .walk import added


def affine(layer: Affine) -> Callable[[torch.Tensor], torch.Tensor]:
    """`W x + b`."""
    weight, bias = torch.tensor(layer.weight), torch.tensor(layer.bias)
    return lambda x: torch.nn.functional.linear(x, weight, bias)


OPERATIONS = {
    ReLU: torch.relu,
    Tanh: torch.tanh,
    SiLU: torch.nn.functional.silu,
    Add: added,
    Multiply: torch.multiply,
    Concatenate: lambda *vectors: torch.cat(vectors),
}
