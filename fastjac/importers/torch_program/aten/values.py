"""The values that the variables of a program hold, and how they become tensors of the intermediate form.

A variable holds a tensor (Constant or Flow), the result of a comparison of tensors (Condition), or a number, text, list, tuple or
dict of Python's. A number that depends on how many samples a batch has, as a size does, is a Constant without axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir.choice import Condition, as_number
from ...ir.values import Constant, Flow, Value, computed, constant, fixed
from ...reading.limits import MOST_LAYERS, check_count

DTYPES = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
    15: "bfloat16",
}
"""The types that torch's numbers for types stand for."""
NUMBER_OF_TYPE = {name: number for number, name in DTYPES.items()}
NUMBERS = (int, float)


@dataclass(frozen=True)
class Missing:
    """A value that fastjac does not have, such as the places of the largest entries; it may not be used."""

    reason: str


PLACES = Missing(
    "it uses the places of the largest or smallest entries, which jump from one to another and have no derivative; fastjac takes "
    "the entries themselves"
)


@dataclass(frozen=True)
class FlowType:
    """The type of a tensor that depends on the network's inputs; it is the type of the whole network."""


def tensor(value: Any, what: str = "operand") -> Value:
    """A variable as a tensor."""
    if isinstance(value, (Constant, Flow)):
        return value
    if isinstance(value, Condition):
        return as_number(value)
    if isinstance(value, Missing):
        raise UnsupportedLayerError(value.reason)
    if isinstance(value, (bool, *NUMBERS)):
        return constant(np.array(whole(value) if isinstance(value, int) else value))
    raise FormatError(f"its {what} is {kind_of(value)}, where torch takes a tensor")


def optional(value: Any, what: str) -> Value | None:
    """A variable as a tensor; None if the variable is None."""
    return None if value is None else tensor(value, what)


def tensors(values: Any) -> list[Value]:
    """A list of tensors."""
    if not isinstance(values, (list, tuple)):
        raise FormatError(f"it takes a list of tensors, got {kind_of(values)}")
    check_count(len(values), MOST_LAYERS, "tensors in one list")
    return [tensor(value) for value in values]


def whole(value: Any, what: str = "number") -> int:
    """A whole number that does not depend on the number of samples; it may stand in a tensor."""
    if isinstance(value, Constant) and value.alone.size == 1 and value.alone.dtype.kind in "biu":
        value = fixed(value, what).item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        raise FormatError(f"its {what} is {kind_of(value)}, where torch takes a whole number")
    if not -(2**63) <= value < 2**63:
        raise FormatError(f"its {what} is beyond what torch counts with")
    return int(value)


def real(value: Any, what: str = "number") -> float:
    """A real number; it may stand in a tensor."""
    if isinstance(value, Constant) and value.alone.size == 1:
        value = fixed(value, what).item()
    if not isinstance(value, NUMBERS):
        raise FormatError(f"its {what} is {kind_of(value)}, where torch takes a number")
    return float(whole(value) if isinstance(value, int) else value)


def axes(value: Any) -> tuple[int, ...] | None:
    """The axes in a list, or a single axis; None where none are given, which stands for all axes."""
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return None
    return tuple(whole(one, "axis") for one in listed(value))


def listed(value: Any) -> Sequence[Any]:
    """A list, or one entry as a list."""
    found = value if isinstance(value, (list, tuple)) else [value]
    check_count(len(found), MOST_LAYERS, "entries in one list")
    return found


def sizes(value: Any) -> Constant:
    """A list of sizes, each a number that may depend on the number of samples."""
    parts = [tensor(one, "size") for one in listed(value)]
    if any(isinstance(part, Flow) or part.alone.size != 1 for part in parts):
        raise UnsupportedLayerError("a shape depends on the network's input; fastjac takes shapes that are constant")
    if not parts:
        return constant(np.zeros(0, np.int64))
    return computed(lambda *arrays: np.array([int(array.item()) for array in arrays], np.int64), *parts)


def stored(array: np.ndarray, name: str) -> Constant:
    """A tensor of the file. Half precision is widened to float32, which changes no number."""
    return constant(array.astype(np.float32) if array.dtype == np.float16 else array, name)


def number_of(value: Constant) -> Any:
    """A constant without axes as a number of Python's, unless it depends on the number of samples."""
    return value.alone.item() if value.batch is value.alone else value


def is_number(value: Any) -> bool:
    """Whether it is a number of Python's, or a size that depends on the number of samples."""
    return isinstance(value, (bool, *NUMBERS)) or (
        isinstance(value, Constant) and not value.alone.ndim and value.batch is not value.alone
    )


def paired(a: Any, b: Any) -> tuple[Value, Value]:
    """Two operands in the precision that torch computes with: a number takes on that of a tensor beside it."""
    first, second = tensor(a), tensor(b)
    if isinstance(first, Constant) and isinstance(second, Constant):
        return _like(first, second), _like(second, first)
    return first, second


def _like(value: Constant, other: Constant) -> Constant:
    mine, its = value.alone.dtype, other.alone.dtype
    if value.alone.ndim or not other.alone.ndim or mine == its:
        return value
    if its.kind == "f":
        return cast(value, its.name)
    return cast(value, "float32") if mine.kind == "f" else value


def cast(value: Constant, dtype: str) -> Constant:
    """A constant in another type."""
    return computed(lambda array: array.astype(dtype), value)


def floating(value: Value) -> Value:
    """A tensor of whole numbers as floating-point numbers, which torch converts them to where it divides or takes a root."""
    if isinstance(value, Constant) and value.alone.dtype.kind in "biu":
        return cast(value, "float32" if value.alone.ndim else "float64")
    return value


def dtype_name(dtype: Any, default: str) -> str:
    """The name of a type that a program specifies by its number."""
    if dtype is None or isinstance(dtype, FlowType):
        return default
    if not isinstance(dtype, int) or dtype not in DTYPES:
        raise UnsupportedLayerError(f"it asks for torch's type {dtype!s:.40}; fastjac knows {', '.join(DTYPES.values())}")
    return DTYPES[dtype]


def stored_dtype(dtype: Any, default: str) -> str:
    """The type that constants of a type have here, where half precision is widened."""
    name = dtype_name(dtype, default)
    return "float32" if name in ("float16", "bfloat16") else name


def kind_of(value: Any) -> str:
    """What a variable holds, in words."""
    if isinstance(value, Missing):
        return "what fastjac does not have"
    return "a tensor" if isinstance(value, (Constant, Flow, Condition)) else f"a {type(value).__name__}"
