"""The naive twin: values and dense Jacobians of a chain of layers, straight from the formulas, in NumPy and float64.

It shares no code with fastjac's kernels and takes no short cut, so it is the oracle of every other test, with `activations`:

- `value(layers, x)` and `jacobian(layers, x)` for x of shape (..., n_in);
- `value_and_derivative(layer, x)` for one elementwise layer;
- `layer_inputs(layers, x)` for what every layer sees.

Formulas are chosen to keep their relative accuracy in the tails. At a kink the derivative is the one torch takes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from fastjac import layers as fl
from fastjac.layers import Activation, Layer
from tests.activations import TWINS

Array = np.ndarray
Pair = tuple[Array, Array]


def value(layers: Sequence[Layer], x: Array) -> Array:
    """y (..., n_out) for x (..., n_in)."""
    return layer_inputs(layers, x)[-1]


def jacobian(layers: Sequence[Layer], x: Array) -> Array:
    """J (..., n_out, n_in) for x (..., n_in): the product of every layer's dense Jacobian, from the input on."""
    x = np.asarray(x, dtype=np.float64)
    accumulated = np.broadcast_to(np.eye(x.shape[-1]), (*x.shape, x.shape[-1]))
    for layer, at in zip(layers, layer_inputs(layers, x), strict=False):
        accumulated = push(layer, at, accumulated)
    return accumulated


def push(layer: Layer, x: Array, tangents: Array) -> Array:
    """The layer's Jacobian at x (..., n) times the tangent matrices (..., n, k)."""
    if isinstance(layer, Activation):
        return value_and_derivative(layer, x)[1][..., :, None] * tangents
    return layer_jacobian(layer, x) @ tangents


def layer_inputs(layers: Sequence[Layer], x: Array) -> list[Array]:
    """The input of every layer, and last the output of the chain."""
    inputs = [np.asarray(x, dtype=np.float64)]
    for layer in layers:
        inputs.append(layer_value(layer, inputs[-1]))
    return inputs


def layer_value(layer: Layer, x: Array) -> Array:
    """The layer's output at x (..., n)."""
    if isinstance(layer, fl.Affine):
        bias = 0.0 if layer.bias is None else layer.bias.astype(np.float64)
        return x @ layer.weight.astype(np.float64).T + bias
    if isinstance(layer, Activation):
        return value_and_derivative(layer, x)[0]
    return NORMALIZERS[type(layer)](layer, x)[0]


def layer_jacobian(layer: Layer, x: Array) -> Array:
    """The layer's dense Jacobian at x (..., n)."""
    if isinstance(layer, fl.Affine):
        return np.broadcast_to(layer.weight.astype(np.float64), (*x.shape[:-1], *layer.weight.shape))
    if isinstance(layer, Activation):
        return _diagonal(value_and_derivative(layer, x)[1])
    return NORMALIZERS[type(layer)](layer, x)[1]


def value_and_derivative(layer: Activation, x: Array) -> Pair:
    """y and dy/dx of an elementwise layer, both of the shape of x."""
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):
        y, derivative = TWINS[type(layer)].naive(layer, x)
    return y, np.broadcast_to(derivative, x.shape)


def _diagonal(d: Array) -> Array:
    """The diagonal matrices of the vectors in the last axis of d."""
    return d[..., :, None] * np.eye(d.shape[-1])


def softmax(layer: fl.Softmax, x: Array) -> Pair:
    s = special.softmax(x, axis=-1)
    return s, _diagonal(s) - s[..., :, None] * s[..., None, :]


def log_softmax(layer: fl.LogSoftmax, x: Array) -> Pair:
    s = special.softmax(x, axis=-1)
    return special.log_softmax(x, axis=-1), np.eye(x.shape[-1]) - s[..., None, :]


def sparsemax(layer: fl.Sparsemax, x: Array) -> Pair:
    """The support is the longest run of the sorted z with 1 + k z_k > z_1 + ... + z_k (Martins & Astudillo 2016)."""
    n = x.shape[-1]
    descending = -np.sort(-x, axis=-1)
    sums = np.cumsum(descending, axis=-1)
    k = np.sum(1 + np.arange(1, n + 1) * descending > sums, axis=-1, keepdims=True)
    y = np.maximum(x - (np.take_along_axis(sums, k - 1, axis=-1) - 1) / k, 0.0)
    support = (y > 0) * 1.0
    return y, _diagonal(support) - support[..., :, None] * support[..., None, :] / support.sum(axis=-1)[..., None, None]


def layer_norm(layer: fl.LayerNorm, x: Array) -> Pair:
    n = x.shape[-1]
    weight = np.ones(n) if layer.weight is None else layer.weight.astype(np.float64)
    bias = np.zeros(n) if layer.bias is None else layer.bias.astype(np.float64)
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + layer.eps)
    z = (x - x.mean(axis=-1, keepdims=True)) / deviation
    projector = np.eye(n) - 1 / n - z[..., :, None] * z[..., None, :] / n
    return weight * z + bias, weight[:, None] * projector / deviation[..., None]


NORMALIZERS: dict[type[Layer], Callable[..., Pair]] = {
    fl.Softmax: softmax,
    fl.LogSoftmax: log_softmax,
    fl.Sparsemax: sparsemax,
    fl.LayerNorm: layer_norm,
}
