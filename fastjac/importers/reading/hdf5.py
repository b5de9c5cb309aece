"""Read arrays out of an HDF5 file that may come from anywhere.

HDF5 can point a name at another file, or a dataset at bytes outside; neither is followed here. Everything that h5py does
with the file happens in this module, since damaged bytes can make any of it fail.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np

from ...errors import FastjacError, FormatError, MissingDependencyError
from .limits import refuse_expansion


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
    try:
        yield file
    finally:
        with _damage_told(what):
            file.close()


@_damage_told("a group of the weights")
def member(group: Any, name: str) -> Any | None:
    """The group or dataset called `name` directly under `group`, or None; FormatError if it is only a link."""
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if type(link).__name__ != "HardLink":
        raise FormatError(f"{group.name}/{name} is a {type(link).__name__} to elsewhere, which fastjac does not follow")
    return group[name]


@_damage_told("a group of the weights")
def numbered(group: Any) -> list[Any]:
    """The members of a group in the order of their names, which are 0, 1, ...; FormatError if one has another name."""
    members = []
    for i in range(len(group)):
        found = member(group, str(i))
        if found is None:
            raise FormatError(f"its weights are called {', '.join(islice(group, 10))}; a built-in layer's are numbered from 0")
        members.append(found)
    return members


@_damage_told("an array of the weights")
def shape(dataset: Any) -> tuple[int, ...]:
    """The declared shape of a dataset; FormatError if it is none."""
    if not hasattr(dataset, "dtype") or dataset.shape is None:
        raise FormatError(f"{dataset.name} is no array, though one is expected there")
    declared: tuple[int, ...] = dataset.shape
    return declared


@_damage_told("an array of the weights")
def read(dataset: Any) -> np.ndarray:
    """All entries of a dataset; FormatError if they lie outside the file or are far larger than what is stored."""
    if dataset.external or dataset.is_virtual:
        raise FormatError(f"{dataset.name} keeps its entries outside the file, which fastjac does not follow")
    refuse_expansion(dataset.nbytes, dataset.id.get_storage_size(), dataset.name)
    array: np.ndarray = dataset[()]
    # Keras stores bfloat16 as two opaque bytes and says so in an attribute.
    is_bfloat16 = array.dtype.kind == "V" and dataset.attrs.get("dtype") == "bfloat16"
    return _widen_bfloat16(array) if is_bfloat16 else array


def _widen_bfloat16(array: np.ndarray) -> np.ndarray:
    """float32 numbers from bfloat16 ones, which are their upper two bytes."""
    upper = np.ascontiguousarray(array).view(np.uint16).astype(np.uint32)
    return (upper << 16).view(np.float32)
