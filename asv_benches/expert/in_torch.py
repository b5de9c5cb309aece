"""What the sweeps need of torch: its own fused kernels where it has them, and methods that work in place elsewhere."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..recipe import SOFTPLUS_THRESHOLD


def contiguous(array: np.ndarray | torch.Tensor) -> torch.Tensor:
    """An array as a tensor, in C order."""
    return torch.as_tensor(array).contiguous()


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`x W^T + b` in a new tensor."""
    return torch.nn.functional.linear(x, weight, bias)


def softmax(z: torch.Tensor) -> torch.Tensor:
    """The softmax of every row."""
    return torch.softmax(z, dim=1)


def copies(matrix: torch.Tensor, batch: int) -> torch.Tensor:
    """A new tensor of `batch` equal matrices."""
    return matrix.repeat(batch, 1, 1)


def relu(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`max(z, 0)`, and 1 where z is positive."""
    slope = (z > 0).to(z.dtype)
    return z.relu_(), slope


def tanh(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`tanh(z)`, and 1 less its square."""
    z.tanh_()
    return z, torch.addcmul(_one(z), z, z, value=-1)


def silu(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`z s` with the sigmoid s, and `s + z s (1 - s)`."""
    sigmoid = torch.sigmoid(z)
    z.mul_(sigmoid)
    return z, torch.addcmul(sigmoid, z, sigmoid, value=-1).add_(z)


def gelu(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`z P(z)` with the normal distribution function P, and `P(z) + z p(z)` with the density p."""
    cumulative = torch.mul(z, math.sqrt(0.5)).erf_().add_(1).mul_(0.5)
    slope = torch.square(z).mul_(-0.5).exp_().mul_(z)
    slope = torch.add(cumulative, slope, alpha=1 / math.sqrt(2 * math.pi))
    return z.mul_(cumulative), slope


def softplus(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`log(1 + exp(z))`, and the sigmoid."""
    return torch.nn.functional.softplus(z, threshold=SOFTPLUS_THRESHOLD), torch.sigmoid(z)


def _one(like: torch.Tensor) -> torch.Tensor:
    return torch.ones((), dtype=like.dtype)


ACTIVATIONS = {"relu": relu, "tanh": tanh, "silu": silu, "gelu": gelu, "softplus": softplus}
