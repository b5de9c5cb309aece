"""Where results are written part by part: arrays, arrays mapped to a file, and data sets of h5py, zarr and their like."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arguments import check_form
from ..errors import FileError, OptionError
from ..graphs.ends import check_outputs, paired

FULL = {errno.ENOSPC, errno.EDQUOT}
"""The errors of a system that has no room for a file, on the disk or in the user's quota."""


def leaves(out: Any) -> list[Any]:
    """The targets of all blocks, one after another."""
    return [leaf for part in out for leaf in leaves(part)] if isinstance(out, (tuple, list)) else [out]


def first_axis(out: Any) -> int:
    """The length of the first target's first axis; 0 where it has none."""
    return next(iter(np.shape(next(iter(leaves(out)), ()))), 0)


def is_data_set(out: Any) -> bool:
    """Whether `out` is no NumPy array, but is written by an index like one."""
    # The dtype keeps out tensors of other libraries, whose memory is no file.
    is_typed = isinstance(getattr(out, "dtype", None), np.dtype)
    return is_typed and not isinstance(out, np.ndarray) and hasattr(out, "shape") and hasattr(out, "__setitem__")


def is_on_disk(out: Any) -> bool:
    """Whether a target, or one of several, is a data set or mapped to a file."""
    return any(isinstance(leaf, np.memmap) or is_data_set(leaf) for leaf in leaves(out))


def check_targets(out: Any, result: Any, dtype: np.dtype, inputs: Iterable[Any], name: str = "out") -> None:
    """Raise unless a result, in blocks if it is a tuple, can be written to `out`, apart from the inputs."""
    if any(map(is_data_set, leaves(out))):
        if isinstance(result, tuple):
            for number, (target, block) in enumerate(paired(out, result, name)):
                check_targets(target, block, dtype, inputs, f"{name}[{number}]")
            return
        check_form(out, result.shape, dtype, name)
        if getattr(out, "read_only", False) or getattr(getattr(out, "file", None), "mode", None) == "r":
            raise OptionError(f'{name} must be writeable, got a read-only data set; open its file with mode="r+"')
        return
    arrays = [array for array in inputs if isinstance(array, np.ndarray)]
    for array in arrays or [np.empty(0, dtype)]:
        check_outputs(out, result, dtype, array, name)


def reserve(out: Any) -> None:
    """Take room on the disk for arrays that are mapped to files of their own, where the system can.

    Raises FileError for a full disk. Otherwise the first page without room would kill the process later.
    """
    for array in leaves(out):
        if isinstance(array, np.memmap) and array.mode in ("r+", "w+") and array.filename and hasattr(os, "posix_fallocate"):
            try:
                with open(array.filename, "r+b") as file:
                    if os.fstat(file.fileno()).st_size == array.offset + array.nbytes:
                        os.posix_fallocate(file.fileno(), array.offset, array.nbytes)
            except OSError as error:
                # A system that cannot reserve room, or a file that has no name any more, does no harm.
                if error.errno in FULL:
                    raise FileError(f"cannot write {array.filename}: {error.strerror or error}") from error


def part_of(out: Any, index: Any) -> Any:
    """Some of the samples of arrays, as views."""
    return tuple([part_of(part, index) for part in out]) if isinstance(out, (tuple, list)) else out[index]


def store(out: Any, index: Any, result: Any, name: str = "out") -> None:
    """Write the results of some samples to a data set. Raises FileError where it cannot be written."""
    if isinstance(result, tuple):
        for number, (target, block) in enumerate(zip(out, result, strict=True)):
            store(target, index, block, f"{name}[{number}]")
        return
    try:
        out[index] = result
    except OSError as error:
        raise FileError(f"cannot write to {name}: {error.strerror or error}") from error
