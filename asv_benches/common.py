"""The seven networks of the suite, their inputs and their float64 reference; the same for fastjac and every peer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import fastjac as fj

Parameters = tuple[tuple[np.ndarray, np.ndarray], ...]

DTYPES = ("float32", "float64")
MODES = ("auto", "forward", "reverse", "mixed")
KINK_MARGIN = 1e-5
"""No ReLU's input is nearer to 0 than this, far above float32's rounding, so both dtypes find the same units live."""


@dataclass(frozen=True)
class Recipe:
    """A network with random weights: affines with `activation` between them, a softmax at the end if asked for.

    widths : sizes from the input's to the output's.
    activation : "relu" or "tanh".
    batches : the batch sizes at which it is timed: one input, a common batch, and for the small networks a large one.
    """

    widths: tuple[int, ...]
    activation: str
    softmax: bool
    batches: tuple[int, ...]
    seed: int

    @property
    def hopeless_order(self) -> str | None:
        """The pure order that pushes at least four times as many vectors as the other, too slow to be worth a run."""
        n_in, n_out = self.widths[0], self.widths[-1]
        return "forward" if n_in >= 4 * n_out else "reverse" if n_out >= 4 * n_in else None

    @cache  # noqa: B019 - the recipes live as long as the process
    def parameters(self, dtype: str) -> Parameters:
        """The `(weight, bias)` of every affine, He-initialized in float64 and rounded to `dtype`."""
        random = np.random.default_rng(self.seed)
        return tuple(
            (
                (random.normal(size=(n_out, n_in)) * np.sqrt(2.0 / n_in)).astype(dtype),
                (random.normal(size=n_out) * 0.1).astype(dtype),
            )
            for n_in, n_out in zip(self.widths, self.widths[1:], strict=False)
        )

    def network(self, dtype: str) -> fj.Network:
        """The network as fastjac's."""
        affines = [fj.Affine(weight, bias) for weight, bias in self.parameters(dtype)]
        activation = fj.ReLU() if self.activation == "relu" else fj.Tanh()
        layers: list[Any] = [layer for affine in affines[:-1] for layer in (affine, activation)]
        return fj.Network([*layers, affines[-1], *([fj.Softmax()] if self.softmax else [])])

    @cache  # noqa: B019
    def inputs(self, batch: int, dtype: str) -> np.ndarray:
        """Normal inputs `(batch, n_in)`, none of them near a kink of the network, rounded to `dtype`."""
        random = np.random.default_rng(self.seed + 1)
        found = np.empty((0, self.widths[0]))
        while len(found) < batch:
            drawn = random.normal(size=(batch, self.widths[0])).astype(np.float32).astype(np.float64)
            found = np.concatenate([found, drawn[self._kink_distance(drawn) > KINK_MARGIN]])
        return found[:batch].astype(dtype)

    def _kink_distance(self, x: np.ndarray) -> np.ndarray:
        """For each input, the smallest absolute value that any ReLU receives; infinite without ReLUs."""
        distance = np.full(len(x), np.inf)
        if self.activation == "relu":
            for weight, bias in self.parameters("float64")[:-1]:
                x = x @ weight.T + bias
                distance = np.minimum(distance, np.abs(x).min(axis=1))
                x = np.maximum(x, 0.0)
        return distance


NETWORKS = {
    "seed": Recipe((500, 100, 10), "relu", softmax=True, batches=(1, 64, 1024), seed=10),
    "acasxu": Recipe((5, *(50,) * 6, 5), "relu", softmax=False, batches=(1, 64, 4096), seed=20),
    "dynamics": Recipe((12, 64, 64, 8), "tanh", softmax=False, batches=(1, 64, 4096), seed=30),
    "mnist": Recipe((784, 256, 256, 10), "relu", softmax=True, batches=(1, 64, 1024), seed=40),
    "emulator": Recipe((6, *(512,) * 4, 2500), "relu", softmax=False, batches=(1, 32), seed=50),
    "autoencoder": Recipe((784, 256, 32, 256, 784), "relu", softmax=False, batches=(1, 32), seed=60),
    "square": Recipe((256,) * 7, "relu", softmax=False, batches=(1, 64), seed=70),
}

CELLS = {f"{name}-{batch}": (recipe, batch) for name, recipe in NETWORKS.items() for batch in recipe.batches}
"""Every network at every batch size, by a name such as "seed-64"."""

BATCH_CELLS = tuple(f"{name}-{recipe.batches[1]}" for name, recipe in NETWORKS.items())
"""Each network once, at its common batch size."""


def relative_error(jacobian: np.ndarray, reference: np.ndarray) -> float:
    """The largest entry of `|jacobian - reference|`, relative to the largest entry of `|reference|`."""
    return float(np.max(np.abs(jacobian - reference)) / np.max(np.abs(reference)))


def tolerance(dtype: Any) -> float:
    """The relative error that an exact Jacobian may have in `dtype`."""
    return 2e-5 if np.dtype(dtype) == np.float32 else 1e-12
