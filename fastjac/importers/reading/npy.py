"""Arrays in NumPy's own format out of bytes that may come from anywhere. Nothing is unpickled."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DtypeError, FormatError

Header = tuple[tuple[int, ...], bool, np.dtype]
# Version 3 differs from 2 in the names of fields alone, and an array of numbers has none.
HEADERS: dict[tuple[int, int], Callable[[Any], Header]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}
"""The reader of shape, Fortran order and dtype by the format's version; NumPy itself bounds the header's length."""


def read(content: bytes, what: str) -> np.ndarray:
    """The array of numbers in the bytes of a .npy file; `what` names it in errors.

    Raises FormatError where the bytes are damaged or are not as many as shape and dtype ask for, DtypeError for an array that
    does not hold real numbers.
    """
    file = io.BytesIO(content)
    shape, is_fortran, dtype = _header(file, what)
    _check_dtype(dtype, what)
    n_items, held = math.prod(shape), len(content) - file.tell()
    if min(shape, default=0) < 0 or n_items * dtype.itemsize != held:
        raise FormatError(f"{what} has shape {shape} of {dtype}, but {held} bytes of entries; it is truncated or damaged")
    try:
        return np.frombuffer(content, dtype, n_items, file.tell()).reshape(shape, order="F" if is_fortran else "C")
    except ValueError as error:
        raise FormatError(f"{what} has shape {shape}, which NumPy cannot make ({error}); it is damaged") from error


def _header(file: io.BytesIO, what: str) -> Header:
    try:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise FormatError(f"{what} has version {version} of NumPy's format; fastjac reads {', '.join(map(str, HEADERS))}")
        return HEADERS[version](file)
    except FormatError:
        raise
    except Exception as error:  # NumPy parses the header with Python's own parser, whose errors are of many classes
        raise FormatError(f"{what} is no array as numpy.save writes it ({error!s:.200}); it is truncated or damaged") from error


def _check_dtype(dtype: np.dtype, what: str) -> None:
    if dtype.hasobject:
        raise DtypeError(f"{what} holds Python objects, which fastjac never unpickles; save arrays of numbers")
    if dtype.kind == "V" and dtype.itemsize == 2:
        raise DtypeError(f"{what} has dtype {dtype}, which is how NumPy saves bfloat16; save it with .astype(np.float32)")
    if dtype.kind not in "fiub":
        raise DtypeError(f"{what} must hold real numbers, got dtype {dtype}")
