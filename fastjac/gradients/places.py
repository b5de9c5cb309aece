"""Places in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels.target import padded, round_up
from ..lowering.memory import LINE


@dataclass(frozen=True, eq=False)
class Place:
    """Where a parameter, or its gradient, lies in a flat array: rows of `columns` numbers, `row` numbers from row to row."""

    offset: int
    rows: int
    columns: int
    row: int

    def of(self, flat: np.ndarray) -> np.ndarray:
        """The parameter's part of the flat array, (rows, columns)."""
        return flat[self.offset : self.offset + self.rows * self.row].reshape(self.rows, self.row)[:, : self.columns]


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
