"""The activations whose derivative is continuous."""

import mpmath as mp
import numpy as np
from mpmath import mpf
from scipy import special

from fastjac import layers as fl

from .optional_torch import functional, torch
from .twin import Array, Bend, Twin, clip, tensor


def logistic(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def celu(layer: fl.CELU, x: Array) -> tuple[Array, Array]:
    a = layer.alpha
    return np.where(x > 0, x, a * np.expm1(x / a)), np.where(x > 0, 1.0, np.exp(x / a))


def gelu(layer: fl.GELU, x: Array) -> tuple[Array, Array]:
    if layer.approximate == "none":
        return x * special.ndtr(x), special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    # (1 + tanh(u)) / 2 is sigmoid(2u), which does not cancel for negative u.
    c = np.sqrt(2 / np.pi)
    u, du = c * (x + 0.044715 * x**3), c * (1 + 3 * 0.044715 * x**2)
    sigmoid = special.expit(2 * u)
    return x * sigmoid, sigmoid * (1 + x * special.expit(-2 * u) * 2 * du)


def gated_swish(layer: fl.GatedSwish, x: Array) -> tuple[Array, Array]:
    floor, u = np.asarray(layer.floor, np.float64), layer.beta * x
    gate = floor + (1 - floor) * special.expit(u)
    return x * gate, gate + (1 - floor) * u * special.expit(u) * special.expit(-u)


def mish(layer: fl.Mish, x: Array) -> tuple[Array, Array]:
    softplus = np.logaddexp(0.0, x)
    return x * np.tanh(softplus), np.tanh(softplus) + x * special.expit(x) / np.cosh(softplus) ** 2


def softplus(layer: fl.Softplus, x: Array) -> tuple[Array, Array]:
    linear = layer.beta * x > layer.threshold
    smooth = np.logaddexp(0.0, layer.beta * x) / layer.beta
    return np.where(linear, x, smooth), np.where(linear, 1.0, special.expit(layer.beta * x))


def tanh_shrink(layer: fl.TanhShrink, x: Array) -> tuple[Array, Array]:
    # Below 0.1, x - tanh(x) loses half of its digits and more; its series does not.
    coefficients = [1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925, -21844 / 6081075, 929569 / 638512875]
    series = x**3 * np.polynomial.Polynomial(coefficients)(x**2)
    return np.where(abs(x) < 0.1, series, x - np.tanh(x)), np.tanh(x) ** 2


def square_plus(layer: fl.SquarePlus, x: Array) -> tuple[Array, Array]:
    # (x + r) (r - x) = b: below 0 the second factor does not cancel.
    r = np.sqrt(x**2 + layer.b)
    y = np.where(x > 0, (x + r) / 2, layer.b / (2 * (r - x)))
    return y, y / r


def sparse_plus(layer: fl.SparsePlus, x: Array) -> tuple[Array, Array]:
    middle = abs(x) < 1
    return np.where(middle, (x + 1) ** 2 / 4, np.maximum(x, 0.0)), np.where(middle, (x + 1) / 2, (x >= 1) * 1.0)


TWINS = {
    fl.CELU: Twin(
        layers=[fl.CELU(0.5), fl.CELU(), fl.CELU(2.0)],
        naive=celu,
        torch=lambda layer, x: layer.alpha * functional.elu(x / layer.alpha),
        exact=lambda layer, x: x if x > 0 else layer.alpha * (mp.exp(x / layer.alpha) - 1),
        draws=[lambda rng, n: fl.CELU(rng.uniform(0.5, 1.5))],
        bend=lambda layer: Bend(jumps=(0.0,)),
    ),
    fl.GELU: Twin(
        layers=[fl.GELU(), fl.GELU("tanh")],
        naive=gelu,
        torch=lambda layer, x: functional.gelu(x, approximate=layer.approximate),
        exact=lambda layer, x: (
            x * mp.erfc(-x / mp.sqrt(2)) / 2
            if layer.approximate == "none"
            else x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3)))
        ),
        draws=[lambda rng, n: fl.GELU(), lambda rng, n: fl.GELU("tanh")],
    ),
    fl.SiLU: Twin(
        layers=[fl.SiLU()],
        naive=lambda layer, x: (x * special.expit(x), special.expit(x) * (1 + x * special.expit(-x))),
        torch=lambda layer, x: functional.silu(x),
        exact=lambda layer, x: x * logistic(x),
        draws=[lambda rng, n: fl.SiLU()],
    ),
    fl.GatedSwish: Twin(
        layers=[fl.GatedSwish(0.25, 2.0), fl.GatedSwish(), fl.GatedSwish(1.5, -0.5)],
        naive=gated_swish,
        torch=lambda layer, x: (
            x
            * (
                tensor(layer.floor).to(x.dtype)
                + (1 - tensor(layer.floor).to(x.dtype)) * torch.sigmoid(tensor(layer.beta).to(x.dtype) * x)
            )
        ),
        exact=lambda layer, x: x * (mpf(layer.floor) + (1 - mpf(layer.floor)) * logistic(layer.beta * x)),
        draws=[
            lambda rng, n: fl.GatedSwish(rng.uniform(0.0, 0.5, n), rng.uniform(0.5, 1.5, n)),
            lambda rng, n: fl.GatedSwish(rng.uniform(0.0, 0.5), rng.uniform(0.5, 1.5, n)),
        ],
    ),
    fl.Mish: Twin(
        layers=[fl.Mish()],
        naive=mish,
        torch=lambda layer, x: functional.mish(x),
        exact=lambda layer, x: x * mp.tanh(mp.log(1 + mp.exp(x))),
        draws=[lambda rng, n: fl.Mish()],
    ),
    fl.Tanh: Twin(
        layers=[fl.Tanh()],
        naive=lambda layer, x: (np.tanh(x), 1 / np.cosh(x) ** 2),
        torch=lambda layer, x: torch.tanh(x),
        exact=lambda layer, x: mp.tanh(x),
        draws=[lambda rng, n: fl.Tanh()],
    ),
    fl.Sigmoid: Twin(
        layers=[fl.Sigmoid()],
        naive=lambda layer, x: (special.expit(x), special.expit(x) * special.expit(-x)),
        torch=lambda layer, x: torch.sigmoid(x),
        exact=lambda layer, x: logistic(x),
        draws=[lambda rng, n: fl.Sigmoid()],
    ),
    fl.Softplus: Twin(
        layers=[fl.Softplus(2.0, 20.0), fl.Softplus(), fl.Softplus(2.0, 10.0), fl.Softplus(0.5)],
        naive=softplus,
        torch=lambda layer, x: functional.softplus(x, layer.beta, layer.threshold),
        exact=lambda layer, x: x if layer.beta * x > layer.threshold else mp.log(1 + mp.exp(layer.beta * x)) / layer.beta,
        draws=[lambda rng, n: fl.Softplus(rng.uniform(0.5, 2.0), rng.uniform(15.0, 25.0))],
    ),
    fl.Softsign: Twin(
        layers=[fl.Softsign()],
        naive=lambda layer, x: (x / (1 + abs(x)), 1 / (1 + abs(x)) ** 2),
        torch=lambda layer, x: functional.softsign(x),
        exact=lambda layer, x: x / (1 + abs(x)),
        draws=[lambda rng, n: fl.Softsign()],
        bend=lambda layer: Bend(jumps=(0.0,)),
    ),
    fl.LogSigmoid: Twin(
        layers=[fl.LogSigmoid()],
        naive=lambda layer, x: (-np.logaddexp(0.0, -x), special.expit(-x)),
        torch=lambda layer, x: functional.logsigmoid(x),
        exact=lambda layer, x: mp.log(logistic(x)),
        draws=[lambda rng, n: fl.LogSigmoid()],
    ),
    fl.Exp: Twin(
        layers=[fl.Exp()],
        naive=lambda layer, x: (np.exp(x), np.exp(x)),
        torch=lambda layer, x: torch.exp(x),
        exact=lambda layer, x: mp.exp(x),
        draws=[lambda rng, n: fl.Exp()],
        bend=lambda layer: Bend(limits=(0.0, np.inf)),
    ),
    fl.Erf: Twin(
        layers=[fl.Erf()],
        naive=lambda layer, x: (special.erf(x), 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
        torch=lambda layer, x: torch.erf(x),
        exact=lambda layer, x: mp.erf(x),
        draws=[lambda rng, n: fl.Erf()],
    ),
    fl.TanhShrink: Twin(
        layers=[fl.TanhShrink()],
        naive=tanh_shrink,
        torch=lambda layer, x: functional.tanhshrink(x),
        exact=lambda layer, x: x - mp.tanh(x),
        draws=[lambda rng, n: fl.TanhShrink()],
    ),
    fl.SquarePlus: Twin(
        layers=[fl.SquarePlus(3.0), fl.SquarePlus()],
        naive=square_plus,
        torch=lambda layer, x: (x + torch.sqrt(x**2 + layer.b)) / 2,
        exact=lambda layer, x: (x + mp.sqrt(x * x + layer.b)) / 2,
        draws=[lambda rng, n: fl.SquarePlus(rng.uniform(0.5, 4.0))],
    ),
    fl.SparsePlus: Twin(
        layers=[fl.SparsePlus()],
        naive=sparse_plus,
        torch=lambda layer, x: torch.where(x <= -1, torch.zeros_like(x), torch.where(x < 1, (x + 1) ** 2 / 4, x)),
        exact=lambda layer, x: clip((x + 1) / 2, 0, 1) ** 2 if x < 1 else x,
        draws=[lambda rng, n: fl.SparsePlus()],
        bend=lambda layer: Bend(jumps=(-1.0, 1.0), at_nan=0.0),
    ),
}
