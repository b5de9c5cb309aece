"""Compare the network that was read off a live model with what the model itself computes.

An importer reads what a model declares: its classes, options and weights. A model may compute something else, in ways that
no importer can list. So each importer of live models ends with this comparison, at a few random inputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import FastjacError, UnsupportedLayerError
from ..network import Network

N_SAMPLES = 12
SPREADS = (0.3, 3.0, 30.0)
"""Standard deviations of the inputs: small ones test smooth functions, large ones reach bounds and kinks far from 0."""
TOLERANCES = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-6}
"""How far apart two correct evaluations of one network may be, relative to the sample's largest entry."""
LARGEST = 1e37
"""Beyond this value, a model that computes in less precision than the network, or in another order, may overflow."""
NEIGHBOURS = 4
"""At how many inputs beside each sample derivatives that differ are computed again, to see how far rounding alone moves them."""
ROUNDINGS = 8
"""How many times as far as rounding was seen to move them derivatives may lie apart."""
MOST_PARTED = 1
"""How many samples may differ. Rounding may decide on which side of a jump one sample falls; it hardly does so for two."""
REMEDY = (
    "its code (such as a test by isinstance or type), a hook or a changed class does what fastjac cannot see; take that out, or "
    "build fastjac.Network([...])"
)

Evaluate = Callable[[np.ndarray], np.ndarray]
"""Takes samples `(n, n_in)` of the network's dtype; gives what the live model computes, in any shape of `n * n_out` entries."""
Pull = Callable[[np.ndarray, np.ndarray], np.ndarray | None]
"""Takes such samples and a cotangent `u (n_out,)`; gives the model's `u J (n, n_in)`, or None where it has no derivative."""


class Evaluated(Protocol):
    """What was read off a model. Like a network it gives values and derivatives, but all inputs are one vector, and all outputs.

    inputs : the size of each input.
    """

    @property
    def inputs(self) -> tuple[int, ...]: ...
    @property
    def n_in(self) -> int: ...
    @property
    def n_out(self) -> int: ...
    @property
    def dtype(self) -> np.dtype: ...

    def vjp(self, x: np.ndarray, u: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]: ...


