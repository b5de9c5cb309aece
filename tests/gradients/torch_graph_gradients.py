"""Gradients of losses that the Jacobian of a graph takes part in, and its Jacobian by parameters, by torch.func in float64.

Parameters are those of `graph.layers`: a layer at several vertices has one set, whose gradient is the sum over them.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fastjac.graphs.graph import Graph
from tests import torch_graph
from tests.gradients.torch_gradients import TRAINED, Parameters, parameters_of
from tests.torch_reference import tensor

Arrays = list[dict[str, np.ndarray]]


def pullback(graph: Graph, x: np.ndarray, by_y: np.ndarray, by_jacobian: np.ndarray) -> tuple[np.ndarray, Arrays]:
    """The derivatives of `sum by_y y + sum by_jacobian J` by x (batch, n_in) and by each layer's arrays."""

    def loss(point: Tensor, parameters: Parameters) -> Tensor:
        y = value(graph, parameters, point)
        jacobian = torch.func.jacrev(lambda batch: value(graph, parameters, batch).sum(dim=0))(point).swapaxes(0, 1)
        return (tensor(by_y) * y).sum() + (tensor(by_jacobian) * jacobian).sum()

    by_x, by_parameters = torch.func.grad(loss, argnums=(0, 1))(tensor(x), parameters_of(graph.layers))
    return by_x.numpy(), [{name: gradient.numpy() for name, gradient in arrays.items()} for arrays in by_parameters]


def parameter_jacobian(graph: Graph, x: np.ndarray) -> np.ndarray:
    """`dy / dtheta` (batch, n_out, n_parameters), layer by layer, each array row by row."""
    parameters = parameters_of(graph.layers)
    # Of no parameter at all torch.func.jacrev takes no derivative.
    blocks = torch.func.jacrev(lambda changed: value(graph, changed, tensor(x)))(parameters) if any(parameters) else []
    flat = [block.flatten(start_dim=2).numpy() for arrays in blocks for block in arrays.values()]
    return np.concatenate([*flat, np.empty((len(x), sum(graph.output_sizes), 0))], axis=2)


def value(graph: Graph, parameters: Sequence[dict[str, Tensor]], x: Tensor) -> Tensor:
    """y (batch, n_out) for other parameters than the graph's layers have."""
    functions = {
        layer: partial(TRAINED[type(layer)], layer, arrays) if arrays else torch_graph.function_of(layer)
        for layer, arrays in zip(graph.layers, parameters, strict=True)
    }
    return torch_graph.run_graph(graph, functions, x)
