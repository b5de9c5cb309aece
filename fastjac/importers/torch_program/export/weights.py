"""The tensors of an archive of torch.export, in the ways in which versions of torch have stored them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir.account import Account
from ...ir.values import Constant
from ...located import located
from ...reading import archive
from ...reading.archive import Archive
from ...reading.limits import MOST_ARRAYS, check_count
from ...torch_file.checkpoint import entries_of
from ...torch_file.container import zip_content
from ...torch_file.storages import Described, item_size
from ...torch_file.tensors import Layout, Tensors, check_layout, is_tensor
from ..aten.values import stored
from .described import object_in

Reader = Callable[[], np.ndarray]
TYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
}
"""What torch.export's numbers for types stand for."""
STRIDED = 7
"""torch.export's number for the layout of ordinary tensors."""


class Weights:
    """Tensors by name, each read when it is first asked for."""

    def __init__(self, readers: Mapping[str, Reader], account: Account) -> None:
        self._readers, self._account = readers, account
        self._arrays: dict[str, Constant] = {}

    def __getitem__(self, name: str) -> Constant:
        if name not in self._readers:
            raise FormatError(f"the archive holds no tensor {name!r:.80}; the file is damaged")
        if name not in self._arrays:
            with located(f"tensor {name!r:.80}"):
                array = self._readers[name]()
            self._account.store(array.nbytes)
            self._arrays[name] = stored(array, name[:80])
        return self._arrays[name]


class _Members:
    """Storages that are members of an archive, each by itself; a member's name is the storage's key."""

    byte_order = "little"

    def __init__(self, found: Archive) -> None:
        self._archive = found

    def read(self, storage: Described) -> bytes:
        """All bytes of a storage."""
        return self._archive.read(storage.key)


def weights(found: Archive, folder: str, model: str, size: int, account: Account) -> Weights:
    """The parameters, buffers and constants of a model.

    folder : the archive's one folder, with a slash at its end.  model : the model's name.  size : the file's, in bytes.
    """
    readers: dict[str, Reader] = {}
    tensors = Tensors(_Members(found), size)
    for place in ("weights", "constants"):
        config = f"{folder}data/{place}/{model}_{place}_config.json"
        if config in found.names:
            readers |= _listed(found, config, tensors)
    for member in (f"{folder}data/weights/{model}.pt", f"{folder}data/constants/{model}.pt", *OLDER):
        if member in found.names:
            with located(member[:200]):
                readers |= _pickled(found.read_stored(member), size)
    check_count(len(readers), MOST_ARRAYS, "tensors")
    return Weights(readers, account)


OLDER = tuple(f"serialized_{part}.{suffix}" for part in ("state_dict", "constants") for suffix in ("pt", "json"))
"""The members in which torch before 2.8 stored tensors; those whose names end in json are pickles too."""


def _listed(found: Archive, config: str, tensors: Tensors) -> dict[str, Reader]:
    """The tensors that a list in JSON describes; each lies in a member of its own."""
    entries = object_in(found, config).get("config")
    if not isinstance(entries, dict):
        raise FormatError(f"{config:.200} lists no tensors; the file is damaged")
    folder = config.rpartition("/")[0]
    return {name: partial(_described, found, folder, entry, tensors) for name, entry in entries.items()}


def _described(found: Archive, folder: str, entry: Any, tensors: Tensors) -> np.ndarray:
    meta = entry.get("tensor_meta") if isinstance(entry, dict) else None
    if not isinstance(meta, dict) or not isinstance(entry.get("path_name"), str):
        raise FormatError("its description names no file, or no shape; fastjac reads tensors, and no other objects")
    if entry.get("use_pickle"):
        raise UnsupportedLayerError("it is a tensor of a class of its own, stored as a pickle; make it a plain one in torch")
    dtype = TYPES.get(meta.get("dtype", 0)) if isinstance(meta.get("dtype"), int) else None
    if dtype is None or meta.get("layout", STRIDED) != STRIDED:
        raise UnsupportedLayerError(
            f"it is of torch.export's type {meta.get('dtype')!s:.20} and layout {meta.get('layout')!s:.20}; fastjac reads "
            f"{', '.join(TYPES.values())}, and no sparse ones"
        )
    member = f"{folder}/{entry['path_name']}"
    storage = Described(member, dtype, found.size(member) // item_size(dtype))
    size, stride = (tuple(integer(one) for one in _list(meta.get(part))) for part in ("sizes", "strides"))
    layout = Layout(storage, dtype, integer(meta.get("storage_offset", {"as_int": 0})), size, stride)
    check_layout(layout)
    return tensors.laid_out(layout)


def integer(value: Any) -> int:
    """A whole number from 0 on: plain, or as torch.export writes a number that might depend on other sizes."""
    found = value.get("as_int") if isinstance(value, dict) else value
    if type(found) is not int or found < 0:
        raise FormatError(f"a size is {value!s:.80} and no whole number; the file is damaged")
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError("its sizes or strides are no list; the file is damaged")
    return value


def _pickled(content: bytes, size: int) -> dict[str, Reader]:
    """The tensors of a dict that torch.save wrote as an archive within the archive; other objects are left out."""
    if not content:
        return {}
    with archive.within(content) as inner:
        value, storages = zip_content(inner)
        tensors = Tensors(storages, size)
        entries = entries_of(value) or {}
        found = {name: one for name, one in entries.items() if isinstance(name, str) and is_tensor(one)}
        arrays = {}
        for name, one in found.items():
            with located(f"tensor {name!r:.80}"):
                arrays[name] = tensors.array(one)
    return {name: partial(_held, array) for name, array in arrays.items()}


def _held(array: np.ndarray) -> np.ndarray:
    return array
