"""Tables in CSV files: numbers between commas, with the names of the columns in the first line or without."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, MissingFileError
from ..files import replacing
from .columns import Table, picked

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""Words that stand, in upper or lower case, for a missing number, which is read as nan."""


def read_csv(path: Path, columns: Sequence[str] | None = None, known: Sequence[str] = ()) -> Table:
    """The table in a file, or some of its columns; only these must hold numbers.

    The first line holds names unless all its cells are numbers.

    columns : the columns to take, in this order, by name, or by number from 0 on where the file has no names.
    known : the columns to take where `columns` is None and the file has names; by default all.

    Raises MissingFileError, or OSError, for a file that cannot be opened; FormatError, which names line and column, for a file
    that is no text, for lines of different lengths, and for a cell that is no number; ShapeError for a column that is not there.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _parsed(path, csv.reader(file, strict=True), columns, known)
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file {path}") from error
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path} is no text in UTF-8, so it is no CSV file; save it as one, in pandas by to_csv(path, index=False)"
        ) from error


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a file with a line of names and a line for each row, whole or not at all; FileError if it cannot be written."""
    with replacing(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _parsed(path: Path, reader: Any, columns: Sequence[str] | None, known: Sequence[str]) -> Table:
    lines = _lines(path, reader)
    number, first = next(lines, (0, []))
    if not first:
        raise FormatError(f"{path} is empty; a table has a line of names and a line for each row")
    names = () if all(_is_number(cell) for cell in first) else tuple(cell.strip() for cell in first)
    found = names or tuple(str(place) for place in range(len(first)))
    if columns is None:
        columns = (names and known) or found
    sign = _other_separator(first)
    if sign and not set(columns) <= set(found):
        raise FormatError(f"{path}: the first line has {sign!r} and no ',': the columns must be separated by commas")
    places = picked(found, columns)
    labels = [repr(names[place]) if names else str(place) for place in places]
    values = array("d")
    if not names:
        values.extend(_row(path, number, first, places, labels))
    for number, line in lines:
        if len(line) != len(first):
            raise FormatError(
                f"{path}, line {number}: it has {len(line)} cells, but the first line has {len(first)}{_hint(first)}"
            )
        values.extend(_row(path, number, line, places, labels))
    table = np.frombuffer(values, np.float64) if values else np.empty(0)
    return Table(table.reshape(-1, len(places)), tuple(names[place] for place in places) if names else ())


def _lines(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers from 1 on."""
    try:
        for line in reader:
            if line:
                yield reader.line_num, line
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}") from error


def _row(path: Path, number: int, line: Sequence[str], places: Sequence[int], labels: Sequence[str]) -> Iterator[float]:
    for place, label in zip(places, labels, strict=True):
        try:
            yield float(line[place])
        except ValueError:
            if line[place].strip().lower() not in MISSING:
                raise FormatError(
                    f"{path}, line {number}, column {label}: {line[place]!r:.40} is no number; encode it, or pick other columns"
                    f"{_hint(line)}"
                ) from None
            yield float("nan")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _other_separator(line: Sequence[str]) -> str | None:
    """The sign that seems to stand between the cells of a line in place of commas."""
    return next((sign for sign in (";", "\t", "|") if len(line) == 1 and sign in line[0]), None)


def _hint(line: Sequence[str]) -> str:
    """What to do about a file that has other separators than commas between its cells."""
    other = _other_separator(line)
    return f"; cells must be separated by commas, these are by {other!r}" if other else ""
