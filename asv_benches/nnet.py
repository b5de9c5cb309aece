"""Trained networks from `.nnet` files, which are not part of this repository: where they lie, how they are read.

A second machine may not have them. Their benchmarks are then skipped, and the report says which rows it lacks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from .recipe import Parameters, Recipe

HEADER_ROWS = 7
"""Counts, layer sizes, a flag, and the inputs' minimums, maximums, means and ranges."""


def data_directory() -> Path:
    """Where data that others published may lie: FASTJAC_DATA if set, else `shared/data` beside the project's root."""
    return Path(os.environ.get("FASTJAC_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def read(path: Path) -> Parameters:
    """The parameters in a `.nnet` file: after its header, for each layer the rows of its weight, then its biases, one a line."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("//")]
    rows = [[float(field) for field in line.split(",") if field.strip()] for line in lines]
    widths = [int(width) for width in rows[1]]
    body = iter(rows[HEADER_ROWS:])
    return tuple(
        (np.array(list(islice(body, n_out))).reshape(n_out, n_in), np.array(list(islice(body, n_out))).reshape(n_out))
        for n_in, n_out in pairwise(widths)
    )


@dataclass(frozen=True)
class TrainedRecipe(Recipe):
    """A network whose weights come from a `.nnet` file: the raw chain, without its scaling of inputs and output.

    file : the file's name in `data_directory()`.
    source : where it was published.
    """

    file: str
    source: str

    @property
    def missing(self) -> str | None:
        path = data_directory() / self.file
        return None if path.is_file() else f"needs {path}, from {self.source} (FASTJAC_DATA names another directory)"

    def weights(self) -> Parameters:
        """The parameters in the file; a ValueError if its widths are not the recipe's."""
        parameters = read(data_directory() / self.file)
        widths = (parameters[0][0].shape[1], *(len(bias) for _, bias in parameters))
        if widths != self.widths:
            raise ValueError(f"{self.file} has widths {widths}; the suite expects {self.widths}")
        return parameters

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Inputs uniform in [-0.5, 0.5], the range to which the file's scaling brings them."""
        return random.uniform(-0.5, 0.5, size=(count, self.widths[0]))
