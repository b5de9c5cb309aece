"""Compare the network that was read off a live model with what the model itself computes.

An importer reads what a model declares: its classes, options and weights. A model may compute something else, by ways that
no importer can list. So each importer of live models ends here, at a few random inputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from ..errors import UnsupportedLayerError
from ..network import Network

N_SAMPLES = 12
SPREADS = (0.3, 3.0, 30.0)
"""Standard deviations of the inputs: small ones for what is smooth, large ones for bounds and kinks far from 0."""
TOLERANCES = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-6}
"""How far apart two right evaluations of one network may be, relative to the largest output of the sample."""
LARGEST = 1e37
"""Beyond this a model may overflow that computes in less precision than the network, or in another order."""
MOST_PARTED = 1
"""Samples that may part. One may lie where rounding decides on which side of a jump it falls, two of them hardly do."""
REMEDY = "its code, a hook or a changed class does what fastjac cannot see; take that out, or build fastjac.Network([...])"

Evaluate = Callable[[np.ndarray], np.ndarray]
"""From samples `(n, n_in)` of the network's dtype what the live model computes, in any shape of `n * n_out` entries."""


def check_agreement(
    network: Network, evaluate: Evaluate, model: str, tolerance: float | None = None, whole_numbers: bool = False
) -> None:
    """Raise UnsupportedLayerError where the network's values part from the live model's at random inputs, or it has none.

    The inputs are the same at every call.

    model : names the live model in the message.
    tolerance : takes the place of TOLERANCES where the live model computes in less precision than the network.
    whole_numbers : for a model that takes nothing else, the inputs are some from 0 to 100.
    """
    x = _inputs(network.n_in).astype(network.dtype)
    if whole_numbers:
        x = np.minimum(np.floor(np.abs(x)), 100)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = network(x, threads=1).astype(np.float64)
        theirs = _evaluated(evaluate, x, model)
    if theirs.size != ours.size:
        raise UnsupportedLayerError(
            f"{model} gives outputs of shape {theirs.shape} for {len(x)} samples of {network.n_in} inputs, while the network "
            f"read off it has {network.n_out} outputs a sample; {REMEDY}"
        )
    parted = _parted(ours, theirs.reshape(ours.shape).astype(np.float64), tolerance or TOLERANCES[network.dtype])
    if np.count_nonzero(parted) > MOST_PARTED:
        worst = int(np.argmax(parted))
        raise UnsupportedLayerError(
            f"{model} computes something else than the network read off it: {_first(theirs.reshape(ours.shape)[worst])} "
            f"instead of {_first(ours[worst])} at one of {len(x)} random inputs; {REMEDY}"
        )


def _evaluated(evaluate: Evaluate, x: np.ndarray, model: str) -> np.ndarray:
    try:
        return np.asarray(evaluate(x))
    except Exception as error:  # whatever the model's own code raises
        raise UnsupportedLayerError(
            f"{model} cannot be evaluated at {len(x)} random inputs, so that it cannot be compared with the network read off it: "
            f"{type(error).__name__}: {error!s:.500}; {REMEDY}"
        ) from error


def _inputs(n_in: int) -> np.ndarray:
    normal = np.random.default_rng(0).standard_normal((N_SAMPLES, n_in))
    return normal * np.resize(SPREADS, N_SAMPLES)[:, None]


def _parted(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> np.ndarray:
    """For each sample whether any output differs; nan equals nan, and an infinity itself."""
    finite = np.isfinite(ours) & np.isfinite(theirs)
    scale = np.max(np.abs(ours), axis=-1, where=finite, initial=0.0, keepdims=True)
    with np.errstate(all="ignore"):
        near = np.abs(ours - theirs) <= tolerance * (1e-3 + scale)
    overflown = ~np.isfinite(theirs) & (np.abs(ours) > LARGEST)
    same = np.where(finite, near, (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)) | overflown)
    return ~same.all(axis=-1)


def _first(values: np.ndarray) -> str:
    return np.array2string(values[:3], precision=4) + (" ..." if len(values) > 3 else "")
