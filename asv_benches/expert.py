"""The baseline: Jacobians as an expert writes them by hand in NumPy, one matrix multiply for each layer and the whole batch.

Both sweeps fold the activation's derivative into the accumulated factor in place and apply the softmax where that factor
is smallest. They return `(batch, n_out, n_in)`; the forward sweep's result is a transposed view.
"""

from __future__ import annotations

import numpy as np

from .recipe import Parameters


def primal(parameters: Parameters, activation: str, softmax: bool, x: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The output `(batch, n_out)` and, for each hidden layer, the activation's derivative `(batch, n)`."""
    slopes = []
    for weight, bias in parameters[:-1]:
        x = x @ weight.T
        x += bias
        if activation == "relu":
            slopes.append((x > 0).astype(x.dtype))
            np.maximum(x, 0, out=x)
        else:
            np.tanh(x, out=x)
            slopes.append(1 - x * x)
    weight, bias = parameters[-1]
    y = x @ weight.T
    y += bias
    if softmax:
        y -= y.max(axis=1, keepdims=True)
        np.exp(y, out=y)
        y /= y.sum(axis=1, keepdims=True)
    return y, slopes


def reverse(parameters: Parameters, activation: str, softmax: bool, x: np.ndarray) -> np.ndarray:
    """Accumulate from the output: the factor is `(batch * n_out, n)`."""
    y, slopes = primal(parameters, activation, softmax, x)
    weight, _ = parameters[-1]
    if softmax:
        factor = weight - (y @ weight)[:, None, :]
        factor *= y[:, :, None]
        factor *= slopes[-1][:, None, :]
    else:
        factor = weight * slopes[-1][:, None, :]
    batch, n_out, _ = factor.shape
    for (weight, _), slope in zip(parameters[-2:0:-1], slopes[-2::-1], strict=True):
        factor = (factor.reshape(batch * n_out, -1) @ weight).reshape(batch, n_out, -1)
        factor *= slope[:, None, :]
    return (factor.reshape(batch * n_out, -1) @ parameters[0][0]).reshape(batch, n_out, -1)


def forward(parameters: Parameters, activation: str, softmax: bool, x: np.ndarray) -> np.ndarray:
    """Accumulate from the input: the factor is `(batch * n_in, n)`, the transpose of the pushed tangents."""
    y, slopes = primal(parameters, activation, softmax, x)
    factor = parameters[0][0].T * slopes[0][:, None, :]
    batch, n_in, _ = factor.shape
    for (weight, _), slope in zip(parameters[1:-1], slopes[1:], strict=True):
        factor = (factor.reshape(batch * n_in, -1) @ weight.T).reshape(batch, n_in, -1)
        factor *= slope[:, None, :]
    factor = (factor.reshape(batch * n_in, -1) @ parameters[-1][0].T).reshape(batch, n_in, -1)
    if softmax:
        factor -= factor @ y[:, :, None]
        factor *= y[:, None, :]
    return factor.swapaxes(1, 2)
