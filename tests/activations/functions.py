"""Elementary functions: powers, logarithm, trigonometric and hyperbolic functions and their inverses."""

import mpmath as mp
import numpy as np

from fastjac import layers as fl

from .optional_torch import torch
from .twin import Array, Bend, Twin


def power(layer: fl.Power, x: Array) -> tuple[Array, Array]:
    p = layer.exponent
    return x**p, p * x ** (p - 1) if p != 0 else np.zeros_like(x)


def within(x: Array) -> Array:
    """Numbers between -1 and 1."""
    return x / (1 + abs(x))


TWINS = {
    fl.Sqrt: Twin(
        layers=[fl.Sqrt()],
        naive=lambda layer, x: (np.sqrt(x), 0.5 / np.sqrt(x)),
        torch=lambda layer, x: torch.sqrt(x),
        exact=lambda layer, x: mp.sqrt(x),
        domain=np.abs,
        bend=lambda layer: Bend(limits=(np.nan, 0.0)),
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
        bend=lambda layer: Bend(limits=(2.0, 2.0), at_nan=2.0) if layer.exponent == 2.0 else Bend(limits=(-np.inf, np.inf)),
    ),
    fl.Log: Twin(
        layers=[fl.Log()],
        naive=lambda layer, x: (np.log(x), 1 / x),
        torch=lambda layer, x: torch.log(x),
        exact=lambda layer, x: mp.log(x),
        domain=np.abs,
    ),
    fl.Sin: Twin(
        layers=[fl.Sin()],
        naive=lambda layer, x: (np.sin(x), np.cos(x)),
        torch=lambda layer, x: torch.sin(x),
        exact=lambda layer, x: mp.sin(x),
        draws=[lambda rng, n: fl.Sin()],
        bend=lambda layer: Bend(limits=(np.nan, np.nan)),
    ),
    fl.Cos: Twin(
        layers=[fl.Cos()],
        naive=lambda layer, x: (np.cos(x), -np.sin(x)),
        torch=lambda layer, x: torch.cos(x),
        exact=lambda layer, x: mp.cos(x),
        draws=[lambda rng, n: fl.Cos()],
        bend=lambda layer: Bend(limits=(np.nan, np.nan)),
    ),
    fl.Tan: Twin(
        layers=[fl.Tan()],
        naive=lambda layer, x: (np.tan(x), 1 / np.cos(x) ** 2),
        torch=lambda layer, x: torch.tan(x),
        exact=lambda layer, x: mp.tan(x),
        bend=lambda layer: Bend(limits=(np.nan, np.nan)),
    ),
    fl.Asin: Twin(
        layers=[fl.Asin()],
        naive=lambda layer, x: (np.arcsin(x), 1 / np.sqrt((1 - x) * (1 + x))),
        torch=lambda layer, x: torch.asin(x),
        exact=lambda layer, x: mp.asin(x),
        domain=within,
        bend=lambda layer: Bend(limits=(np.nan, np.nan)),
    ),
    fl.Acos: Twin(
        layers=[fl.Acos()],
        naive=lambda layer, x: (np.arccos(x), -1 / np.sqrt((1 - x) * (1 + x))),
        torch=lambda layer, x: torch.acos(x),
        exact=lambda layer, x: mp.acos(x),
        domain=within,
        bend=lambda layer: Bend(limits=(np.nan, np.nan)),
    ),
    fl.Atan: Twin(
        layers=[fl.Atan()],
        naive=lambda layer, x: (np.arctan(x), 1 / (1 + x**2)),
        torch=lambda layer, x: torch.atan(x),
        exact=lambda layer, x: mp.atan(x),
    ),
    fl.Sinh: Twin(
        layers=[fl.Sinh()],
        naive=lambda layer, x: (np.sinh(x), np.cosh(x)),
        torch=lambda layer, x: torch.sinh(x),
        exact=lambda layer, x: mp.sinh(x),
        bend=lambda layer: Bend(limits=(-np.inf, np.inf)),
    ),
    fl.Cosh: Twin(
        layers=[fl.Cosh()],
        naive=lambda layer, x: (np.cosh(x), np.sinh(x)),
        torch=lambda layer, x: torch.cosh(x),
        exact=lambda layer, x: mp.cosh(x),
        bend=lambda layer: Bend(limits=(np.inf, np.inf)),
    ),
    fl.Asinh: Twin(
        layers=[fl.Asinh()],
        naive=lambda layer, x: (np.arcsinh(x), 1 / np.hypot(x, 1)),
        torch=lambda layer, x: torch.asinh(x),
        exact=lambda layer, x: mp.asinh(x),
    ),
    fl.Acosh: Twin(
        layers=[fl.Acosh()],
        naive=lambda layer, x: (np.arccosh(x), 1 / np.sqrt((x - 1) * (x + 1))),
        torch=lambda layer, x: torch.acosh(x),
        exact=lambda layer, x: mp.acosh(x),
        domain=lambda x: 1 + abs(x),
    ),
    fl.Atanh: Twin(
        layers=[fl.Atanh()],
        naive=lambda layer, x: (np.arctanh(x), 1 / ((1 - x) * (1 + x))),
        torch=lambda layer, x: torch.atanh(x),
        exact=lambda layer, x: mp.atanh(x),
        domain=within,
    ),
}
