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
from tests.activations import TWINS
from tests.activations.twin import tensor


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


def affine(layer: fl.Affine, x: Tensor) -> Tensor:
    return functional.linear(x, tensor(layer.weight).to(x.dtype), None if layer.bias is None else tensor(layer.bias).to(x.dtype))


def layer_norm(layer: fl.LayerNorm, x: Tensor) -> Tensor:
    weight = None if layer.weight is None else tensor(layer.weight)
    bias = None if layer.bias is None else tensor(layer.bias)
    return functional.layer_norm(x, x.shape[-1:], weight, bias, layer.eps)


def sparsemax(layer: fl.Sparsemax, x: Tensor) -> Tensor:
    """Projection on the simplex, differentiated through its threshold with the support held fixed."""
    descending = x.sort(dim=-1, descending=True).values
    sums = descending.cumsum(dim=-1)
    ranks = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    k = (1 + ranks * descending > sums).sum(dim=-1, keepdim=True)
    return functional.relu(x - (sums.gather(-1, k - 1) - 1) / k)


FUNCTIONS: dict[type[Layer], Callable[..., Tensor]] = {
    fl.Affine: affine,
    **{kind: twin.torch for kind, twin in TWINS.items()},
    fl.Softmax: lambda layer, x: functional.softmax(x, dim=-1),
    fl.LogSoftmax: lambda layer, x: functional.log_softmax(x, dim=-1),
    fl.Sparsemax: sparsemax,
    fl.LayerNorm: layer_norm,
}