class Flat:
    """A network that takes all inputs of a sample as one vector, one input after another, and gives its outputs likewise."""

    def __init__(self, network: Network) -> None:
        self.inputs, self.n_in, self.n_out, self.dtype = network.inputs, network.n_in, network.n_out, network.dtype
        self._network = network

    def vjp(self, x: np.ndarray, u: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The values at `x (n, n_in)`, and the Jacobians multiplied by `u (n_out,)`."""
        network = self._network
        y, cotangents = network.vjp(_split(x, network.inputs), _split(u, network.outputs), threads=threads)
        return _joined(y), _joined(cotangents)


def _split(array: np.ndarray, sizes: Sequence[int]) -> Any:
    """The entries of each vector along the last axis; the array itself for a single one."""
    return tuple(np.split(array, np.cumsum(sizes)[:-1], axis=-1)) if len(sizes) > 1 else array


def _joined(arrays: Any) -> np.ndarray:
    return np.concatenate(arrays, axis=-1) if isinstance(arrays, tuple) else arrays


def check_agreement(
    network: Evaluated,
    evaluate: Evaluate,
    model: str,
    pull: Pull | None = None,
    *,
    tolerance: float | None = None,
    whole_numbers: bool = False,
) -> None:
    """Raise UnsupportedLayerError where the network's values or derivatives at random inputs differ from the live model's.

    The same error is raised where the live model cannot be evaluated at these inputs.

    The inputs are the same at every call. Derivatives are compared where `pull` is given.

    model : names the live model in the message.
    tolerance : takes the place of TOLERANCES for a model that computes in less precision than the network.
    whole_numbers : the inputs are whole numbers from 0 to 100, for a model that takes nothing else.
    """
    rng = np.random.default_rng(0)
    spreads = np.resize(SPREADS, N_SAMPLES)[:, None]
    x = (spreads * rng.standard_normal((N_SAMPLES, network.n_in))).astype(network.dtype)
    u = rng.standard_normal(network.n_out).astype(network.dtype)
    if whole_numbers:
        x = np.minimum(np.floor(np.abs(x)), 100)
    tolerance = tolerance or TOLERANCES[network.dtype]
    with np.errstate(all="ignore"):
        y, cotangents = network.vjp(x, u, threads=1)
        values = _evaluated(evaluate, x, model)
        _check(y, values, tolerance, f"{model} computes something else than the network read off it")
        theirs = None if pull is None else pull(x, u)
    if theirs is not None:
        fault = f"{model} has another derivative than the network read off it, though the same values"
        _check(
            cotangents, theirs, tolerance, fault, lambda: _rounding((lambda x, u: network.vjp(x, u, threads=1)[1], pull), x, u)
        )


def _evaluated(evaluate: Evaluate, x: np.ndarray, model: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(evaluate(x))
        except FastjacError:
            raise
        except Exception as error:  # whatever the model's own code raises
            raise UnsupportedLayerError(
                f"{model} cannot be evaluated at random inputs, so that the network read off it cannot be compared with it: "
                f"{type(error).__name__}: {error!s:.500}; {REMEDY}"
            ) from error


def _rounding(pulls: Sequence[Pull | None], x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """For each sample, how far derivatives move between inputs that differ in their last digits alone.

    A normalization of few entries shows it: its derivative is all but 0, and is the difference of numbers that are not.
    """
    rng = np.random.default_rng(0)
    found = np.zeros((len(x), 1))
    step = 2 * np.finfo(x.dtype).eps
    beside = [x, *(x * rng.choice(np.array([1 - step, 1 + step], x.dtype), x.shape) for _ in range(NEIGHBOURS))]
    for pull in pulls:
        derivatives = [] if pull is None else [one for near in beside if (one := pull(near, u)) is not None]
        if derivatives:
            moved = np.ptp(np.stack(derivatives).reshape(len(derivatives), len(x), -1), axis=0)
            found = np.maximum(found, np.max(moved, axis=-1, where=np.isfinite(moved), initial=0.0, keepdims=True))
    return ROUNDINGS * found


def _check(
    ours: np.ndarray, theirs: np.ndarray, tolerance: float, fault: str, rounding: Callable[[], np.ndarray] | None = None
) -> None:
    if theirs.size != ours.size:
        raise UnsupportedLayerError(
            f"{fault}: an array of shape {theirs.shape} for a batch of {len(ours)} samples, instead of {ours.shape}; {REMEDY}"
        )
    if theirs.dtype.kind != "f":
        raise UnsupportedLayerError(f"{fault}: results of type {theirs.dtype} instead of {ours.dtype}; {REMEDY}")
    theirs = theirs.reshape(ours.shape)
    pair = ours.astype(np.float64), theirs.astype(np.float64)
    parted = _parted(*pair, tolerance)
    if np.count_nonzero(parted) > MOST_PARTED and rounding is not None:
        parted = _parted(*pair, tolerance, rounding())
    if np.count_nonzero(parted) > MOST_PARTED:
        worst = int(np.argmax(parted))
        raise UnsupportedLayerError(
            f"{fault}: {_first(theirs[worst])} instead of {_first(ours[worst])} at one of {len(ours)} random inputs; {REMEDY}"
        )


def _parted(ours: np.ndarray, theirs: np.ndarray, tolerance: float, rounding: np.ndarray | float = 0.0) -> np.ndarray:
    """For each sample, whether any entry differs by more than rounding; nan equals nan, and an infinity equals itself."""
    finite = np.isfinite(ours) & np.isfinite(theirs)
    scales = np.max(np.abs(ours), axis=-1, where=finite, initial=0.0, keepdims=True)
    # Entries that nearly cancel, in one sample or in all, keep the rounding errors of the larger numbers that cancelled.
    scales = scales + 1e-3 * np.max(scales) + 1e-6
    with np.errstate(all="ignore"):
        near = np.abs(ours - theirs) <= tolerance * scales + rounding
    overflown = ~np.isfinite(theirs) & (np.abs(ours) > LARGEST)
    same = np.where(finite, near, (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)) | overflown)
    return ~same.all(axis=-1)


def _first(values: np.ndarray) -> str:
    return np.array2string(values[:3], precision=4) + (" ..." if len(values) > 3 else "")
