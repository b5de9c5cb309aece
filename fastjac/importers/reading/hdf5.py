"""Read arrays and texts out of an HDF5 file that may come from anywhere.

HDF5 can point a name at another file, keep a dataset's entries outside, and declare far more than it stores; none of that is
followed or believed. Everything that h5py does with the file happens here, since damaged bytes can make any of it fail; what
they would make run for ever is found before, in `hdf5_heaps`.
"""

from __future__ import annotations

import io
import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FastjacError, FormatError
from ...optional import optional
from .bfloat16 import widen_bfloat16
from .hdf5_heaps import longest_object
from .limits import MOST_LAYERS, MOST_NESTING, MOST_TEXT, check_count, refuse_expansion

NUMBERS = "fiu"
"""The kinds of NumPy dtypes that arrays of weights have; opaque entries of two bytes, which are bfloat16, come besides."""
FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
"""The filters of a compressed dataset that h5py brings itself; HDF5 would look for a library to load for any other."""
MOST_ARRAYS = 100
"""Arrays of one layer; no layer of Keras has a tenth of that."""
LINKS = {"ExternalLink": "an external link", "SoftLink": "a soft link"}


@contextmanager
def _damage_told(what: str) -> Iterator[None]:
    """Turn whatever h5py raises on damaged bytes into a FormatError."""
    try:
        yield
    except FastjacError:
        raise
    except Exception as error:  # h5py passes on errors of many classes, from OverflowError to SystemError
        raise FormatError(f"{what} cannot be read as HDF5 ({error!r}); it is truncated or damaged") from error


@contextmanager
def opened(source: Path | bytes, what: str) -> Iterator[Group]:
    """The root group of the HDF5 file at a path, or whose bytes are given; `what` names it in errors.

    A file at a path is not read into memory as a whole. Raises MissingDependencyError without h5py, FormatError where the
    bytes are damaged.
    """
    h5py = optional("h5py", "to read Keras files", "keras")
    with _damage_told(what):
        account = _Account.of(source)
        # Nothing is written, so there is no need of a lock, which some network file systems refuse.
        file = h5py.File(io.BytesIO(source), "r") if isinstance(source, bytes) else h5py.File(source, "r", locking=False)
    try:
        yield Group(file, account)
    finally:
        with _damage_told(what):
            file.close()


@dataclass
class _Account:
    """What a file holds, and how much of it was asked for; what it declares is held against that.

    stored : the size of the file in bytes.
    longest_text : the most bytes that a text of variable length in it has.
    claimed : the bytes of all that was read so far.
    """

    stored: int
    longest_text: int
    claimed: int = 0

    @staticmethod
    def of(source: Path | bytes) -> _Account:
        """The account of a file, whose heaps are checked."""
        if isinstance(source, bytes):
            return _Account(len(source), longest_object(source))
        with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Account(len(content), longest_object(content))

    def claim(self, size: int, what: str) -> None:
        """Count `size` bytes more; FormatError if all that was claimed is far more than what the file holds."""
        self.claimed += size
        refuse_expansion(self.claimed, self.stored, what)


