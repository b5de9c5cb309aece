"""MATLAB files of level 5 (`.mat` of versions 5 to 7) out of bytes that may come from anywhere: arrays, text, cells and structs.

A file is a header and elements, one for each variable. An element is a tag, which states a type and how many bytes follow, and
these bytes; a short element has its bytes in the tag. A variable is an element that consists of elements: flags, dimensions, a
name, then entries, or further variables for cells and structs. A variable may be packed by zlib. Numbers are stored in any type
that holds them.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...errors import FormatError
from .limits import MOST_ARRAYS, MOST_NAME, MOST_UNITS, check_count, refuse_expansion

HEADER = 128
"""How many bytes stand before the first variable; the last four state the version and the order of bytes."""
ORDERS = {b"IM": "<", b"MI": ">"}
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""The types of stored numbers by their codes."""
TEXTS = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""How text is stored, by the codes of types; letters in more than one row take 16 bits each."""
CELL, STRUCT, OBJECT, CHAR, SPARSE = range(1, 6)
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""The types of arrays of numbers by the codes of their classes."""
OTHERS = {OBJECT: "an object", SPARSE: "a sparse matrix", 16: "a function", 17: "an object"}
"""Classes whose values are passed over."""
COMPLEX = 0x0800
MOST_DEPTH = 10
"""The most levels of cells and structs in each other."""


class Unread(NamedTuple):
    """A value that is passed over; it only states what it is."""

    kind: str


class Element(NamedTuple):
    """A piece of the file: the code of its type, where its bytes begin and end, and where the next one begins."""

    code: int
    start: int
    end: int
    next: int


