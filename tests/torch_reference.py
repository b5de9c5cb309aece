"""A chain of fastjac layers as a torch function, differentiated by torch.func in float64: the independent reference.

Every layer is torch's own functional where torch has one; the four maps it lacks are written with torch operations, and so
are two whose own derivative torch rounds to float32 (errors of 1e-8 in float64): CELU by 1 / alpha, HardSigmoid by 1 / 6.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fastjac import layers as fl
from fastjac.layers import Layer


def value(layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
    """y (batch, n_out) for x (batch, n_in)."""
    return torch_function(layers)(tensor(x)).numpy()


def jacobian(layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
    """J (batch, n_out, n_in) for x (batch, n_in), by torch.func.jacrev of the sum over the batch, whose samples do not mix."""
    function = torch_function(layers)
    return torch.func.jacrev(lambda batch: function(batch).sum(dim=0))(tensor(x)).numpy().swapaxes(0, 1)


def torch_function(layers: Sequence[Layer]) -> Callable[[Tensor], Tensor]:
    """The chain as one differentiable torch function of a tensor (batch, n_in)."""
    functions = [partial(FUNCTIONS[type(layer)], layer) for layer in layers]

    def chain(x: Tensor) -> Tensor:
        for function in functions:
            x = function(x)
        return x

    return chain


def tensor(array: np.ndarray | float) -> Tensor:
    """A float64 copy of an array or a number."""
    return torch.tensor(np.array(array, dtype=np.float64))


def affine(layer: fl.Affine, x: Tensor) -> Tensor:
    return functional.linear(x, tensor(layer.weight).to(x.dtype), None if layer.bias is None else tensor(layer.bias).to(x.dtype))


def layer_norm(layer: fl.LayerNorm, x: Tensor) -> Tensor:
    weight = None if layer.weight is None else tensor(layer.weight)
    bias = None if layer.bias is None else tensor(layer.bias)
    return functional.layer_norm(x, x.shape[-1:], weight, bias, layer.eps)


def hard_sigmoid(layer: fl.HardSigmoid, x: Tensor) -> Tensor:
    return _ramp(x, 3.0)


def sparse_sigmoid(layer: fl.SparseSigmoid, x: Tensor) -> Tensor:
    return _ramp(x, 1.0)


def _ramp(x: Tensor, end: float) -> Tensor:
    """0 up to -end, 1 from end on, a straight line between."""
    return torch.where(x <= -end, torch.zeros_like(x), torch.where(x >= end, torch.ones_like(x), x / (2 * end) + 0.5))


def sparse_plus(layer: fl.SparsePlus, x: Tensor) -> Tensor:
    return torch.where(x <= -1, torch.zeros_like(x), torch.where(x < 1, (x + 1) ** 2 / 4, x))


def sparsemax(layer: fl.Sparsemax, x: Tensor) -> Tensor:
    """Projection on the simplex, differentiated through its threshold with the support held fixed."""
    descending = x.sort(dim=-1, descending=True).values
    sums = descending.cumsum(dim=-1)
    ranks = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    k = (1 + ranks * descending > sums).sum(dim=-1, keepdim=True)
    return functional.relu(x - (sums.gather(-1, k - 1) - 1) / k)


FUNCTIONS: dict[type[Layer], Callable[..., Tensor]] = {
    fl.Affine: affine,
    fl.ReLU: lambda layer, x: functional.relu(x),
    fl.LeakyReLU: lambda layer, x: functional.leaky_relu(x, layer.negative_slope),
    fl.PReLU: lambda layer, x: functional.prelu(x, tensor(layer.weight).to(x.dtype).reshape(-1)),
    fl.ReLU6: lambda layer, x: functional.relu6(x),
    fl.ELU: lambda layer, x: functional.elu(x, layer.alpha),
    fl.SELU: lambda layer, x: functional.selu(x),
    fl.CELU: lambda layer, x: layer.alpha * functional.elu(x / layer.alpha),
    fl.GELU: lambda layer, x: functional.gelu(x, approximate=layer.approximate),
    fl.SiLU: lambda layer, x: functional.silu(x),
    fl.Mish: lambda layer, x: functional.mish(x),
    fl.Tanh: lambda layer, x: torch.tanh(x),
    fl.Sigmoid: lambda layer, x: torch.sigmoid(x),
    fl.HardTanh: lambda layer, x: functional.hardtanh(x, layer.min_val, layer.max_val),
    fl.Clamp: lambda layer, x: torch.clamp(x, layer.min_val, layer.max_val),
    fl.HardSigmoid: hard_sigmoid,
    fl.HardSwish: lambda layer, x: functional.hardswish(x),
    fl.Softplus: lambda layer, x: functional.softplus(x, layer.beta, layer.threshold),
    fl.Softsign: lambda layer, x: functional.softsign(x),
    fl.LogSigmoid: lambda layer, x: functional.logsigmoid(x),
    fl.Exp: lambda layer, x: torch.exp(x),
    fl.HardShrink: lambda layer, x: functional.hardshrink(x, layer.lambd),
    fl.SoftShrink: lambda layer, x: functional.softshrink(x, layer.lambd),
    fl.TanhShrink: lambda layer, x: functional.tanhshrink(x),
    fl.Threshold: lambda layer, x: functional.threshold(x, layer.threshold, layer.value),
    fl.SquarePlus: lambda layer, x: (x + torch.sqrt(x**2 + layer.b)) / 2,
    fl.SparsePlus: sparse_plus,
    fl.SparseSigmoid: sparse_sigmoid,
    fl.Scale: lambda layer, x: tensor(layer.weight).to(x.dtype) * x + tensor(layer.bias).to(x.dtype),
    fl.Softmax: lambda layer, x: functional.softmax(x, dim=-1),
    fl.LogSoftmax: lambda layer, x: functional.log_softmax(x, dim=-1),
    fl.Sparsemax: sparsemax,
    fl.LayerNorm: layer_norm,
}
