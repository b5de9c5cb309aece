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


def assert_graph_agrees(net: Network, model: Callable[..., Any], *shapes: tuple[int, ...], tolerance: float = TOLERANCE) -> None:
    """As `assert_agrees`, for a model of several inputs, with samples of these shapes, and several outputs, a dict's in order."""
    rng = np.random.default_rng(7)
    x = [rng.normal(size=(6, *shape)) * 2.0 for shape in shapes]

    def outputs(flat: Any) -> Any:
        """The outputs of one sample in one vector."""
        parts = [part.reshape(1, *shape) for part, shape in zip(flat.split(net.inputs), shapes, strict=True)]
        returned = model(*parts)
        tensors = returned.values() if isinstance(returned, dict) else returned
        return torch.cat([tensor.reshape(-1) for tensor in ([tensors] if isinstance(tensors, torch.Tensor) else tensors)])

    flat = np.concatenate([part.reshape(6, -1) for part in x], axis=1)
    samples = torch.from_numpy(flat)
    expected = torch.stack([outputs(sample).detach() for sample in samples]).numpy()
    jacobians = torch.stack([torch.func.jacrev(outputs)(sample) for sample in samples]).detach().numpy()
    given = tuple(part.reshape(6, -1) for part in x)
    y, jac = net.value_and_jacobian(given if len(given) > 1 else given[0])
    rows = [jac] if len(net.outputs) == 1 else jac
    blocks = [np.concatenate(row, axis=-1) if len(net.inputs) > 1 else row for row in rows]
    assert net.dtype == np.float64
    joined = y if len(net.outputs) == 1 else np.concatenate(y, axis=-1)
    np.testing.assert_allclose(joined, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(np.concatenate(blocks, axis=-2), jacobians, rtol=tolerance, atol=tolerance)
