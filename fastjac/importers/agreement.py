"""Compare the network that was read off a live model with what the model itself computes.

An importer reads what a model declares: its classes, options and weights. A model may compute something else, by ways that
no importer can list. So each importer of live models ends here, at a few random inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..errors import UnsupportedLayerError

N_SAMPLES = 12
SPREADS = (0.3, 3.0, 30.0)
"""Standard deviations of the inputs: small ones for what is smooth, large ones for bounds and kinks far from 0."""
TOLERANCES = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-6}
"""How far apart two right evaluations of one network may be, relative to the largest output of the sample."""
MOST_PARTED = 1
"""Samples that may part. One may lie where rounding decides on which side of a jump it falls, two of them hardly do."""
REMEDY = "its code, a hook or a changed class does what fastjac cannot see; take that out, or build fastjac.Network([...])"

Evaluate = Callable[[np.ndarray], np.ndarray]
"""From samples `(n, n_in)` of the network's dtype what the live model computes, in any shape of `n * n_out` entries."""


class Evaluated(Protocol):
    """A network, or something else that was read off a model and that gives a network's values."""

    @property
    def n_in(self) -> int: ...
    @property
    def n_out(self) -> int: ...
    @property
    def dtype(self) -> np.dtype: ...

    def __call__(self, x: np.ndarray, *, threads: int | None = None) -> np.ndarray: ...


def check_agreement(network: Evaluated, evaluate: Evaluate, model: str) -> None:
    """Raise UnsupportedLayerError where the network's values part from the live model's at random inputs.

    The inputs are the same at every call. `model` names the live model in the message.
    """
    x = _inputs(network.n_in).astype(network.dtype)
    with np.errstate(all="ignore"):
        ours = network(x, threads=1).astype(np.float64)
        theirs = np.asarray(evaluate(x))
    if theirs.size != ours.size:
        raise UnsupportedLayerError(
            f"{model} gives outputs of shape {theirs.shape} for {len(x)} samples of {network.n_in} inputs, while the network "
            f"read off it has {network.n_out} outputs a sample; {REMEDY}"
        )
    parted = _parted(ours, theirs.reshape(ours.shape).astype(np.float64), TOLERANCES[network.dtype])
    if np.count_nonzero(parted) > MOST_PARTED:
        worst = int(np.argmax(parted))
        raise UnsupportedLayerError(
            f"{model} computes something else than the network read off it: {_first(theirs.reshape(ours.shape)[worst])} "
            f"instead of {_first(ours[worst])} at one of {len(x)} random inputs; {REMEDY}"
        )


def _inputs(n_in: int) -> np.ndarray:
    normal = np.random.default_rng(0).standard_normal((N_SAMPLES, n_in))
    return normal * np.resize(SPREADS, N_SAMPLES)[:, None]


def _parted(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> np.ndarray:
    """For each sample whether any output differs; nan equals nan, and an infinity itself."""
    finite = np.isfinite(ours) & np.isfinite(theirs)
    scale = np.max(np.abs(ours), axis=-1, where=finite, initial=0.0, keepdims=True)
    with np.errstate(all="ignore"):
        near = np.abs(ours - theirs) <= tolerance * (1e-3 + scale)
    same = np.where(finite, near, (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
    return ~same.all(axis=-1)


def _first(values: np.ndarray) -> str:
    return np.array2string(values[:3], precision=4) + (" ..." if len(values) > 3 else "")
