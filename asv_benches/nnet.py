"""Trained networks from `.nnet` files, which are not in this repository, and where they lie.

A machine may not have the files. Their benchmarks are then skipped, and the report states which rows it lacks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fastjac as fj

from .recipe import Parameters, Recipe


def data_directory() -> Path:
    """The folder of data that others have published: FASTJAC_DATA if set, else `shared/data` beside the project's root."""
    return Path(os.environ.get("FASTJAC_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def read(path: Path) -> Parameters:
    """The parameters in a `.nnet` file, without its scaling of inputs and outputs."""
    return tuple((layer.weight, layer.bias) for layer in fj.from_nnet(path, scaling="none") if isinstance(layer, fj.Affine))


@dataclass(frozen=True)
class TrainedRecipe(Recipe):
    """A network whose weights come from a `.nnet` file: the raw chain, without its scaling of inputs and output.

    file : the file's name in `data_directory()`.
    source : where the network was published.
    """

    file: str
    source: str

    @property
    def missing(self) -> str | None:
        path = data_directory() / self.file
        return None if path.is_file() else f"needs {path}, from {self.source} (FASTJAC_DATA names another directory)"

    def weights(self) -> Parameters:
        """The parameters in the file; raises a ValueError if their widths are not the recipe's."""
        parameters = read(data_directory() / self.file)
        widths = (parameters[0][0].shape[1], *(len(bias) for _, bias in parameters))
        if widths != self.widths:
            raise ValueError(f"{self.file} has widths {widths}; the suite expects {self.widths}")
        return parameters

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Inputs uniform in [-0.5, 0.5], the range to which the file's scaling brings them."""
        return random.uniform(-0.5, 0.5, size=(count, self.widths[0]))
