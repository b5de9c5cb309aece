"""Arrays in NumPy's own format out of bytes that may come from anywhere. Nothing is unpickled.

An array is a signature, the format's version, the length of a header, the header, and the entries. The header is a Python dict as
text. NumPy hands it to Python's own parser; here a pattern reads it, which accepts only the form that arrays of numbers have, and
takes no longer than that.
"""

from __future__ import annotations

import math
import re
import struct

import numpy as np

from ...errors import DtypeError, FormatError
from .limits import MOST_VALUES, check_count

MAGIC = b"\x93NUMPY"
LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I", b"\x03\x00": "<I"}
"""The form of the header's length, by version. Version 3 differs from 2 in the names of fields, which numbers do not have."""
MOST_HEADER = 10_000
"""The most bytes of the header, as in NumPy."""
FIELD = re.compile(
    r"""\s*['"](?P<name>descr|fortran_order|shape)['"]\s*:\s*(?P<value>'[^']*'|"[^"]*"|\[[^\]]*\]|True|False|\([^()]*\))\s*(,|$)"""
)
SHAPE = re.compile(r"\(\s*(\d{1,40}L?\s*,\s*)*(\d{1,40}L?\s*)?\)")
DTYPE = re.compile(r"[<>|=]?[a-zA-Z]\d{0,9}(\[\w{1,9}\])?")
TEXT = re.compile(r"(?P<order>[<>])U\d{1,6}")
LAST_LETTER = 0x10FFFF
OBJECT = re.compile(r"['\"|<>=]O\d*['\"]")


def read(content: bytes, what: str) -> np.ndarray:
    """The array of numbers in the bytes of a .npy file; `what` names it in errors.

    Raises FormatError where the bytes are damaged or are not as many as shape and dtype need, DtypeError for an array that does
    not hold real numbers.
    """
    fields, start = _header(content, what)
    return _entries(content, start, fields, _dtype(fields["descr"], what), what)


def read_text(content: bytes, what: str) -> list[str]:
    """The entries of an array of text, in the order of C; FormatError as for `read`, DtypeError for other entries."""
    fields, start = _header(content, what)
    described = TEXT.fullmatch(fields["descr"][1:-1])
    if described is None:
        raise DtypeError(f"{what} must hold text, got dtype {fields['descr']:.40}")
    entries = _entries(content, start, fields, np.dtype(described[0]), what)
    check_count(entries.size, MOST_VALUES, f"entries in {what}")
    letters = np.frombuffer(content, f"{described['order']}u4", offset=start)
    if np.any(letters > LAST_LETTER):
        raise FormatError(f"{what} holds letters that do not exist; it is damaged")
    return [str(entry) for entry in entries.ravel()]


def object_pickle(content: bytes, what: str) -> int | None:
    """Where the pickle of an array of Python objects begins in the bytes of a .npy file; None where it holds something else."""
    fields, start = _header(content, what)
    return start if OBJECT.search(fields["descr"]) else None


def _entries(content: bytes, start: int, fields: dict[str, str], dtype: np.dtype, what: str) -> np.ndarray:
    """The entries behind a header, in their shape."""
    shape = tuple(map(int, re.findall(r"\d+", fields["shape"])))
    n_items, held = math.prod(shape), len(content) - start
    if n_items * dtype.itemsize != held:
        raise FormatError(f"{what} has shape {shape!s:.100} of {dtype}, but {held} bytes of entries; it is truncated or damaged")
    try:
        is_fortran = fields["fortran_order"] == "True"
        return np.frombuffer(content, dtype, n_items, start).reshape(shape, order="F" if is_fortran else "C")
    except ValueError as error:
        raise FormatError(f"{what} has shape {shape!s:.100}, which NumPy cannot make ({error!s:.100}); it is damaged") from error


def _header(content: bytes, what: str) -> tuple[dict[str, str], int]:
    """The fields of the header as text, and where the entries begin."""
    version = content[len(MAGIC) : len(MAGIC) + 2]
    if not content.startswith(MAGIC) or len(version) < 2:
        raise _no_array(what, "it has another signature")
    if version not in LENGTHS:
        raise FormatError(f"{what} has version {tuple(version)} of NumPy's format; fastjac reads {', '.join(_versions())}")
    start = len(MAGIC) + 2 + struct.calcsize(LENGTHS[version])
    if len(content) < start:
        raise _no_array(what, "it ends in the header")
    (length,) = struct.unpack_from(LENGTHS[version], content, len(MAGIC) + 2)
    if start + length > len(content) or length > MOST_HEADER:
        raise _no_array(what, f"its header should have {length} bytes, of at most {min(MOST_HEADER, len(content) - start)}")
    return _fields(content[start : start + length].decode("latin-1"), what), start + length


def _fields(header: str, what: str) -> dict[str, str]:
    """The three fields of a header, each once."""
    header = header.strip()
    inner, at, fields = header[1:-1].rstrip(), 0, dict[str, str]()
    if header[:1] + header[-1:] != "{}":
        raise _no_array(what, "its header is no dict")
    while at < len(inner):
        found = FIELD.match(inner, at)
        if found is None or found["name"] in fields:
            raise _no_array(what, f"its header holds {inner[at : at + 40]!r}")
        fields[found["name"]], at = found["value"], found.end()
    if fields.keys() != {"descr", "fortran_order", "shape"}:
        raise _no_array(what, f"its header specifies {', '.join(fields) or 'nothing'}")
    if SHAPE.fullmatch(fields["shape"]) is None or fields["fortran_order"] not in ("True", "False"):
        raise _no_array(what, f"its header has the shape {fields['shape']:.40}, fortran_order {fields['fortran_order']:.40}")
    return fields


def _dtype(described: str, what: str) -> np.dtype:
    """The dtype of the entries; DtypeError unless they are real numbers."""
    if OBJECT.search(described):
        raise DtypeError(f"{what} holds Python objects, which fastjac never unpickles; save arrays of numbers")
    if DTYPE.fullmatch(described[1:-1]) is None:
        raise DtypeError(f"{what} must hold real numbers, got dtype {described:.40}")
    try:
        dtype = np.dtype(described[1:-1])
    except TypeError as error:
        raise _no_array(what, f"its header has the dtype {described}") from error
    if dtype.kind == "V" and dtype.itemsize == 2:
        raise DtypeError(f"{what} has dtype {dtype}, which is how NumPy saves bfloat16; save it with .astype(np.float32)")
    if dtype.kind not in "fiub":
        raise DtypeError(f"{what} must hold real numbers, got dtype {dtype}")
    return dtype


def _no_array(what: str, why: str) -> FormatError:
    return FormatError(f"{what} is no array as numpy.save writes it ({why}); it is truncated or damaged")


def _versions() -> list[str]:
    return [str(tuple(version)) for version in LENGTHS]
