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
"""How far apart two right evaluations of one network may be, relative to the sample's largest entry."""
MOST_PARTED = 1
"""Samples that may part. One may lie where rounding decides on which side of a jump it falls, two of them hardly do."""
REMEDY = (
    "its code (such as a test by isinstance or type), a hook or a changed class does what fastjac cannot see; take that out, or "
    "build fastjac.Network([...])"
)

Evaluate = Callable[[np.ndarray], np.ndarray]
"""From samples `(n, n_in)` of the network's dtype what the live model computes, in any shape of `n * n_out` entries."""
Pull = Callable[[np.ndarray, np.ndarray], np.ndarray | None]
"""From such samples and a cotangent `u (n_out,)` the model's `u J (n, n_in)`; None where it gives no derivative."""


class Evaluated(Protocol):
    """A network, or something else that was read off a model and that gives a network's values and derivatives."""

    @property
    def n_in(self) -> int: ...
    @property
    def n_out(self) -> int: ...
    @property
    def dtype(self) -> np.dtype: ...

    def vjp(self, x: np.ndarray, u: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]: ...


def check_agreement(network: Evaluated, evaluate: Evaluate, model: str, pull: Pull | None = None) -> None:
    """Raise UnsupportedLayerError where values, or derivatives, part from the live model's at random inputs.

    The inputs are the same at every call. `model` names the live model in the message. Derivatives are compared where `pull`
    is given.
    """
    rng = np.random.default_rng(0)
    spreads = np.resize(SPREADS, N_SAMPLES)[:, None]
    x = (spreads * rng.standard_normal((N_SAMPLES, network.n_in))).astype(network.dtype)
    u = rng.standard_normal(network.n_out).astype(network.dtype)
    with np.errstate(all="ignore"):
        y, cotangents = network.vjp(x, u, threads=1)
        _check(y, np.asarray(evaluate(x)), f"{model} computes something else than the network read off it")
        theirs = None if pull is None else pull(x, u)
    if theirs is not None:
        _check(cotangents, theirs, f"{model} has another derivative than the network read off it, though the same values")


def _check(ours: np.ndarray, theirs: np.ndarray, fault: str) -> None:
    if theirs.size != ours.size:
        raise UnsupportedLayerError(
            f"{fault}: an array of shape {theirs.shape} for a batch of {len(ours)} samples, instead of {ours.shape}; {REMEDY}"
        )
    if theirs.dtype.kind != "f":
        raise UnsupportedLayerError(f"{fault}: results of type {theirs.dtype} instead of {ours.dtype}; {REMEDY}")
    theirs = theirs.reshape(ours.shape)
    parted = _parted(ours.astype(np.float64), theirs.astype(np.float64), TOLERANCES[ours.dtype])
    if np.count_nonzero(parted) > MOST_PARTED:
        worst = int(np.argmax(parted))
        raise UnsupportedLayerError(
            f"{fault}: {_first(theirs[worst])} instead of {_first(ours[worst])} at one of {len(ours)} random inputs; {REMEDY}"
        )


def _parted(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> np.ndarray:
    """For each sample whether any entry differs; nan equals nan, and an infinity itself."""
    finite = np.isfinite(ours) & np.isfinite(theirs)
    scales = np.max(np.abs(ours), axis=-1, where=finite, initial=0.0, keepdims=True)
    # Entries that nearly cancel, in a sample or in all of them, keep the rounding of what they are the difference of.
    scales = scales + 1e-3 * np.max(scales) + 1e-6
    with np.errstate(all="ignore"):
        near = np.abs(ours - theirs) <= tolerance * scales
    same = np.where(finite, near, (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
    return ~same.all(axis=-1)


def _first(values: np.ndarray) -> str:
    return np.array2string(values[:3], precision=4) + (" ..." if len(values) > 3 else "")
