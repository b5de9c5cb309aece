"""Read arrays out of an HDF5 file that may come from anywhere.

HDF5 can point a name at another file, or a dataset at bytes outside; neither is followed here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import FormatError, MissingDependencyError
from .probe import refuse_expansion


@contextmanager
def opened(content: bytes, what: str) -> Iterator[Any]:
    """The root group of the HDF5 file whose bytes are `content`; `what` names it in errors.

    Raises MissingDependencyError without h5py, FormatError where the bytes are damaged.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "h5py is needed to read Keras files; install it with: pip install 'fastjac[keras]'"
        ) from error
    with _damage_told(what):
        file = h5py.File(io.BytesIO(content), "r")
    with file:
        yield file


def member(group: Any, name: str) -> Any | None:
    """The group or dataset called `name` directly under `group`, or None; FormatError if it is only a link."""
    with _damage_told(group.name):
        link = group.get(name, getlink=True)
        found = group[name] if type(link).__name__ == "HardLink" else None
    if link is not None and found is None:
        raise FormatError(f"{group.name}/{name} is a {type(link).__name__} to elsewhere, which fastjac does not follow")
    return found


def shape(dataset: Any) -> tuple[int, ...]:
    """The declared shape of a dataset; FormatError if it is none."""
    if not hasattr(dataset, "dtype") or dataset.shape is None:
        raise FormatError(f"{dataset.name} is no array, though one is expected there")
    declared: tuple[int, ...] = dataset.shape
    return declared


def read(dataset: Any) -> np.ndarray:
    """All entries of a dataset; FormatError if they lie outside the file or are far larger than what is stored."""
    if dataset.external or dataset.is_virtual:
        raise FormatError(f"{dataset.name} keeps its entries outside the file, which fastjac does not follow")
    refuse_expansion(dataset.nbytes, dataset.id.get_storage_size(), dataset.name)
    with _damage_told(dataset.name):
        array: np.ndarray = dataset[()]
        # Keras stores bfloat16 as two opaque bytes and says so in an attribute.
        return _widen_bfloat16(array) if dataset.attrs.get("dtype") == "bfloat16" else array


@contextmanager
def _damage_told(what: str) -> Iterator[None]:
    """Turn whatever h5py raises on damaged bytes into a FormatError."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{what} cannot be read as HDF5 ({error}); it is truncated or damaged") from error


def _widen_bfloat16(array: np.ndarray) -> np.ndarray:
    """float32 numbers from bfloat16 ones, which are their upper two bytes."""
    upper = np.ascontiguousarray(array).view(np.uint16).astype(np.uint32)
    return (upper << 16).view(np.float32)
