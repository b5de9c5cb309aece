"""Places in flat arrays, and the numbers that the primal sweep finds there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.tables import DENSE
from ..kernels.target import padded, round_up
from ..layers import Activation, Affine, Layer, Normalizer
from ..lowering.matrix import Matrix, Record
from ..lowering.memory import LINE, Parameters

Places = Mapping[str, int]
"""Where arrays start, by the kernel's names for them."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where a parameter, or its gradient, lies in a flat array: rows of `columns` numbers, `row` numbers from row to row."""

    offset: int
    rows: int
    columns: int
    row: int

    def of(self, flat: np.ndarray) -> np.ndarray:
        """The parameter's part of the flat array, (rows, columns)."""
        return self._rows_of(flat)[:, : self.columns]

    def padding_of(self, flat: np.ndarray) -> np.ndarray:
        """What lies behind the columns of these rows, (rows, row - columns)."""
        return self._rows_of(flat)[:, self.columns :]

    def _rows_of(self, flat: np.ndarray) -> np.ndarray:
        return flat[self.offset : self.offset + self.rows * self.row].reshape(self.rows, self.row)

    def matrix(self, where: int) -> Matrix:
        """The matrix that steps find here: in the parameters, in a direction of the parameters, or in the sums."""
        return Matrix(self.rows, self.columns, where, self.offset, self.row, 1)


class Flat:
    """A flat array while places in it are given out, each on a cache line of its own."""

    def __init__(self, dtype: np.dtype) -> None:
        self.size, self._dtype = 0, dtype

    def take(self, rows: int, columns: int) -> Place:
        """Room for so many rows."""
        row = padded(columns, self._dtype)
        place = Place(self.size, rows, columns, row)
        self.size += round_up(rows * row, LINE)
        return place


class Placed(Parameters):
    """Numbers that may change, each at its place, for records of the primal sweep; weights are row-major.

    block : samples in a block.  numbers : the places of each layer's numbers.  units : the places of lists of units.
    """

    def __init__(
        self,
        dtype: np.dtype,
        block: int,
        numbers: Mapping[Layer | None, Mapping[str, Place]],
        units: Mapping[tuple[int, ...], Place],
    ) -> None:
        super().__init__(dtype)
        self.block, self.numbers, self._units = block, numbers, units

    def add_affine(self, layer: Affine, zeros: bool) -> Record:
        """See `Parameters`. No zeros are skipped, since a weight may become infinite."""
        places = self.numbers[layer]
        return {"weight": places["transposed"].offset, "panel": DENSE, "bias": places["bias"].offset}

    def add_rule(self, layer: Activation | Normalizer, size: int, block: int) -> Record:
        """See `Parameters`."""
        return {name: self.numbers[layer][name].offset for name in "pq"}

    def add_units(self, units: Sequence[int]) -> int:
        """See `Parameters`."""
        return self._units[tuple(units)].offset