@dataclass
class _Account:
    """Counts what is read of a file, and compares it with the file's size."""

    size: int
    n_bytes: int = 0
    n_values: int = 0

    def take(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes
        refuse_expansion(self.n_bytes, self.size, "what is read of the file")

    def count(self) -> None:
        self.n_values += 1
        check_count(self.n_values, MOST_ARRAYS, "values")


def read(content: bytes) -> dict[str, Any]:
    """The variables of a file by name: arrays, cells as lists in MATLAB's order, structs of one as dicts, text, and Unread.

    Raises FormatError where the file is damaged, or asks for more than its size allows.
    """
    order = ORDERS.get(content[HEADER - 2 : HEADER])
    if order is None:
        raise FormatError("its header states no order of bytes; the file is damaged")
    account = _Account(len(content))
    whole, at, variables = _Reader(content, order, account), HEADER, dict[str, Any]()
    while at < len(content):
        element = whole.element(at, len(content))
        name, value = whole.unpacked(element) if element.code == COMPRESSED else whole.variable(element)
        variables[name] = value
        at = element.end if element.code == COMPRESSED else element.next  # no filling follows a packed element
    return variables


class _Reader:
    """Reads elements out of bytes whose order is known."""

    def __init__(self, content: bytes, order: str, account: _Account) -> None:
        self._content, self._order, self._account = content, order, account

    def element(self, at: int, end: int) -> Element:
        """The element whose tag stands at `at`; it must end at `end` or before."""
        if at + 8 > end:
            raise FormatError(f"it ends at byte {end} in the middle of a tag; it is truncated or damaged")
        code, size = struct.unpack_from(f"{self._order}II", self._content, at)
        if code >> 16:
            size, code = code >> 16, code & 0xFFFF
            if size > 4:
                raise FormatError(f"byte {at} is the tag of a short element of {size} bytes; the file is damaged")
            return Element(code, at + 4, at + 4 + size, at + 8)
        start = at + 8
        if start + size > end:
            raise FormatError(f"byte {at} claims {size} bytes, {end - start} follow; the file is truncated or damaged")
        return Element(code, start, start + size, min(end, start + size + -size % 8))

    def unpacked(self, element: Element) -> tuple[str, Any]:
        """The variable in a packed element."""
        packed, unpacking = self._content[element.start : element.end], zlib.decompressobj()
        try:
            tag = unpacking.decompress(packed, 8)
            size = struct.unpack(f"{self._order}II", tag)[1] if len(tag) == 8 else 0
            self._account.take(size)
            refuse_expansion(size, len(packed), "a variable")
            content = tag + (unpacking.decompress(unpacking.unconsumed_tail, size) if size else b"")
            if unpacking.decompress(unpacking.unconsumed_tail, 1) or not unpacking.eof:
                raise FormatError("a variable unpacks to another size than it claims; the file is damaged")
        except zlib.error as error:
            raise FormatError(f"a variable cannot be unpacked ({error}); the file is damaged") from error
        inner = _Reader(content, self._order, self._account)
        return inner.variable(inner.element(0, len(content)))

    def variable(self, element: Element, depth: int = MOST_DEPTH) -> tuple[str, Any]:
        """The name and the value in an element."""
        self._account.count()
        if element.code != MATRIX:
            raise FormatError(f"byte {element.start} begins an element of type {element.code}, no variable; the file is damaged")
        if depth == 0:
            raise FormatError(f"it has more than {MOST_DEPTH} levels of cells and structs in each other")
        if element.start == element.end:
            return "", np.empty((0, 0))  # an empty cell is stored like this
        inner = _Inner(self, element)
        flags = inner.numbers("i4", "u4")
        kind, is_complex = (int(flags[0]) & 0xFF, int(flags[0]) & COMPLEX) if flags.size else (0, 0)
        if kind == 17:
            return "", Unread(OTHERS[kind])  # it has no dimensions
        shape = tuple(map(int, inner.numbers("i4", "u4")))
        name = inner.text()
        if kind in OTHERS or is_complex:
            return name, Unread(OTHERS.get(kind, "an array of complex numbers"))
        if min(shape, default=0) < 0 or len(shape) < 2:
            raise FormatError(f"the variable {name:.80} has the shape {shape!s:.80}; the file is damaged")
        check_count(len(shape), 32, "axes")
        check_count(max(shape), MOST_UNITS, f"entries along one axis of {name:.80}")
        return name, self._value(inner, kind, shape, depth)

    def _value(self, inner: _Inner, kind: int, shape: tuple[int, ...], depth: int) -> Any:
        count = math.prod(shape)
        if kind == CELL:
            check_count(count, MOST_ARRAYS, "values in a cell array")
            return [self.variable(inner.next(), depth - 1)[1] for _ in range(count)]
        if kind == STRUCT:
            return self._struct(inner, count, depth)
        if kind == CHAR:
            return self._text(inner.next(), shape)
        if kind not in CLASSES:
            raise FormatError(f"it has a value of class {kind}, which MATLAB has not; the file is damaged")
        stored, dtype = inner.numbers(), np.dtype(CLASSES[kind])
        self._account.take(count * dtype.itemsize)
        if stored.size != count:
            raise FormatError(f"an array of shape {shape!s:.80} has {stored.size} entries; the file is damaged")
        with np.errstate(all="ignore"):
            return stored.astype(dtype).reshape(shape, order="F")

    def _struct(self, inner: _Inner, count: int, depth: int) -> Any:
        lengths, names = inner.numbers("i4", "u4"), inner.next()
        length, packed = int(lengths[0]) if lengths.size else 0, self.bytes_of(names)
        if length < 1 or len(packed) % length:
            raise FormatError("the names of a struct's fields do not fill their places; the file is damaged")
        check_count(len(packed) // length, MOST_ARRAYS, "fields in a struct")
        if count != 1:
            return Unread("an array of structs")
        fields = [packed[at : at + length].partition(b"\0")[0].decode("latin-1") for at in range(0, len(packed), length)]
        return {field: self.variable(inner.next(), depth - 1)[1] for field in fields}

    def _text(self, element: Element, shape: tuple[int, ...]) -> Any:
        """A text, or a list of texts where the letters stand in several rows."""
        content = self.bytes_of(element)
        check_count(len(content), MOST_NAME, "bytes in a text")
        if element.code not in TEXTS:
            raise FormatError(f"a text is stored as type {element.code}; the file is damaged")
        encoding = TEXTS[element.code]
        letters = content.decode(encoding if encoding in ("latin-1", "utf-8") else f"{encoding}-{self._suffix}", "replace")
        if len(shape) != 2 or shape[0] <= 1:
            return letters
        if shape[0] * shape[1] != len(letters):
            return Unread("a text of several rows")
        return ["".join(letters[row :: shape[0]]).rstrip() for row in range(shape[0])]

    @property
    def _suffix(self) -> str:
        return "le" if self._order == "<" else "be"

    def bytes_of(self, element: Element) -> bytes:
        """The bytes of an element."""
        return self._content[element.start : element.end]

    def numbers(self, element: Element, *kinds: str) -> np.ndarray:
        """The entries of an element of numbers; if `kinds` are given, the entries must be of one of these."""
        stored, size = NUMBERS.get(element.code, ""), element.end - element.start
        if not stored or (kinds and stored not in kinds) or size % int(stored[1]):
            wanted = " or ".join(kinds) or "numbers"
            raise FormatError(
                f"byte {element.start} begins {size} bytes of type {element.code}, no {wanted}; the file is damaged"
            )
        return np.frombuffer(self._content, f"{self._order}{stored}", size // int(stored[1]), element.start)


class _Inner:
    """The elements within an element, one after the other."""

    def __init__(self, reader: _Reader, outer: Element) -> None:
        self._reader, self._at, self._end = reader, outer.start, outer.end

    def next(self) -> Element:
        element = self._reader.element(self._at, self._end)
        self._at = element.next
        return element

    def numbers(self, *kinds: str) -> np.ndarray:
        return self._reader.numbers(self.next(), *kinds)

    def text(self) -> str:
        content = self._reader.bytes_of(self.next())
        check_count(len(content), MOST_NAME, "letters in a name")
        return content.decode("latin-1")
