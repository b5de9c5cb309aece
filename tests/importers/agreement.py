"""Compare an imported network with the model that it came from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fastjac import Network

TOLERANCE = 1e-12


TORCH_ROUNDS_DERIVATIVE = ("Hardsigmoid", "hard_sigmoid", "CELU")
"""Their slopes 1 / 6 and 1 / alpha are float32 numbers in torch's own derivative, also in float64."""


def assert_agrees(net: Network, model: Callable[[Any], Any], shape: tuple[int, ...], tolerance: float = TOLERANCE) -> None:
    """Values and Jacobians of `net` equal those of `model` at random inputs of `shape`, to 1e-12 in float64.

    model : takes a batch of float64 torch tensors and gives one; `net` takes the samples flattened.
    tolerance : that of the Jacobians.
    """
    x = np.random.default_rng(7).normal(size=(6, *shape)) * 2.0
    inputs = torch.from_numpy(x)
    with torch.no_grad():
        expected = model(inputs).numpy().reshape(6, -1)
    jacobians = torch.stack([torch.func.jacrev(lambda v: model(v[None])[0])(v) for v in inputs]).detach().numpy()
    y, jac = net.value_and_jacobian(x.reshape(6, -1))
    assert net.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=TOLERANCE, atol=TOLERANCE)
    jacobians = jacobians.reshape(6, expected.shape[1], -1)
    np.testing.assert_allclose(jac, jacobians, rtol=tolerance, atol=tolerance)
