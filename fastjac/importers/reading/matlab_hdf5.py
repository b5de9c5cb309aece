"""MATLAB files of version 7.3, which are HDF5: arrays lie transposed, structs are groups, cells are lists of references."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError
from . import hdf5
from .hdf5_array import NUMBERS, Array
from .limits import MOST_NAME, check_count
from .matlab import MOST_DEPTH, Unread
from .probe import opened

MOST_VALUES = 2_000
"""The most variables, fields and cells together; HDF5 takes a quarter of a millisecond for each."""
USER_BLOCK = 512
"""How many bytes MATLAB puts before those of HDF5."""
HIDDEN = "#"
"""The first letter of the names of groups in which MATLAB keeps what variables refer to."""


def read(path: Path) -> dict[str, Any]:
    """The variables of a file by name, as `matlab.read` gives them.

    Raises MissingDependencyError without h5py, FormatError where the file is damaged, FileError where it cannot be read.
    """
    with opened(path) as file:
        file.seek(USER_BLOCK)
        content = file.read()
    with hdf5.opened(content, "the file") as root:
        return _Reader(root).group(root, MOST_DEPTH)


class _Reader:
    def __init__(self, root: hdf5.Group) -> None:
        self._root = root
        self._n_values = 0

    def group(self, group: hdf5.Group, depth: int) -> dict[str, Any]:
        """The members of a group by name."""
        names = [name for name in group.names() if not name.startswith(HIDDEN)]
        return {name: self._value(group.member(name), depth - 1) for name in names}

    def _value(self, member: hdf5.Group | Array | None, depth: int) -> Any:
        self._n_values += 1
        check_count(self._n_values, MOST_VALUES, "values")
        if depth == 0:
            raise FormatError(f"it has more than {MOST_DEPTH} levels of cells and structs in each other")
        if member is None:
            return Unread("nothing")
        if isinstance(member, hdf5.Group):
            return self.group(member, depth)
        cells = member.references()
        if cells is not None:
            return [self._value(self._root.referred(cell, f"a cell of {member.name}"), depth - 1) for cell in cells]
        if member.dtype == np.uint16:
            return _text(member)
        return member.read().T if member.dtype.kind in NUMBERS else Unread("an array that does not hold numbers")


def _text(member: Array) -> Any:
    """The text in letters of 16 bits, or a list of texts where the letters stand in several rows."""
    check_count(math.prod(member.shape), MOST_NAME, f"letters in {member.name}")
    letters = member.read()
    rows = letters.T if letters.ndim == 2 else letters.reshape(1, -1)
    texts = [row.astype("<u2").tobytes().decode("utf-16-le", "replace").rstrip() for row in rows]
    return texts[0] if len(texts) == 1 else texts
