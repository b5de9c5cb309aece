"""Arrays out of an ONNX file's tensors; their declared shapes are first compared with their bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..declared import check_size, declared_shape
from ..ir.account import Account
from ..ir.values import Shape
from ..reading.bfloat16 import as_numbers
from .external import ExternalData

EXTERNAL = 1


@dataclass(frozen=True)
class ElementType:
    """How a tensor's entries are stored.

    name : ONNX's name of the type.
    dtype : NumPy's dtype for the same bytes.
    field : the field of a tensor that holds the entries where they are not raw bytes, as numbers that may be wider.
    """

    name: str
    dtype: str
    field: str


ELEMENT_TYPES = {
    1: ElementType("FLOAT", "<f4", "float_data"),
    2: ElementType("UINT8", "u1", "int32_data"),
    3: ElementType("INT8", "i1", "int32_data"),
    4: ElementType("UINT16", "<u2", "int32_data"),
    5: ElementType("INT16", "<i2", "int32_data"),
    6: ElementType("INT32", "<i4", "int32_data"),
    7: ElementType("INT64", "<i8", "int64_data"),
    9: ElementType("BOOL", "u1", "int32_data"),
    10: ElementType("FLOAT16", "<f2", "int32_data"),
    11: ElementType("DOUBLE", "<f8", "double_data"),
    12: ElementType("UINT32", "<u4", "uint64_data"),
    13: ElementType("UINT64", "<u8", "uint64_data"),
    16: ElementType("BFLOAT16", "<u2", "int32_data"),
}
"""The types whose entries fastjac reads, by ONNX's number; the others are strings, complex, or of fewer than eight bits."""
NUMPY_NAMES = {"FLOAT": "float32", "DOUBLE": "float64"}
"""NumPy's names of the types whose name is not ONNX's in small letters."""


def element_type(number: int) -> ElementType:
    """The type of that number; UnsupportedLayerError if fastjac does not read it."""
    if number not in ELEMENT_TYPES:
        names = ", ".join(known.name for known in ELEMENT_TYPES.values())
        raise UnsupportedLayerError(f"element type {number} is not supported; fastjac reads {names}")
    return ELEMENT_TYPES[number]


def dtype_name(number: int) -> str:
    """NumPy's name of the type with that number; "" for 0, which stands for no type."""
    if number not in ELEMENT_TYPES:
        return f"type {number} of ONNX" if number else ""
    name = ELEMENT_TYPES[number].name
    return NUMPY_NAMES.get(name, name.lower())


class TensorReader:
    """Reads tensors, and counts their bytes.

    external : where tensors outside the file are looked for, or None to refuse them.
    """

    def __init__(self, account: Account, external: ExternalData | None) -> None:
        self.account = account
        self._external = external

    def dense(self, tensor: Any) -> np.ndarray:
        """The array that a TensorProto holds; half precision is widened to float32.

        Raises FormatError where shape and bytes do not fit, UnsupportedLayerError where the entries are no numbers or are
        outside the file without leave.
        """
        kind = element_type(tensor.data_type)
        shape = declared_shape(tensor.dims)
        size = math.prod(shape) * np.dtype(kind.dtype).itemsize
        if tensor.data_location == EXTERNAL:
            stored = np.frombuffer(self._external_bytes(tensor, size), kind.dtype)
        else:
            stored = _stored_entries(tensor, kind, shape)
        self.account.store(size)
        return as_numbers(stored, kind.name.lower()).reshape(shape)

    def sparse(self, tensor: Any) -> np.ndarray:
        """The full array of a SparseTensorProto, which holds only the entries other than zero."""
        shape = declared_shape(tensor.dims)
        values, indices = self.dense(tensor.values), self.dense(tensor.indices)
        self.account.make(math.prod(shape))
        try:
            if indices.ndim == 2:
                indices = np.ravel_multi_index(tuple(indices.T), shape)
            array = np.zeros(math.prod(shape), values.dtype)
            array[indices] = values
        except (ValueError, IndexError, TypeError) as error:
            raise FormatError(f"its indices do not fit its values or its shape {shape}: {error}") from error
        return array.reshape(shape)

    def _external_bytes(self, tensor: Any, size: int) -> bytes:
        if self._external is None:
            raise UnsupportedLayerError(
                "its entries stand outside the file; if you trust where it comes from, pass external_data=True, which reads "
                "files in the same directory"
            )
        return self._external.read({entry.key: entry.value for entry in tensor.external_data}, size)


def _stored_entries(tensor: Any, kind: ElementType, shape: Shape) -> np.ndarray:
    """The entries as the file has them, from raw bytes or from the field of numbers that belongs to their type."""
    raw = tensor.raw_data if tensor.HasField("raw_data") else None
    numbers = getattr(tensor, kind.field)
    held = len(numbers) * np.dtype(kind.dtype).itemsize if raw is None else len(raw)
    check_size(kind.name, kind.dtype, shape, held)
    if raw is not None:
        return np.frombuffer(raw, kind.dtype)
    # Half-precision entries come as whole numbers; their two lower bytes are the bits of the entry.
    bits = "<u2" if kind.name == "FLOAT16" else kind.dtype
    return np.array(numbers).astype(bits).view(kind.dtype)
