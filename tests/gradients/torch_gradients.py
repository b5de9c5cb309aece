"""Gradients of losses that a Jacobian takes part in, and Jacobians by parameters, in float64 by torch.func: the reference.

Every layer is the function of `torch_reference`, but for those that have trained parameters, which take them as arguments here.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fastjac import layers as fl
from fastjac.layers import Layer
from tests import torch_reference
from tests.torch_reference import tensor

Parameters = list[dict[str, Tensor]]
"""The arrays of each layer by field name."""


def pullback(
    layers: Sequence[Layer],
    x: np.ndarray,
    by_y: np.ndarray,
    by_jacobian: np.ndarray,
) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """The derivatives of `sum by_y y + sum by_jacobian J` by x (batch, n_in) and by each layer's arrays."""

    def loss(point: Tensor, parameters: Parameters) -> Tensor:
        y = value(layers, parameters, point)
        jacobian = torch.func.jacrev(lambda batch: value(layers, parameters, batch).sum(dim=0))(point).swapaxes(0, 1)
        return (tensor(by_y) * y).sum() + (tensor(by_jacobian) * jacobian).sum()

    by_x, by_parameters = torch.func.grad(loss, argnums=(0, 1))(tensor(x), parameters_of(layers))
    return by_x.numpy(), [{name: gradient.numpy() for name, gradient in arrays.items()} for arrays in by_parameters]


def parameter_jacobian(layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
    """`dy / dtheta` (batch, n_out, n_parameters), layer by layer, each array row by row."""
    blocks = torch.func.jacrev(lambda parameters: value(layers, parameters, tensor(x)))(parameters_of(layers))
    flat = [block.flatten(start_dim=2).numpy() for arrays in blocks for block in arrays.values()]
    return np.concatenate([*flat, np.empty((len(x), torch_reference.value(layers, x).shape[1], 0))], axis=2)


def parameters_of(layers: Sequence[Layer]) -> Parameters:
    """The layers' arrays as tensors."""
    return [{name: tensor(array) for name, array in layer.arrays.items()} for layer in layers]


def value(layers: Sequence[Layer], parameters: Parameters, x: Tensor) -> Tensor:
    """The chain's outputs (batch, n_out) for other parameters than its layers have."""
    for layer, arrays in zip(layers, parameters, strict=True):
        x = TRAINED[type(layer)](layer, arrays, x) if arrays else torch_reference.FUNCTIONS[type(layer)](layer, x)
    return x


def scale(layer: fl.Scale, arrays: dict[str, Tensor], x: Tensor) -> Tensor:
    return arrays.get("weight", layer.weight) * x + arrays.get("bias", layer.bias)


def gated_swish(layer: fl.GatedSwish, arrays: dict[str, Tensor], x: Tensor) -> Tensor:
    floor, beta = arrays.get("floor", layer.floor), arrays.get("beta", layer.beta)
    return x * (floor + (1 - floor) * torch.sigmoid(beta * x))


TRAINED: dict[type[Layer], Callable[..., Tensor]] = {
    fl.Affine: lambda layer, arrays, x: functional.linear(x, arrays["weight"], arrays.get("bias")),
    fl.PReLU: lambda layer, arrays, x: functional.prelu(x, arrays["weight"]),
    fl.Scale: scale,
    fl.GatedSwish: gated_swish,
    fl.LayerNorm: lambda layer, arrays, x: functional.layer_norm(
        x, x.shape[-1:], arrays.get("weight"), arrays.get("bias"), layer.eps
    ),
}
