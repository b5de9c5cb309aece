"""Tensors in the safetensors format out of a file that may come from anywhere.

Eight bytes state the length of a JSON header. It maps names to dtype, shape and offsets of the tensors behind it, and
`__metadata__` to strings about the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FileError, FormatError
from ..located import located
from . import jsontext
from .bfloat16 import widen_bfloat16
from .limits import MOST_ARRAYS, MOST_TEXT, check_count
from .probe import Probe

LENGTH_BYTES = 8
METADATA = "__metadata__"
DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
}
"""The format's names of dtypes, and the dtypes by which NumPy reads them; bfloat16 is then widened. Integers are counters."""


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies: in bytes `begin` to `end` behind the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def recognise(probe: Probe) -> bool:
    """Whether the file starts with the length of a header, followed by a JSON object."""
    return probe.head[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{" and _header_length(probe) < 2**32


def read(probe: Probe) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata of a file and its tensors by name, which stay in the file until they are used; bfloat16 is widened.

    Raises FormatError where the header is damaged, or where tensors are not as large as it says, overlap, or leave holes; no
    tensor is read before that is checked.
    """
    try:
        content = np.asarray(np.memmap(probe.path, np.uint8, "r"))
    except (OSError, ValueError) as error:
        raise FileError(f"it cannot be read: {error}") from error
    check_count(_header_length(probe), MOST_TEXT, "bytes in the header")
    start = LENGTH_BYTES + _header_length(probe)
    if start > content.size:
        raise FormatError(f"its header should take {start} bytes, the file has {content.size}; it is truncated or damaged")
    header = jsontext.read_object(content[LENGTH_BYTES:start].tobytes(), "the header")
    metadata = _metadata(header.pop(METADATA, {}))
    check_count(len(header), MOST_ARRAYS, "tensors")
    tensors = [_stored(name, described) for name, described in header.items()]
    _check_places(tensors, content.size - start)
    return metadata, {tensor.name: _array(tensor, content[start:]) for tensor in tensors}


def _header_length(probe: Probe) -> int:
    return int.from_bytes(probe.head[:LENGTH_BYTES], "little")


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise FormatError(f"{METADATA} in the header must map names to strings; the file is damaged")
    return value


def _stored(name: str, described: Any) -> Stored:
    """The place of one tensor, whose size must be that of its shape and dtype."""
    with located(f"tensor {name!r:.100}"):
        if not isinstance(described, dict) or set(described) != {"dtype", "shape", "data_offsets"}:
            raise FormatError("the header must give dtype, shape and data_offsets, and nothing else; the file is damaged")
        dtype, shape, offsets = (described[part] for part in ("dtype", "shape", "data_offsets"))
        if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
            raise FormatError("shape and the two data_offsets must be whole numbers from 0 on; the file is damaged")
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise FormatError(f"it has dtype {dtype!r:.20}; fastjac reads {', '.join(DTYPES)}, so save it as F32")
        begin, end = offsets
        if math.prod(shape) * DTYPES[dtype].itemsize != end - begin:
            raise FormatError(f"a {dtype} of shape {tuple(shape)!s:.100} does not take {end - begin} bytes; the file is damaged")
        return Stored(name, dtype, tuple(shape), begin, end)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _check_places(tensors: Iterable[Stored], size: int) -> None:
    """Refuse tensors that overlap, leave holes, or do not fill the `size` bytes behind the header."""
    last = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != last:
            raise FormatError(f"tensor {tensor.name!r:.100} starts at byte {tensor.begin}, not where another ends; it is damaged")
        last = tensor.end
    if last != size:
        raise FormatError(f"its tensors should take {last} bytes, {size} follow the header; the file is truncated or damaged")


def _array(tensor: Stored, content: np.ndarray) -> np.ndarray:
    array = content[tensor.begin : tensor.end].view(DTYPES[tensor.dtype])
    try:
        array = array.reshape(tensor.shape)
    except ValueError as error:
        raise FormatError(f"tensor {tensor.name!r:.100} has a shape that NumPy cannot make ({error!s:.100})") from error
    return widen_bfloat16(array) if tensor.dtype == "BF16" else array