class Group:
    """A group of an open file; see `opened`."""

    def __init__(self, group: Any, account: _Account) -> None:
        self._group, self._account = group, account

    @property
    def name(self) -> str:
        """Its path in the file."""
        return str(self._group.name)

    def __len__(self) -> int:
        with _damage_told("a group of the weights"):
            return len(self._group)

    def names(self) -> list[str]:
        """The names of its members; FormatError if there are too many, or one is no text."""
        check_count(len(self), MOST_LAYERS, f"members in {self.name}")
        with _damage_told("a group of the weights"):
            names = list(self._group)
        for name in names:
            if not isinstance(name, str):  # so h5py gives what is no UTF-8
                raise FormatError(f"{self.name} holds a member called {name!r:.80}, which is no text; the file is damaged")
        return names

    def member(self, name: str) -> Group | Array | None:
        """The group or array called `name` directly under this one, or None; FormatError if it or its entries are elsewhere."""
        if "/" in name:  # HDF5 would take it for a path and follow what is on the way
            raise FormatError(f"{self.name} is said to hold {name!r:.80}, which can be no name of a member")
        with _damage_told("a group of the weights"):
            link = self._group.get(name, getlink=True)
            if link is None:
                return None
            kind = type(link).__name__
            if kind != "HardLink":
                raise FormatError(
                    f"{self.name}/{name} is {LINKS.get(kind, 'a link')} to elsewhere, which fastjac does not follow"
                )
            found = self._group[name]
            if not hasattr(found, "dtype"):
                return Group(found, self._account)
            # Even to ask for the shape of a virtual dataset may open other files.
            if found.is_virtual or found.external:
                raise FormatError(f"{found.name} keeps its entries outside the file, which fastjac does not follow")
            return Array(found, self._account)

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
            raise _no_array(found.name)
        return found

    def numbered(self) -> list[Array]:
        """The arrays that are its members, in the order of their names, which are 0, 1, ...; FormatError for another name."""
        check_count(len(self), MOST_ARRAYS, f"arrays in {self.name}")
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
        """The texts that the attribute `name` holds, or, where Keras had to spread them, `name`0, `name`1 and so on."""
        whole = self._strings(name)
        if whole is not None:
            return whole
        parts: list[list[str]] = []
        while (part := self._strings(f"{name}{len(parts)}")) is not None:
            parts.append(part)
            check_count(sum(map(len, parts)), MOST_LAYERS, f"entries in {name} of {self.name}")
        return [text for part in parts for text in part] if parts else None

    def _strings(self, name: str) -> list[str] | None:
        what = f"the attribute {name} of {self.name}"
        with _damage_told(what):
            if name not in self._group.attrs:
                return None
            attribute = self._group.attrs.get_id(name)
            length = math.prod(attribute.shape)
            if length == 0:
                return []
            check_count(length, MOST_LAYERS, f"entries in {what}")
            self._check_text(attribute.get_type(), length, what)
            found = np.ravel(self._group.attrs[name]).tolist()
            self._account.claim(sum(map(len, found)), what)
            return [text.decode("utf-8") if isinstance(text, bytes) else text for text in found]

    def _check_text(self, kind: Any, length: int, what: str) -> None:
        """Raise FormatError if an attribute is no text, or may be far longer than what is stored."""
        if not hasattr(kind, "is_variable_str"):
            raise FormatError(f"{what} must hold text; the file is damaged or not from Keras")
        if kind.is_variable_str():
            refuse_expansion(length * self._account.longest_text, self._account.stored, what)
        else:
            check_count(length * kind.get_size(), min(MOST_TEXT, self._account.stored), f"bytes in {what}")


class Array:
    """A dataset of an open file, which is read only when asked; see `opened`."""

    def __init__(self, dataset: Any, account: _Account) -> None:
        self._dataset, self._account = dataset, account

    @property
    def name(self) -> str:
        """Its path in the file."""
        return str(self._dataset.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """The declared shape; FormatError if it has none."""
        with _damage_told("an array of the weights"):
            declared: tuple[int, ...] | None = self._dataset.shape
        if declared is None:
            raise _no_array(self.name)
        return declared

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers, and no counts or seeds."""
        with _damage_told("an array of the weights"):
            return self._dataset.dtype.kind == "f" or self._is_bfloat16

    def read(self) -> np.ndarray:
        """All entries; FormatError if they are no numbers or far larger than what is stored."""
        with _damage_told("an array of the weights"):
            self._check_kind()
            self._check_storage(self._dataset.dtype.itemsize * math.prod(self.shape))
            array: np.ndarray = self._dataset[()]
            return widen_bfloat16(array) if self._is_bfloat16 else array

    @property
    def _is_bfloat16(self) -> bool:
        """Whether it holds opaque entries of two bytes, as which Keras stores bfloat16 and nothing else."""
        dtype = self._dataset.dtype
        return dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None and dtype.subdtype is None

    def _check_kind(self) -> None:
        if self._dataset.dtype.kind not in NUMBERS and not self._is_bfloat16:
            raise FormatError(f"{self.name} holds entries of type {self._dataset.dtype}, though weights are numbers")
        for number in self._filters():
            if number not in FILTERS:
                raise FormatError(
                    f"{self.name} is compressed by filter {number}; fastjac reads {', '.join(FILTERS.values())} only, "
                    "so write the file again without compression"
                )

    def _check_storage(self, declared: int) -> None:
        """Raise FormatError if it declares more bytes than are stored for it, or far more if it is compressed."""
        stored = min(self._dataset.id.get_storage_size(), self._account.stored)
        if not self._filters() and declared > stored:
            raise FormatError(f"{self.name} claims to hold {declared} bytes, {stored} are stored; the file is cut off or made up")
        chunk = math.prod(self._dataset.chunks or ()) * self._dataset.dtype.itemsize
        refuse_expansion(max(declared, chunk), stored, self.name)
        self._account.claim(declared, f"what is read of the file up to {self.name}")

    def _filters(self) -> list[int]:
        plan = self._dataset.id.get_create_plist()
        return [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]


def _no_array(name: str) -> FormatError:
    return FormatError(f"{name} is no array, though one is expected there")
