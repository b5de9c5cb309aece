"""The cost of an activation that is written as a formula: the time of a Jacobian beside that with fastjac's own layer."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

import fastjac as fj

from .common import DTYPES, NETWORKS
from .timing import Effort, interleaved

NAME, BATCH = "dynamics", 64
UNITS = {"g": np.full(64, 0.3), "b": np.ones(64)}
PAIRS = {
    "silu": (fj.SiLU(), fj.Formula("x * sigmoid(x)")),
    "gate": (fj.GatedSwish(UNITS["g"], UNITS["b"]), fj.Formula("x * (g + (1 - g) * sigmoid(b * x))", **UNITS)),
    "tanh": (fj.Tanh(), fj.Formula("tanh(x)")),
    "sin": (fj.Sin(), fj.Formula("sin(x)")),
}
"""Pairs of a layer of fastjac and the formula of the same function."""


def network_with(layer: fj.Layer, dtype: str) -> fj.Network:
    """The dynamics network with another activation."""
    affines = [fj.Affine(weight, bias) for weight, bias in NETWORKS[NAME].parameters(dtype)]
    layers = [part for first, _ in pairwise(affines) for part in (first, layer)]
    return fj.Network([*layers, affines[-1]], dtype=dtype)


def relative_time(name: str, dtype: str, effort: Effort) -> float:
    """Time with the formula over time with fastjac's own layer, on one thread."""
    x = NETWORKS[NAME].inputs(BATCH, dtype)
    own, formula = (partial(network_with(layer, dtype).jacobian, x, threads=1) for layer in PAIRS[name])
    seconds = interleaved({"own": own, "formula": formula}, effort)
    return seconds["formula"] / seconds["own"]


class Formulas:
    """Time with a formula over time with fastjac's own layer."""

    timeout = 120.0
    param_names = ("activation", "dtype")
    params = (tuple(PAIRS), DTYPES)
    unit = "times as long"

    def track_relative_time(self, activation: str, dtype: str) -> float:
        return relative_time(activation, dtype, Effort(rounds=15, seconds=2.0))
