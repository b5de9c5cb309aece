"""The eight networks of the suite and the cells in which they are timed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .nnet import TrainedRecipe
from .recipe import Recipe

DTYPES = ("float32", "float64")
MODES = ("auto", "forward", "reverse", "mixed")

NETWORKS = {
    "seed": Recipe((500, 100, 10), "relu", softmax=True, batches=(1, 64, 1024), seed=10),
    "acasxu": Recipe((5, *(50,) * 6, 5), "relu", softmax=False, batches=(1, 64, 4096), seed=20),
    "acasxu-real": TrainedRecipe(
        (5, *(50,) * 6, 5),
        "relu",
        softmax=False,
        batches=(1, 64, 4096),
        seed=80,
        file="ACASXU_run2a_1_1_batch_2000.nnet",
        source="github.com/kjulian3/ReluplexCav2017",
    ),
    "dynamics": Recipe((12, 64, 64, 8), "tanh", softmax=False, batches=(1, 64, 4096), seed=30),
    "mnist": Recipe((784, 256, 256, 10), "relu", softmax=True, batches=(1, 64, 1024), seed=40),
    "emulator": Recipe((6, *(512,) * 4, 2500), "relu", softmax=False, batches=(1, 32), seed=50),
    "autoencoder": Recipe((784, 256, 32, 256, 784), "relu", softmax=False, batches=(1, 32), seed=60),
    "square": Recipe((256,) * 7, "relu", softmax=False, batches=(1, 64), seed=70),
}


@dataclass(frozen=True)
class Cell:
    """A network at a batch size.

    network : the network's name.
    """

    network: str
    recipe: Recipe
    batch: int

    def __str__(self) -> str:
        return f"{self.network}-{self.batch}"

    def inputs(self, dtype: str) -> np.ndarray:
        """Inputs of the recipe, `(batch, n_in)`."""
        return self.recipe.inputs(self.batch, dtype)


def cells(networks: Mapping[str, Recipe]) -> Iterator[Cell]:
    """Every network at each of its batch sizes."""
    for name, recipe in networks.items():
        for batch in recipe.batches:
            yield Cell(name, recipe, batch)


CELLS = {str(cell): cell for cell in cells(NETWORKS)}
"""The cells of every network at every batch size, by names such as "seed-64"."""

BATCH_CELLS = tuple(f"{name}-{recipe.batches[1]}" for name, recipe in NETWORKS.items())
"""The names of one cell for each network, at its common batch size."""


def available_cell(name: str) -> Cell:
    """The cell of this name; raises a NotImplementedError, on which asv skips, if its network's data are not here."""
    cell = CELLS[name]
    if cell.recipe.missing:
        raise NotImplementedError(f"{name} {cell.recipe.missing}")
    return cell


def worthwhile_modes(recipe: Recipe) -> tuple[str, ...]:
    """The modes that are not hopelessly slow for a network."""
    return tuple(mode for mode in MODES if mode != recipe.hopeless_order)


def relative_error(jacobian: np.ndarray, reference: np.ndarray) -> float:
    """The largest entry of `|jacobian - reference|`, relative to the largest entry of `|reference|` unless that is 0."""
    return float(np.max(np.abs(jacobian - reference)) / (np.max(np.abs(reference)) or 1.0))


def tolerance(dtype: Any) -> float:
    """The relative error that an exact Jacobian may have in `dtype`."""
    return 2e-5 if np.dtype(dtype) == np.float32 else 1e-12
