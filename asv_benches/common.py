"""The eight networks of the suite and the cells in which they are timed."""

from __future__ import annotations

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

CELLS = {f"{name}-{batch}": (recipe, batch) for name, recipe in NETWORKS.items() for batch in recipe.batches}
"""Every network at every batch size, by a name such as "seed-64"."""

BATCH_CELLS = tuple(f"{name}-{recipe.batches[1]}" for name, recipe in NETWORKS.items())
"""Each network once, at its common batch size."""


def available_cell(cell: str) -> tuple[Recipe, int]:
    """The network and the batch size of a cell; a NotImplementedError, on which asv skips, if its data are not here."""
    recipe, batch = CELLS[cell]
    if recipe.missing:
        raise NotImplementedError(f"{cell} {recipe.missing}")
    return recipe, batch


def worthwhile_modes(recipe: Recipe) -> tuple[str, ...]:
    """The modes that are not hopelessly slow for a network."""
    return tuple(mode for mode in MODES if mode != recipe.hopeless_order)


def relative_error(jacobian: np.ndarray, reference: np.ndarray) -> float:
    """The largest entry of `|jacobian - reference|`, relative to the largest entry of `|reference|`."""
    return float(np.max(np.abs(jacobian - reference)) / np.max(np.abs(reference)))


def tolerance(dtype: Any) -> float:
    """The relative error that an exact Jacobian may have in `dtype`."""
    return 2e-5 if np.dtype(dtype) == np.float32 else 1e-12
