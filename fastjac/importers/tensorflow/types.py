"""The types of the entries of TensorFlow's tensors, by TensorFlow's numbers for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ElementType:
    """How the entries of a tensor are stored.

    name : NumPy's name of the type that they are read as.  stored : the dtype of their bytes.
    field : the number of the TensorProto's field that holds them where they are not raw bytes; 0 where there is no such field.
    """

    name: str
    stored: str
    field: int = 0


TYPES = {
    1: ElementType("float32", "<f4", 5),
    2: ElementType("float64", "<f8", 6),
    3: ElementType("int32", "<i4", 7),
    4: ElementType("uint8", "u1", 7),
    5: ElementType("int16", "<i2", 7),
    6: ElementType("int8", "i1", 7),
    9: ElementType("int64", "<i8", 10),
    10: ElementType("bool", "?", 11),
    14: ElementType("bfloat16", "<u2", 13),
    17: ElementType("uint16", "<u2", 7),
    19: ElementType("float16", "<f2", 13),
    22: ElementType("uint32", "<u4", 16),
    23: ElementType("uint64", "<u8", 17),
}
"""The types whose entries fastjac reads. The others are strings, complex, quantized, or no types of tensors."""
STRING = 7
