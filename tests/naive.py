"""The naive twin: values and dense Jacobians of a chain of layers, straight from the formulas, in NumPy and float64.

It shares no code with fastjac's kernels and takes no short cut, so it is the oracle of every other test:

- `value(layers, x)` and `jacobian(layers, x)` for x of shape (..., n_in);
- `value_and_derivative(layer, x)` for one elementwise layer;
- `layer_inputs(layers, x)` for what every layer sees.

Formulas are chosen to keep their relative accuracy in the tails. At a kink the derivative is the one torch takes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from fastjac import layers as fl
from fastjac.layers import Elementwise, Layer

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
    if isinstance(layer, Elementwise):
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
    if isinstance(layer, Elementwise):
        return value_and_derivative(layer, x)[0]
    return NORMALIZERS[type(layer)](layer, x)[0]


def layer_jacobian(layer: Layer, x: Array) -> Array:
    """The layer's dense Jacobian at x (..., n)."""
    if isinstance(layer, fl.Affine):
        return np.broadcast_to(layer.weight.astype(np.float64), (*x.shape[:-1], *layer.weight.shape))
    if isinstance(layer, Elementwise):
        return _diagonal(value_and_derivative(layer, x)[1])
    return NORMALIZERS[type(layer)](layer, x)[1]


def value_and_derivative(layer: Elementwise, x: Array) -> Pair:
    """y and dy/dx of an elementwise layer, both of the shape of x."""
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):
        y, derivative = ELEMENTWISE[type(layer)](layer, x)
    return y, np.broadcast_to(derivative, x.shape)


def _diagonal(d: Array) -> Array:
    """The diagonal matrices of the vectors in the last axis of d."""
    return d[..., :, None] * np.eye(d.shape[-1])


def relu(layer: fl.ReLU, x: Array) -> Pair:
    return np.maximum(x, 0.0), ~(x <= 0.0) * 1.0


def leaky_relu(layer: fl.LeakyReLU, x: Array) -> Pair:
    return np.where(x > 0, x, layer.negative_slope * x), np.where(x > 0, 1.0, layer.negative_slope)


def prelu(layer: fl.PReLU, x: Array) -> Pair:
    return np.where(x > 0, x, layer.weight * x), np.where(x > 0, 1.0, layer.weight)


def relu6(layer: fl.ReLU6, x: Array) -> Pair:
    return np.clip(x, 0.0, 6.0), ((x > 0.0) & (x < 6.0)) * 1.0


def hard_tanh(layer: fl.HardTanh, x: Array) -> Pair:
    return np.clip(x, layer.min_val, layer.max_val), ((x > layer.min_val) & (x < layer.max_val)) * 1.0


def clamp(layer: fl.Clamp, x: Array) -> Pair:
    return np.clip(x, layer.min_val, layer.max_val), ((x >= layer.min_val) & (x <= layer.max_val)) * 1.0


def elu(layer: fl.ELU, x: Array) -> Pair:
    return np.where(x > 0, x, layer.alpha * np.expm1(x)), np.where(x > 0, 1.0, layer.alpha * np.exp(x))


def selu(layer: fl.SELU, x: Array) -> Pair:
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * np.where(x > 0, x, alpha * np.expm1(x)), scale * np.where(x > 0, 1.0, alpha * np.exp(x))


def celu(layer: fl.CELU, x: Array) -> Pair:
    a = layer.alpha
    return np.where(x > 0, x, a * np.expm1(x / a)), np.where(x > 0, 1.0, np.exp(x / a))


def gelu(layer: fl.GELU, x: Array) -> Pair:
    if layer.approximate == "none":
        return x * special.ndtr(x), special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    # (1 + tanh(u)) / 2 is sigmoid(2u), which does not cancel for negative u.
    c = np.sqrt(2 / np.pi)
    u, du = c * (x + 0.044715 * x**3), c * (1 + 3 * 0.044715 * x**2)
    sigmoid = special.expit(2 * u)
    return x * sigmoid, sigmoid * (1 + x * special.expit(-2 * u) * 2 * du)


def silu(layer: fl.SiLU, x: Array) -> Pair:
    return x * special.expit(x), special.expit(x) * (1 + x * special.expit(-x))


def mish(layer: fl.Mish, x: Array) -> Pair:
    softplus = np.logaddexp(0.0, x)
    return x * np.tanh(softplus), np.tanh(softplus) + x * special.expit(x) / np.cosh(softplus) ** 2


def tanh(layer: fl.Tanh, x: Array) -> Pair:
    return np.tanh(x), 1 / np.cosh(x) ** 2


def sigmoid(layer: fl.Sigmoid, x: Array) -> Pair:
    return special.expit(x), special.expit(x) * special.expit(-x)


