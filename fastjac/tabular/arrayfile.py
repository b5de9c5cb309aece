"""Arrays in .npy files: read without unpickling and without loading, written block by block and never by halves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import DtypeError, FormatError
from ..files import replacing
from ..importers.reading.probe import probe


def read_array(path: Path) -> np.ndarray:
    """The array of numbers in a .npy file, mapped into memory: read only where it is used.

    Raises MissingFileError or FileError for a file that is missing or cannot be opened, FormatError for one that is not
    .npy or is truncated, DtypeError for an array that does not hold real numbers. Nothing is ever unpickled.
    """
    found = probe(path)
    if not found.head.startswith(np.lib.format.MAGIC_PREFIX):
        hint = ", but a zip archive; if it is an .npz, save the array you need by itself" if found.zip_names else ""
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            hint = '; numpy.save("table.npy", table[names].to_numpy()) writes one'
        raise FormatError(f"{path} is not a .npy file as numpy.save writes it{hint}")
    try:
        with np.errstate(over="ignore"):  # a damaged header may promise any size
            array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy parses the header with Python's own parser, whose errors are of many classes
        if "Python objects" in str(error):
            raise DtypeError(f"{path} holds Python objects, which fastjac never unpickles; save an array of numbers") from error
        raise FormatError(f"{path} is truncated or damaged: {error}") from error
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"{path} must hold real numbers, got dtype {array.dtype}")
    return array


def write_array(path: Path, blocks: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Write an array of `shape` to a .npy file, given in blocks of its leading axes.

    The file appears under its name only when it is complete. An error or an interrupt leaves no trace of it.
    Raises FileError if it cannot be written.
    """
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with replacing(path) as file:
        np.lib.format.write_array_header_2_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
