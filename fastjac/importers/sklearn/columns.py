"""Columns of a table on their way through the steps, and which of them are encoded.

A network has no input for a word. Where a OneHotEncoder encodes a column, the network takes in its place what the encoder gives:
a unit for each category, which is 1 for the category of the row and 0 for all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Node
from ..reading.limits import MOST_JOINED, MOST_VALUES, check_count
from .fitted import Fitted, shown

Categories = Mapping[int, tuple[Any, ...]]
"""The categories of the columns that are encoded, by the numbers of these columns."""


NAN = float("nan")


@dataclass(frozen=True)
class Columns:
    """What a step takes or gives: `count` columns. A column in `categories` has a unit in `node` for each of its categories."""

    node: Node
    count: int
    categories: Categories = field(default_factory=dict)

    @classmethod
    def of(cls, node: Node) -> Columns:
        """Columns of numbers, with one unit each."""
        return cls(node, node.size)

    def numbers(self) -> Node:
        """The node, for a step that takes numbers; UnsupportedLayerError where a column is encoded."""
        if self.categories:
            raise UnsupportedLayerError(
                f"it takes column {min(self.categories)} as a number, but another step as a category; fit it on the others"
            )
        return self.node

    def chosen(self, indices: Sequence[int]) -> Columns:
        """Some of the columns, in this order."""
        units = units_of(indices, self.count, self.categories)
        node = self.node if units == list(range(self.node.size)) else self.node[np.array(units)]
        categories = {place: self.categories[index] for place, index in enumerate(indices) if index in self.categories}
        return Columns(node, len(indices), categories)


def n_units(count: int, categories: Categories) -> int:
    """How many units `count` columns have."""
    return count + sum(len(kept) - 1 for kept in categories.values())


def units_of(indices: Sequence[int], count: int, categories: Categories) -> list[int]:
    """The numbers of the units of some columns."""
    if not categories:
        return list(indices)
    starts = starts_of(count, categories)
    return [unit for index in indices for unit in range(starts[index], starts[index + 1])]


def starts_of(count: int, categories: Categories) -> list[int]:
    """Where the units of each of `count` columns start, and where the units of the last column end."""
    widths = [len(categories[index]) if index in categories else 1 for index in range(count)]
    return [0, *np.cumsum(widths).tolist()]


def names_of(names: Sequence[str], count: int, categories: Categories) -> tuple[str, ...]:
    """The name of each unit: "age", or "colour=red" for a category.

    Empty where no column has a name or categories, or where two units would have the same name.
    """
    if not names and not categories:
        return ()
    columns = list(names) or [str(index) for index in range(count)]
    units: list[str] = []
    for index, name in enumerate(columns):
        units += [f"{shown(name)}={shown(value)}" for value in categories[index]] if index in categories else [name]
    return tuple(units) if len(set(units)) == n_units(count, categories) else ()


def encoded(encoder: Fitted) -> Categories:
    """The categories to which a OneHotEncoder gives a unit, for each of its columns; those that it drops are left out."""
    if encoder.flag("_infrequent_enabled"):
        raise UnsupportedLayerError("it puts infrequent categories together; fit it without min_frequency and max_categories")
    found: dict[int, tuple[Any, ...]] = {}
    arrays, dropped = encoder.items("categories_"), encoder.get("drop_idx_")
    for index, values in enumerate(arrays):
        if not isinstance(values, np.ndarray) or values.ndim != 1:
            raise FormatError("its categories_ must be arrays of labels")
        check_count(sum(map(len, found.values())) + values.size, MOST_JOINED, "categories")
        drop = dropped[index] if isinstance(dropped, np.ndarray) and dropped.shape == (len(arrays),) else None
        found[index] = tuple(_same(value) for place, value in enumerate(values.tolist()) if place != drop)
        if not found[index]:
            raise FormatError(f"it gives no unit for its column {index}")
    return found


def _same(value: Any) -> Any:
    """The category, with one and the same object for every nan, so that it equals itself in comparisons of tuples."""
    return NAN if value != value else value


def picked(transformer: Fitted, name: str, selection: Any, names: Sequence[str], count: int) -> list[int]:
    """The numbers of the columns that a ColumnTransformer gives its step `name`.

    selection : the columns as the user wrote them; versions before 1.0 do not resolve them to numbers.
    """
    known = transformer.get("_transformer_to_input_indices")
    if isinstance(known, dict) and name in known:
        selection = known[name]
    if isinstance(selection, slice):
        selection = _from_slice(selection, names, count)
    if isinstance(selection, np.ndarray):
        check_count(selection.size, MOST_VALUES, "columns of a step")
        selection = selection.tolist()
    chosen = list(selection) if isinstance(selection, (list, tuple)) else [selection]
    if chosen and all(isinstance(index, (bool, np.bool_)) for index in chosen):
        chosen = [index for index, is_in in enumerate(chosen) if is_in]
    return [_number(index, names, count) for index in chosen]


def _from_slice(selection: slice, names: Sequence[str], count: int) -> list[int]:
    """The columns of a slice; a slice by names includes its end."""
    ends = [_number(end, names, count) if isinstance(end, str) else end for end in (selection.start, selection.stop)]
    stop = ends[1] + 1 if isinstance(selection.stop, str) else ends[1]
    try:
        return list(range(count))[slice(ends[0], stop, selection.step)]
    except (TypeError, ValueError) as error:
        raise FormatError("it takes columns by a slice that is none; the file is damaged") from error


def _number(index: Any, names: Sequence[str], count: int) -> int:
    """The number of a column that is given by its number or name."""
    if isinstance(index, str):
        if index not in names:
            raise FormatError(f"it takes the column {shown(index)!r}, which is not among its feature_names_in_")
        return names.index(index)
    if not isinstance(index, (int, np.integer)) or isinstance(index, bool) or not -count <= index < count:
        raise FormatError(f"it takes the column {shown(index)} of {count}")
    return int(index) % count