def hard_sigmoid(layer: fl.HardSigmoid, x: Array) -> Pair:
    return np.clip(x / 6 + 0.5, 0.0, 1.0), np.where(abs(x) < 3, 1 / 6, 0.0)


def hard_swish(layer: fl.HardSwish, x: Array) -> Pair:
    inside = np.where(x < 3, x / 3 + 0.5, 1.0)
    return x * np.clip(x / 6 + 0.5, 0.0, 1.0), np.where(x > -3, inside, 0.0)


def softplus(layer: fl.Softplus, x: Array) -> Pair:
    linear = layer.beta * x > layer.threshold
    smooth = np.logaddexp(0.0, layer.beta * x) / layer.beta
    return np.where(linear, x, smooth), np.where(linear, 1.0, special.expit(layer.beta * x))


def softsign(layer: fl.Softsign, x: Array) -> Pair:
    return x / (1 + abs(x)), 1 / (1 + abs(x)) ** 2


def log_sigmoid(layer: fl.LogSigmoid, x: Array) -> Pair:
    return -np.logaddexp(0.0, -x), special.expit(-x)


def exp(layer: fl.Exp, x: Array) -> Pair:
    return np.exp(x), np.exp(x)


def hard_shrink(layer: fl.HardShrink, x: Array) -> Pair:
    dead = abs(x) <= layer.lambd
    return np.where(dead, 0.0, x), (abs(x) > layer.lambd) * 1.0


def soft_shrink(layer: fl.SoftShrink, x: Array) -> Pair:
    dead = abs(x) <= layer.lambd
    return np.where(dead, 0.0, x - layer.lambd * np.sign(x)), (abs(x) > layer.lambd) * 1.0


def tanh_shrink(layer: fl.TanhShrink, x: Array) -> Pair:
    # Below 0.1, x - tanh(x) loses half of its digits and more; its series does not.
    coefficients = [1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925, -21844 / 6081075, 929569 / 638512875]
    series = x**3 * np.polynomial.Polynomial(coefficients)(x**2)
    return np.where(abs(x) < 0.1, series, x - np.tanh(x)), np.tanh(x) ** 2


def threshold(layer: fl.Threshold, x: Array) -> Pair:
    dead = x <= layer.threshold
    return np.where(dead, layer.value, x), np.where(dead, 0.0, 1.0)


def square_plus(layer: fl.SquarePlus, x: Array) -> Pair:
    # (x + r) (r - x) = b: below 0 the second factor does not cancel.
    r = np.sqrt(x**2 + layer.b)
    y = np.where(x > 0, (x + r) / 2, layer.b / (2 * (r - x)))
    return y, y / r


def sparse_plus(layer: fl.SparsePlus, x: Array) -> Pair:
    middle = abs(x) < 1
    return np.where(middle, (x + 1) ** 2 / 4, np.maximum(x, 0.0)), np.where(middle, (x + 1) / 2, (x >= 1) * 1.0)


def sparse_sigmoid(layer: fl.SparseSigmoid, x: Array) -> Pair:
    return np.clip((x + 1) / 2, 0.0, 1.0), np.where(abs(x) < 1, 0.5, 0.0)


def scale(layer: fl.Scale, x: Array) -> Pair:
    return layer.weight * x + layer.bias, np.asarray(layer.weight)


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


ELEMENTWISE: dict[type[Layer], Callable[..., Pair]] = {
    fl.ReLU: relu,
    fl.LeakyReLU: leaky_relu,
    fl.PReLU: prelu,
    fl.ReLU6: relu6,
    fl.ELU: elu,
    fl.SELU: selu,
    fl.CELU: celu,
    fl.GELU: gelu,
    fl.SiLU: silu,
    fl.Mish: mish,
    fl.Tanh: tanh,
    fl.Sigmoid: sigmoid,
    fl.HardTanh: hard_tanh,
    fl.Clamp: clamp,
    fl.HardSigmoid: hard_sigmoid,
    fl.HardSwish: hard_swish,
    fl.Softplus: softplus,
    fl.Softsign: softsign,
    fl.LogSigmoid: log_sigmoid,
    fl.Exp: exp,
    fl.HardShrink: hard_shrink,
    fl.SoftShrink: soft_shrink,
    fl.TanhShrink: tanh_shrink,
    fl.Threshold: threshold,
    fl.SquarePlus: square_plus,
    fl.SparsePlus: sparse_plus,
    fl.SparseSigmoid: sparse_sigmoid,
    fl.Scale: scale,
}
NORMALIZERS: dict[type[Layer], Callable[..., Pair]] = {
    fl.Softmax: softmax,
    fl.LogSoftmax: log_softmax,
    fl.Sparsemax: sparsemax,
    fl.LayerNorm: layer_norm,
}
