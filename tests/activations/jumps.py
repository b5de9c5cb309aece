"""The activations that jump: roundings and remainders."""

import mpmath as mp
import numpy as np

from fastjac import layers as fl

from .optional_torch import torch
from .twin import Twin

REMAINDERS = {"floor": (np.remainder, "remainder", mp.floor), "trunc": (np.fmod, "fmod", lambda x: mp.sign(x) * mp.floor(abs(x)))}
"""By NumPy, by torch's name, and the rounding of the quotient by mpmath."""

TWINS = {
    fl.Floor: Twin(
        layers=[fl.Floor()],
        naive=lambda layer, x: (np.floor(x), np.zeros_like(x)),
        torch=lambda layer, x: torch.floor(x),
        exact=lambda layer, x: mp.floor(x),
    ),
    fl.Ceil: Twin(
        layers=[fl.Ceil()],
        naive=lambda layer, x: (np.ceil(x), np.zeros_like(x)),
        torch=lambda layer, x: torch.ceil(x),
        exact=lambda layer, x: mp.ceil(x),
    ),
    fl.Round: Twin(
        layers=[fl.Round()],
        naive=lambda layer, x: (np.round(x), np.zeros_like(x)),
        torch=lambda layer, x: torch.round(x),
        exact=lambda layer, x: mp.nint(x),
    ),
    fl.Remainder: Twin(
        layers=[fl.Remainder(-0.75), fl.Remainder(2.5, "trunc"), fl.Remainder(3.0), fl.Remainder()],
        naive=lambda layer, x: (REMAINDERS[layer.rounding][0](x, layer.divisor), np.ones_like(x)),
        torch=lambda layer, x: getattr(torch, REMAINDERS[layer.rounding][1])(x, layer.divisor),
        exact=lambda layer, x: x - layer.divisor * REMAINDERS[layer.rounding][2](x / layer.divisor),
    ),
}
