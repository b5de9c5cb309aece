"""A matrix as a record names it: a place, an offset in it, and two strides."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..kernels.tables import CONTRACT, COPY, DENSE, OUT, PARAMETERS, SCRATCH, WORK
from ..planning.product import Product

Record = dict[str, int]
"""Fields of one row of a Program's table."""


@dataclass
class Matrix:
    """A matrix in memory: element (i, j) lies at `offset + first + i * row + j * column` of its place.

    first : where the matrix starts in the region at `offset`; each sample has a region of its own there.
    panel : for a weight in panels, the columns of one panel as it lies in memory, and so also `row`; else None.
    strip : for a weight in panels, how many of its columns all samples take before they go on to the next columns.
    packed : whether the units of the boundary at which it is contracted next are the live ones alone, side by side.
    made_by : the record of the step that makes it, while that step may still scale it; None where no step makes it, or
        another has changed it.
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
    first: int = 0

    @property
    def in_workspace(self) -> bool:
        """Whether it lies where rows are padded to whole vectors, one sample's matrix behind the other's."""
        return self.place in (WORK, SCRATCH)

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
        """Elements from one sample's matrix to the next sample's, in a workspace."""
        return self.rows * self.row if self.column == 1 else self.columns * self.column

    @property
    def stored(self) -> Record:
        """Where it is written, with rows, columns and strides as they lie in memory."""
        lying = self.transpose if self.transposed else self
        return {"rows": lying.rows, "columns": lying.columns} | self.as_result(lying.row)

    def as_result(self, row: int) -> Record:
        """The fields of a record that writes the matrix, with this stride from row to row."""
        return {"c_place": self.place, "c": self.offset, "c_first": self.first, "c_sample": self.size, "c_row": row}

    @property
    def as_left(self) -> Record:
        """The fields of a record that reads the matrix as a left operand or a source."""
        fields = {"a_place": self.place, "a": self.offset, "a_first": self.first, "a_sample": self.size}
        return fields | {"a_row": self.row, "a_column": self.column}

    @property
    def as_right(self) -> Record:
        """The fields of a record that reads the matrix as a right operand."""
        return {"b_place": self.place, "b": self.offset, "b_first": self.first, "b_sample": self.size, "b_row": self.row}

    @property
    def as_start(self) -> Record:
        """The fields of a record that adds a product to the matrix."""
        fields = {"start_place": self.place, "start": self.offset, "start_first": self.first}
        return fields | {"start_sample": self.size, "start_row": self.row}

    def part(self, first: int, columns: int) -> Matrix:
        """`columns` of its columns, from `first` on; no single step is known to make them."""
        return replace(self, columns=columns, first=self.first + first * self.column, made_by=None)


def result_of(product: Product) -> Matrix:
    """The matrix that a sample's result is, row-major."""
    rows, columns = product.sizes[-1], product.sizes[0]
    return Matrix(rows, columns, OUT, 0, columns, 1)


def row_stride(c: Matrix) -> int:
    """Elements from one row of a result to the next, or from one column to the next where it is stored transposed.

    The rows of stacked samples follow one another in the array of results, also where each sample has a single one.
    """
    if c.place == OUT and c.rows == 1:
        return max(c.row, c.columns)
    return c.column if c.transposed else c.row


def can_scale(maker: Record, masks: bool) -> bool:
    """Whether the step that makes a matrix can also scale its columns by a diagonal.

    masks : whether entries that are scaled by 0 must become 0 even where they are inf or nan. A step of stacked samples can do
        that, and a copy of a weight meets neither inf nor nan.
    """
    stack = maker["operation"] == CONTRACT and maker["stacked"]
    weight = maker["operation"] == COPY and maker["a_place"] == PARAMETERS
    return bool(maker["state"] == DENSE and (not masks or stack or weight))
