"""The recipe of a network of the suite: its weights and its inputs, the same for fastjac and every peer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

import fastjac as fj

Parameters = tuple[tuple[np.ndarray, np.ndarray], ...]
"""The `(weight (n_out, n_in), bias (n_out,))` of every affine, input first."""

KINK_MARGIN = 2e-6
"""No ReLU's input is nearer to 0 than this share of the sum of magnitudes `|W| |x| + |b|`. The share is some 30 roundings of
float32, so that both dtypes find the same units live."""
DRAWS = 100
"""How often a batch of inputs is drawn anew, at most, until enough inputs are clear of kinks."""

SOFTPLUS_THRESHOLD = 50.0
"""From this value on softplus is the identity: exactly so in both dtypes, and far enough from overflow in both."""

ACTIVATIONS = {
    "relu": fj.ReLU,
    "tanh": fj.Tanh,
    "silu": fj.SiLU,
    "gelu": fj.GELU,
    "softplus": partial(fj.Softplus, threshold=SOFTPLUS_THRESHOLD),
}
"""fastjac's layer for each name of an activation."""


def hopeless_order(n_in: int, n_out: int) -> str | None:
    """The order, forward or reverse, that pushes at least four times as many vectors as the other; None if neither does."""
    return "forward" if n_in >= 4 * n_out else "reverse" if n_out >= 4 * n_in else None


@dataclass(frozen=True)
class Recipe:
    """A network with random weights: affines with `activation` between them, a softmax at the end if asked for.

    widths : sizes from the input's to the output's.
    activation : one of `ACTIVATIONS`.
    batches : the batch sizes at which it is timed: one input, a common batch, and for the small networks a large one.
    """

    widths: tuple[int, ...]
    activation: str
    softmax: bool
    batches: tuple[int, ...]
    seed: int

    @property
    def n_affine(self) -> int:
        """How many affine layers there are."""
        return len(self.widths) - 1

    @property
    def missing(self) -> str | None:
        """What this network needs and this machine lacks; None if it can be made here."""
        return None

    @property
    def hopeless_order(self) -> str | None:
        """The order, forward or reverse, that is too slow to be worth a run; None if neither is."""
        return hopeless_order(self.widths[0], self.widths[-1])

    def weights(self) -> Parameters:
        """The parameters in float64, He-initialized."""
        random = np.random.default_rng(self.seed)
        return tuple(
            (random.normal(size=(n_out, n_in)) * np.sqrt(2.0 / n_in), random.normal(size=n_out) * 0.1)
            for n_in, n_out in pairwise(self.widths)
        )

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Normal inputs `(count, n_in)`."""
        return random.normal(size=(count, self.widths[0]))

    @cache  # noqa: B019 - the recipes live as long as the process
    def parameters(self, dtype: str) -> Parameters:
        """The weights rounded to `dtype`."""
        return tuple((weight.astype(dtype), bias.astype(dtype)) for weight, bias in self.weights())

    def network(self, dtype: str) -> fj.Network:
        """The network as fastjac's."""
        affines = [fj.Affine(weight, bias) for weight, bias in self.parameters(dtype)]
        layers: list[Any] = [layer for affine in affines[:-1] for layer in (affine, ACTIVATIONS[self.activation]())]
        return fj.Network([*layers, affines[-1], *([fj.Softmax()] if self.softmax else [])])

    @cache  # noqa: B019
    def inputs(self, batch: int, dtype: str) -> np.ndarray:
        """Drawn inputs `(batch, n_in)`, none of them near a kink of the network, exact in both dtypes."""
        random = np.random.default_rng(self.seed + 1)
        found = np.empty((0, self.widths[0]))
        for _ in range(DRAWS):
            drawn = self.draw(random, batch).astype(np.float32).astype(np.float64)
            found = np.concatenate([found, drawn[self.kink_distance(drawn) > KINK_MARGIN]])
            if len(found) >= batch:
                return found[:batch].astype(dtype)
        raise RuntimeError(f"{len(found)} of {DRAWS * batch} inputs are clear of the kinks of {self}, and {batch} are needed")

    def relu_inputs(self, x: np.ndarray) -> list[np.ndarray]:
        """The inputs `(batch, n)` of each layer of ReLUs, for float64 inputs of the network; empty without ReLUs."""
        received = []
        if self.activation == "relu":
            for weight, bias in self.parameters("float64")[:-1]:
                received.append(x @ weight.T + bias)
                x = np.maximum(received[-1], 0.0)
        return received

    def kink_distance(self, x: np.ndarray) -> np.ndarray:
        """For each input, the smallest magnitude that a ReLU receives, as a share of `|W| |x| + |b|`; infinity without ReLUs."""
        nearest = np.full(len(x), np.inf)
        for received, (weight, bias) in zip(self.relu_inputs(x), self.parameters("float64"), strict=False):
            summed = np.abs(x) @ np.abs(weight).T + np.abs(bias)
            nearest = np.minimum(nearest, (np.abs(received) / summed).min(axis=1))
            x = np.maximum(received, 0.0)
        return nearest
