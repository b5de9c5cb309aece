"""What tests know of an activation, all in one place: its twins, and layers to try it with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mpmath import mpf

from fastjac.layers import Activation, Layer

from .optional_torch import torch

Array = np.ndarray


@dataclass(frozen=True)
class Bend:
    """What is to be known of a bend, the second derivative, at the edges.

    limits : at -inf and inf.
    at_nan : what comparisons choose there, where they choose a constant.
    jumps : where it jumps, besides the layer's own kinks.
    """

    limits: tuple[float, float] = (0.0, 0.0)
    at_nan: float = np.nan
    jumps: tuple[float, ...] = ()


@dataclass(frozen=True)
class Twin:
    """An activation by other means than fastjac's, none of which shares code with it.

    layers : the activation with the options that it is tested with. Of those that share a rule, the kernels are tested with the
        first. Where exp is taken of x times an option, that is a power of 2: else the rounding of the product would show.
    naive : `(layer, x) -> (y, dy/dx)` in NumPy and float64, accurate in the tails too; at a kink the derivative torch takes.
    torch : `(layer, x) -> y`, which torch differentiates: its own function, where it has one.
    exact : `(layer, x) -> y` in mpmath, as it stands in the textbooks.
    domain : where it is not defined for every input, brings any x to where it is.
    bend : `(layer) -> Bend`, where it is not the usual one.
    draws : `(rng, n) -> layer` of n units for networks drawn at random; none where it is not defined for every input, and where
        another that is drawn stands for it.
    """

    layers: Sequence[Activation]
    naive: Callable[..., tuple[Array, Array]]
    torch: Callable[..., torch.Tensor]
    exact: Callable[..., mpf]
    domain: Callable[[Array], Array] | None = None
    bend: Callable[..., Bend] = lambda layer: Bend()
    draws: Sequence[Callable[[np.random.Generator, int], Layer]] = ()


def tensor(array: np.ndarray | float) -> torch.Tensor:
    """A float64 copy of an array or a number."""
    return torch.tensor(np.array(array, dtype=np.float64))


def clip(x: mpf, low: float, high: float) -> mpf:
    """x between two bounds."""
    return min(max(x, low), high)


def ramp(x: torch.Tensor, end: float) -> torch.Tensor:
    """0 up to -end, 1 from end on, a straight line between."""
    return torch.where(x <= -end, torch.zeros_like(x), torch.where(x >= end, torch.ones_like(x), x / (2 * end) + 0.5))
