"""Constants that a program makes: the table CONSTANTS."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import FormatError
from ...ir import movement as mv
from ...ir.account import spend
from ...ir.values import Constant, Flow, Value, computed, constant, size_of
from ...reading.limits import MOST_LAYERS, check_count
from .values import cast, dtype_name, number_of, real, sizes, stored_dtype, tensor, whole

Operator = Callable[..., Any]


def _filled(number: float | int) -> Operator:
    """The operator that makes a tensor of a given shape whose entries are all one number."""

    def call(size: Any, *rest: Any, dtype: Any = None, **options: Any) -> Constant:
        return _full(size, number, dtype=dtype if not rest else rest[0])

    return call


def _full(size: Any, fill_value: Any, *rest: Any, dtype: Any = None, **options: Any) -> Constant:
    entry = fill_value.alone.item() if isinstance(fill_value, Constant) and fill_value.alone.size == 1 else real(fill_value)
    name = dtype_name(dtype if not rest else rest[0], "float32")

    def filled(lengths: np.ndarray) -> np.ndarray:
        shape = tuple(lengths.tolist())
        if any(length < 0 for length in shape):
            raise FormatError(f"it makes a tensor of shape {shape}; the file is damaged")
        spend(size_of(shape))
        return np.full(shape, entry, name)

    return computed(filled, sizes(size))


def _filled_like(number: float | int) -> Operator:
    def call(self: Any, *rest: Any, **options: Any) -> Constant:
        return _full_like(self, number)

    return call


def _full_like(self: Any, fill_value: Any, *rest: Any, **options: Any) -> Constant:
    value = tensor(self)
    shape = mv.shape_of(value)
    found = _full([number_of(computed(lambda own, at=axis: own[at], shape)) for axis in range(len(value.shape))], fill_value)
    return found if isinstance(value, Flow) else cast(found, value.alone.dtype.name)


def _new_filled(number: float | int) -> Operator:
    return lambda self, size, *rest, **options: _full(size, number)


def _tensor(data: Any, *rest: Any, dtype: Any = None, **options: Any) -> Value:
    """A tensor of the numbers in a list, or in lists inside lists."""
    if isinstance(data, (Constant, Flow)):
        return data
    entries = _numbers(data, 0)
    default = "float32" if any(isinstance(one, float) for one in _flat(entries)) else "int64"
    name = stored_dtype(dtype if not rest else rest[0], default)
    try:
        return constant(np.array(entries, name))
    except (ValueError, OverflowError) as error:
        raise FormatError(f"its numbers are no tensor: {error}") from error


def _numbers(data: Any, depth: int) -> Any:
    check_count(depth, 16, "axes in a tensor")
    if isinstance(data, (list, tuple)):
        check_count(len(data), MOST_LAYERS, "numbers in a list")
        return [_numbers(one, depth + 1) for one in data]
    return data if isinstance(data, (bool, int, float)) else whole(data)


def _flat(entries: Any) -> list[Any]:
    return [one for inner in entries for one in _flat(inner)] if isinstance(entries, list) else [entries]


def _arange(*args: Any, start: Any = 0, end: Any = None, step: Any = 1, dtype: Any = None) -> Constant:
    """Numbers from `start` on and before `end`; a lone number is the end."""
    named = dict(zip(("end",) if len(args) == 1 else ("start", "end", "step", "dtype"), args, strict=False))
    first, last, by = named.get("start", start), named.get("end", end), named.get("step", step)
    dtype = named.get("dtype", dtype)
    first, last, by = (one if isinstance(one, (int, float)) else whole(one) for one in (first, last, by))
    count = math.ceil((last - first) / by) if by and math.isfinite(first) and math.isfinite(last) else -1
    if count < 0:
        raise FormatError(f"it counts from {first} to {last} by {by}; the file is damaged")
    spend(count)
    name = dtype_name(dtype, "int64" if all(isinstance(one, int) for one in (first, last, by)) else "float32")
    return constant((first + np.arange(count) * by).astype(name))


CONSTANTS: dict[str, Operator] = {
    "zeros": _filled(0),
    "ones": _filled(1),
    "full": _full,
    "zeros_like": _filled_like(0),
    "ones_like": _filled_like(1),
    "full_like": _full_like,
    "new_zeros": _new_filled(0),
    "new_ones": _new_filled(1),
    "new_full": lambda self, size, fill_value, *rest, **options: _full(size, fill_value),
    "empty": _filled(0),
    "empty_like": _filled_like(0),
    "new_empty": _new_filled(0),
    "fill": lambda self, value: _full_like(self, value),
    "zero": _filled_like(0),
    "tensor": _tensor,
    "scalar_tensor": lambda s, **options: _tensor(s, **options),
    "arange": _arange,
}
"""Operators by torch's names."""
