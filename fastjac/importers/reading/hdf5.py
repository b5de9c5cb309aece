"""Read arrays and texts out of an HDF5 file that may come from anywhere.

HDF5 can point a name at another file, keep a dataset's entries outside, and declare far more than it stores; none of that is
followed or believed. Everything that h5py does with the file happens here, since damaged bytes can make any of it fail. Bytes
that would make it run for ever, or take memory without bound, are found before: `hdf5_heaps` and `hdf5_attributes` check texts,
`hdf5_array` checks arrays, and `hdf5_account` counts what is asked for.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileError, FormatError
from ...optional import optional
from .hdf5_account import Account, damage_as_error
from .hdf5_array import Array, no_array
from .limits import MOST_LAYERS, MOST_NESTING, MOST_TEXT, check_count, refuse_expansion

MOST_NUMBERED = 100
"""The most arrays of one layer; no layer of Keras has a tenth of that."""
MOST_ATTRIBUTES = 1000
"""The most attributes of a group. Keras writes five, and HDF5 looks through all of them for each that is asked for."""
MOST_PARTS = 20
"""The most attributes over which Keras spreads a list of names; each holds up to 64 KB of them."""
IN_USE = ("already open", "file locking", "lock file")
"""What HDF5's errors say where this process has the file open, or another process has it open for writing."""
LINKS = {"ExternalLink": "an external link", "SoftLink": "a soft link"}


@contextmanager
def opened(source: Path | bytes, what: str) -> Iterator[Group]:
    """The root group of the HDF5 file at a path, or whose bytes are given; `what` names it in errors.

    A file at a path is not read into memory as a whole. Raises MissingDependencyError without h5py, FileError where the file is
    in use, FormatError where the bytes are damaged.
    """
    h5py = optional("h5py", "to read files of Keras, and of MATLAB 7.3", "keras")
    with damage_as_error(what):
        account = Account.of(source)
        try:
            # Nothing is written, so no lock is needed, and some network file systems refuse locks.
            file = h5py.File(io.BytesIO(source), "r") if isinstance(source, bytes) else h5py.File(source, "r", locking=False)
        except OSError as error:
            if any(phrase in str(error) for phrase in IN_USE):
                raise FileError(
                    f"{what} is open already, here or for writing in another process; close it there first"
                ) from error
            raise
    try:
        yield Group(file, account)
    finally:
        with damage_as_error(what):
            file.close()


