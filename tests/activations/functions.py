"""Elementary functions: powers, logarithm, sine and cosine."""

import mpmath as mp
import numpy as np

from fastjac import layers as fl

from .optional_torch import torch
from .twin import Array, Twin


def power(layer: fl.Power, x: Array) -> tuple[Array, Array]:
    p = layer.exponent
    return x**p, p * x ** (p - 1) if p != 0 else np.zeros_like(x)


TWINS = {
    fl.Sqrt: Twin(
        layers=[fl.Sqrt()],
        naive=lambda layer, x: (np.sqrt(x), 0.5 / np.sqrt(x)),
        torch=lambda layer, x: torch.sqrt(x),
        exact=lambda layer, x: mp.sqrt(x),
        positive=True,
    ),
    fl.Reciprocal: Twin(
        layers=[fl.Reciprocal()],
        naive=lambda layer, x: (1 / x, -1 / x**2),
        torch=lambda layer, x: torch.reciprocal(x),
        exact=lambda layer, x: 1 / x,
    ),
    fl.Power: Twin(
        layers=[fl.Power(), fl.Power(3.0), fl.Power(0.0), fl.Power(1.0), fl.Power(-1.0), fl.Power(-2.0)],
        naive=power,
        torch=lambda layer, x: torch.pow(x, layer.exponent),
        exact=lambda layer, x: x ** int(layer.exponent),
        draws=[lambda rng, n: fl.Power(), lambda rng, n: fl.Power(3.0)],
    ),
    fl.Log: Twin(
        layers=[fl.Log()],
        naive=lambda layer, x: (np.log(x), 1 / x),
        torch=lambda layer, x: torch.log(x),
        exact=lambda layer, x: mp.log(x),
        positive=True,
    ),
    fl.Sin: Twin(
        layers=[fl.Sin()],
        naive=lambda layer, x: (np.sin(x), np.cos(x)),
        torch=lambda layer, x: torch.sin(x),
        exact=lambda layer, x: mp.sin(x),
        draws=[lambda rng, n: fl.Sin()],
    ),
    fl.Cos: Twin(
        layers=[fl.Cos()],
        naive=lambda layer, x: (np.cos(x), -np.sin(x)),
        torch=lambda layer, x: torch.cos(x),
        exact=lambda layer, x: mp.cos(x),
        draws=[lambda rng, n: fl.Cos()],
    ),
}
