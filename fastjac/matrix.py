"""A matrix as a record names it: a place, an offset in it, and two strides."""

from __future__ import annotations

from dataclasses import dataclass, replace

Record = dict[str, int]
"""Fields of one row of a Program's table."""


@dataclass
class Matrix:
    """A matrix in memory: element (i, j) lies at `offset + i * row + j * column` of its place.

    panel : of a weight in panels, the columns, as it lies in memory, that are stored together; `row` is as many.
    strip : of such a weight, how many of its columns all samples take before they go on to the next.
    packed : whether the units of the boundary at which it is contracted next are the live ones alone, side by side.
    """

    rows: int
    columns: int
    place: int
    offset: int
    row: int
    column: int
    panel: int | None = None
    strip: int | None = None
    packed: bool = False
    made_by: Record | None = None

    @property
    def transposed(self) -> bool:
        """Whether its columns, not its rows, are contiguous."""
        return self.column != 1

    @property
    def transpose(self) -> Matrix:
        """The same numbers in memory, seen as the transposed matrix."""
        return replace(self, rows=self.columns, columns=self.rows, row=self.column, column=self.row)

    @property
    def size(self) -> int:
        """Elements from one sample's to the next's, in a workspace."""
        return self.rows * self.row if self.column == 1 else self.columns * self.column

    @property
    def stored(self) -> Record:
        """Rows, columns and strides as they lie in memory."""
        lying = self.transpose if self.transposed else self
        return {"rows": lying.rows, "columns": lying.columns, "c_sample": self.size, "c_row": lying.row}