class Group:
    """A group of an open file; see `opened`."""

    def __init__(self, group: Any, account: Account) -> None:
        self._group, self._account = group, account
        self._members: dict[str, Group | Array | None] = {}

    @property
    def name(self) -> str:
        """Its path in the file."""
        return str(self._group.name)

    def __len__(self) -> int:
        with damage_as_error("a group of the weights"):
            return len(self._group)

    def names(self) -> list[str]:
        """The names of its members; FormatError if there are too many, or one is no text."""
        check_count(len(self), MOST_LAYERS, f"members in {self.name}")
        self._account.claim_texts(len(self))
        with damage_as_error("a group of the weights"):
            names = list(self._group)
        for name in names:
            if not isinstance(name, str):  # h5py gives a name that is no UTF-8 as bytes
                raise FormatError(f"{self.name} holds a member called {name!r:.80}, which is no text; the file is damaged")
        return names

    def member(self, name: str) -> Group | Array | None:
        """The group or array called `name` directly under this one, or None; FormatError if it or its entries are elsewhere."""
        if "/" in name:  # HDF5 would take it for a path and follow links on the way
            raise FormatError(f"{self.name} is said to hold {name!r:.80}, which can be no name of a member")
        if name not in self._members:
            self._account.visit()
            with damage_as_error("a group of the weights"):
                self._members[name] = self._found(name)
        return self._members[name]

    def _found(self, name: str) -> Group | Array | None:
        link = self._group.get(name, getlink=True)
        if link is None:
            return None
        kind = type(link).__name__
        if kind != "HardLink":
            raise FormatError(f"{self.name}/{name} is {LINKS.get(kind, 'a link')} to elsewhere, which fastjac does not follow")
        return self._taken(self._group[name], None)

    def referred(self, reference: Any, name: str) -> Group | Array:
        """The group or array that an entry of `Array.references` refers to; errors call it `name`."""
        self._account.visit()
        with damage_as_error(name):
            return self._taken(self._group[reference], name)

    def _taken(self, found: Any, name: str | None) -> Group | Array:
        """What HDF5 found as a group or an array; FormatError if its entries are elsewhere."""
        if not hasattr(found, "dtype"):
            return Group(found, self._account)
        # Even asking for the shape of a virtual dataset may open other files.
        if found.is_virtual or found.external:
            raise FormatError(f"{name or found.name} keeps its entries outside the file, which fastjac does not follow")
        return Array(found, self._account, name or str(found.name))

    def group(self, *names: str) -> Group | None:
        """The group that is reached by way of the members called `names`, or None; FormatError where one is an array."""
        here = self
        for name in names:
            found = here.member(name)
            if found is None:
                return None
            if isinstance(found, Array):
                raise FormatError(f"{found.name} is an array, though a group is expected there")
            here = found
        return here

    def array(self, path: str) -> Array:
        """The array at `path`, names joined by "/"; FormatError if there is none, or only a link on the way."""
        *groups, last = path.split("/")
        check_count(len(groups), MOST_NESTING, f"groups around an array of {self.name}")
        parent = self.group(*groups)
        found = None if parent is None else parent.member(last)
        if found is None:
            raise FormatError(f"{self.name} holds no {path}, though it says so; the file is damaged")
        if isinstance(found, Group):
            raise no_array(found.name)
        return found

    def numbered(self) -> list[Array]:
        """The arrays that are its members, in the order of their names, which are 0, 1, ...; FormatError for another name."""
        check_count(len(self), MOST_NUMBERED, f"arrays in {self.name}")
        names = self.names()
        if set(names) != set(map(str, range(len(names)))):
            raise FormatError(f"its weights are called {', '.join(names[:10])}; a built-in layer's are numbered from 0")
        return [self.array(str(i)) for i in range(len(names))]

    def text(self, name: str) -> str | None:
        """The text that the attribute `name` holds, or None if there is none; FormatError if it is something else."""
        found = self._strings(name)
        if found is None:
            return None
        if len(found) != 1:
            raise FormatError(f"the attribute {name} of {self.name} must hold one text, it holds {len(found)}")
        return found[0]

    def texts(self, name: str) -> list[str] | None:
        """The texts of the attribute `name`, or, where Keras had to spread them over several, of `name`0, `name`1 and so on."""
        whole = self._strings(name)
        if whole is not None:
            return whole
        parts: list[list[str]] = []
        while (part := self._strings(f"{name}{len(parts)}")) is not None:
            parts.append(part)
            check_count(len(parts), MOST_PARTS, f"parts of {name} of {self.name}")
            check_count(sum(map(len, parts)), MOST_LAYERS, f"entries in {name} of {self.name}")
        return [text for part in parts for text in part] if parts else None

    def _strings(self, name: str) -> list[str] | None:
        what = f"the attribute {name} of {self.name}"
        self._account.visit()
        with damage_as_error(what):
            check_count(len(self._group.attrs), MOST_ATTRIBUTES, f"attributes of {self.name}")
            if name not in self._group.attrs:
                return None
            attribute = self._group.attrs.get_id(name)
            length = math.prod(attribute.shape)
            if length == 0:
                return []
            check_count(length, MOST_LAYERS, f"entries in {what}")
            self._account.claim_texts(length)
            self._check_text(name, attribute.get_type(), length)
            found = np.ravel(self._group.attrs[name]).tolist()
            self._account.claim(sum(map(len, found)), what)
            return [text.decode("utf-8") if isinstance(text, bytes) else text for text in found]

    def _check_text(self, name: str, kind: Any, length: int) -> None:
        """Raise FormatError if an attribute is no text, or may be far longer than what is stored."""
        what = f"the attribute {name} of {self.name}"
        if not hasattr(kind, "is_variable_str"):
            raise FormatError(f"{what} must hold text; the file is damaged or not from Keras")
        if kind.is_variable_str():
            longest = self._account.longest_text(name)
            check_count(longest, MOST_TEXT, f"bytes in {what}")
            refuse_expansion(length * longest, self._account.stored, what)
        else:
            check_count(length * kind.get_size(), min(MOST_TEXT, self._account.stored), f"bytes in {what}")
