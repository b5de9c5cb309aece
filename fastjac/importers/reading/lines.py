"""Numbers out of the lines of a text file that may come from anywhere."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from ...errors import FormatError

LONGEST_LINE = 1 << 22
"""The most bytes of a line: 200,000 numbers with all their digits."""
MOST_EMPTY = 10_000
"""How many lines may hold nothing, besides one for each line that holds something."""


class Lines:
    """The lines of an open file that hold something, one after the other.

    file : open in binary mode; only lines that are asked for are read.
    comment : what a line that holds nothing starts with.
    """

    def __init__(self, file: BinaryIO, comment: bytes) -> None:
        self._file, self._comment = file, comment
        self._number = 0
        self._left = MOST_EMPTY
        self._ahead = b""

    def skip(self, what: str) -> None:
        """Pass over a line, where `what` should stand; FormatError if the file ends before."""
        self._line(what)

    def entry_counts(self) -> Iterator[int]:
        """How many entries each of the lines that follow holds."""
        while line := self._next():
            yield _n_entries(line.removesuffix(b","))

    def word(self) -> str | None:
        """The next line, if it starts with a letter and is no number; else None, and that line remains the next one."""
        line = self._ahead = self._next()
        if not line[:1].isalpha() or line.lower() in (b"nan", b"inf", b"infinity"):
            return None
        self._ahead = b""
        return line.decode("ascii", "replace")

    def floats(self, counts: Sequence[int], what: str) -> list[float]:
        """The numbers of the next line, separated by commas or blanks; FormatError unless they are as many as one of `counts`."""
        return self._numbers(float, counts, what)

    def matrix(self, n_rows: int, n_columns: int, what: str) -> np.ndarray:
        """The numbers of the next `n_rows` lines, (n_rows, n_columns); `what` names each line, with its number for "{}"."""
        found = array("d")
        for row in range(1, n_rows + 1):
            found.extend(self._numbers(float, (n_columns,), what, row))
        return np.frombuffer(found).reshape(n_rows, n_columns)

    def counts(self, counts: Sequence[int], what: str) -> list[int]:
        """The whole numbers of the next line; FormatError unless they are as many as one of `counts`, each at least 1."""
        found = self._numbers(int, counts, what)
        if min(found) < 1:
            raise FormatError(f"line {self._number} must hold {what}, each at least 1; one is {min(found)}")
        return found

    def check_end(self, what: str) -> None:
        """Raise FormatError if any line is left behind `what`."""
        if self._next():
            raise FormatError(f"line {self._number} stands behind {what}, where the file should end")

    def _numbers(self, convert: Callable[[bytes], Any], counts: Sequence[int], what: str, row: int = 0) -> list[Any]:
        line = self._line(what, row).removesuffix(b",")
        held = _n_entries(line)
        if held not in counts:
            wanted, count = what.format(row), " or ".join(map(str, counts))
            raise FormatError(f"line {self._number} must hold {wanted}, {count} separated by commas; it holds {held}")
        try:
            if b"_" in line:  # Python allows this between digits
                raise ValueError("one holds an underscore")
            return [convert(entry) for entry in line.split(b"," if b"," in line else None)]
        except ValueError as error:
            raise FormatError(f"line {self._number} must hold {what.format(row)}, as numbers; {error!s:.100}") from error

    def _line(self, what: str, row: int = 0) -> bytes:
        """The next line that holds something; FormatError if there is none."""
        line = self._next()
        if not line:
            raise FormatError(f"the file ends after line {self._number}, where {what.format(row)} should follow; it is truncated")
        return line

    def _next(self) -> bytes:
        """The next line that holds something, without blanks at its ends; empty at the end of the file."""
        if self._ahead:
            line, self._ahead = self._ahead, b""
            return line
        while line := self._file.readline(LONGEST_LINE):
            self._number += 1
            if len(line) == LONGEST_LINE:
                raise FormatError(f"line {self._number} is longer than {LONGEST_LINE} bytes; fastjac reads shorter ones")
            line = line.strip()
            if line and not line.startswith(self._comment):
                self._left += 1
                return line
            self._left -= 1
            if self._left < 0:
                raise FormatError(f"its first {self._number} lines are empty or comments for the most part; no network's are")
        return b""


def _n_entries(line: bytes) -> int:
    """How many entries a line holds; commas separate them, or blanks where there is no comma."""
    return line.count(b",") + 1 if b"," in line else len(line.split())
