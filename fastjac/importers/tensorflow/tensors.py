"""Arrays from TensorFlow's tensors, whose declared shapes are first compared with their bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..declared import check_size, declared_shape
from ..ir.account import Account
from ..ir.values import Shape
from ..reading.bfloat16 import as_numbers
from ..reading.protobuf import Message
from .types import STRING, TYPES, ElementType

DTYPE, SHAPE, CONTENT, STRINGS = 1, 2, 4, 8
FIXED_SIZE = {5: "<f4", 6: "<f8"}
"""The fields whose numbers have a fixed size. Other fields hold whole numbers, and half precision by its bits."""


def element_type(number: int, types: Mapping[int, ElementType] = TYPES) -> ElementType:
    """The type with this number; UnsupportedLayerError if fastjac does not read it."""
    if number not in types:
        names = ", ".join(known.name for known in types.values())
        raise UnsupportedLayerError(f"element type {number} is not supported; fastjac reads {names}")
    return types[number]


def read_shape(shape: Message) -> Shape:
    """The shape in a TensorShapeProto; all of its sizes must be known."""
    return declared_shape([-1] if shape.integer(3) else [dimension.integer(1) for dimension in shape.messages(2)])


def read_tensor(tensor: Message, account: Account) -> np.ndarray:
    """The array that a TensorProto holds; half precision is widened to float32.

    Where the TensorProto lists fewer entries than its shape has, the last one stands for the rest.
    """
    kind, shape = element_type(tensor.integer(DTYPE)), read_shape(tensor.message(SHAPE))
    size = math.prod(shape)
    if CONTENT in tensor:
        content = tensor.content(CONTENT)
        account.store(len(content))
        return as_array(content, kind, shape)
    listed = tensor.reals(kind.field, FIXED_SIZE[kind.field]) if kind.field in FIXED_SIZE else _whole(tensor, kind)
    if listed.size > size or (size and not listed.size):
        if not listed.size:
            listed = np.zeros(1, listed.dtype)  # protobuf leaves out a lone 0
        else:
            raise FormatError(f"{kind.name} of shape {shape} takes {size} entries, the file lists {listed.size}")
    account.store(listed.nbytes)
    account.make(size)
    entries = np.full(size, listed[-1] if listed.size else 0, listed.dtype)
    entries[: listed.size] = listed[:size]
    return as_numbers(entries, kind.name).reshape(shape)


def _whole(tensor: Message, kind: ElementType) -> np.ndarray:
    """Entries that are listed as whole numbers."""
    numbers = np.array(tensor.integers(kind.field), np.int64)
    if kind.name in ("float16", "bfloat16"):
        return numbers.astype("<u2").view(kind.stored)
    return numbers.astype(kind.stored)


def as_array(content: bytes | memoryview | np.ndarray, kind: ElementType, shape: Shape) -> np.ndarray:
    """The array in some bytes; FormatError where they do not fit its shape."""
    check_size(kind.name, kind.stored, shape, len(content))
    stored = np.frombuffer(content, "u1" if kind.name == "bool" else kind.stored)
    return as_numbers(stored, kind.name).reshape(shape)


def read_strings(tensor: Message) -> list[bytes]:
    """The texts that a TensorProto lists."""
    if tensor.integer(DTYPE) != STRING:
        raise FormatError("a list of names is no tensor of strings; the file is damaged")
    return tensor.contents(STRINGS)
