"""Questions about tensors, constants that a program makes, and what computes nothing: the table QUERIES."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import movement as mv
from ...ir.account import spend
from ...ir.choice import Condition
from ...ir.values import Constant, Flow, Value, computed, constant, size_of
from ...precision import refuse_rounding
from ...reading.limits import MOST_LAYERS, check_count
from .movement import same
from .values import (
    NUMBER_OF_TYPE,
    FlowType,
    cast,
    dtype_name,
    is_number,
    kind_of,
    listed,
    number_of,
    real,
    sizes,
    stored_dtype,
    tensor,
    whole,
)

Operator = Callable[..., Any]


def _size(self: Any, dim: Any = None) -> Any:
    """The sizes of all axes, or of one."""
    value = tensor(self)
    rank = len(value.shape)
    if dim is None:
        return [_size(self, axis) for axis in range(rank)]
    axis = mv.checked_axis(whole(dim, "axis"), rank)
    return number_of(computed(lambda shape: shape[0], mv.shape_of(value, axis, axis + 1)))


def _dim(self: Any) -> int:
    return len(tensor(self).shape)


def _count(self: Any) -> Any:
    return number_of(mv.count_of(tensor(self)))


def _length(a: Any) -> Any:
    return len(a) if isinstance(a, (list, tuple, dict, str)) else _size(a, 0)


def _dtype(a: Any) -> Any:
    """The number of a type."""
    if isinstance(a, (Flow, Condition)):
        return FlowType()
    return NUMBER_OF_TYPE.get(tensor(a).alone.dtype.name, FlowType())


def _is_floating(self: Any) -> bool:
    return isinstance(self, Flow) or tensor(self).alone.dtype.kind == "f"


def _cast(self: Any, *targets: Any, **options: Any) -> Value:
    """The same in another place or another precision, which the network has as a whole."""
    for target in (*targets, *options.values()):
        if type(target) is int:
            return _typed(self, target)
        if isinstance(target, (Constant, Flow)):
            return _typed(self, _dtype(target))
    return same(self)


def _typed(self: Any, dtype: Any) -> Value:
    value = tensor(self)
    if isinstance(value, Flow):
        refuse_rounding(dtype_name(dtype, "float32"))
        return same(value)
    name = stored_dtype(dtype, value.alone.dtype.name)
    return value if name == value.alone.dtype.name else cast(value, name)


# Constants


def _filled(number: float | int) -> Operator:
    """A tensor of a shape, all of whose entries are one number."""

    def call(size: Any, *rest: Any, dtype: Any = None, **options: Any) -> Constant:
        return _full(size, number, dtype=dtype if not rest else rest[0])

    return call


def _full(size: Any, fill_value: Any, *rest: Any, dtype: Any = None, **options: Any) -> Constant:
    entry = fill_value.alone.item() if isinstance(fill_value, Constant) and fill_value.alone.size == 1 else real(fill_value)
    name = dtype_name(dtype if not rest else rest[0], "float32")

    def filled(told: np.ndarray) -> np.ndarray:
        shape = tuple(told.tolist())
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
    found = _full([number_of(computed(lambda told, at=axis: told[at], shape)) for axis in range(len(value.shape))], fill_value)
    return found if isinstance(value, Flow) else cast(found, value.alone.dtype.name)


def _new_filled(number: float | int) -> Operator:
    return lambda self, size, *rest, **options: _full(size, number)


def _tensor(data: Any, *rest: Any, dtype: Any = None, **options: Any) -> Value:
    """A tensor of a list of numbers, or of lists of them."""
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


def _item(self: Any) -> Any:
    value = tensor(self)
    if isinstance(value, Flow):
        raise UnsupportedLayerError(
            "it takes a number out of a tensor that depends on the network's input; keep it a tensor, and choose by torch.where"
        )
    if value.alone.size != 1:
        raise FormatError(f"it takes one number out of a tensor of shape {value.shape}")
    return number_of(computed(lambda array: array.reshape(()), value))


def _as_tensor(a: Any) -> Any:
    """A number as a tensor; sizes that depend on the number of samples stay numbers."""
    return a if is_number(a) and isinstance(a, Constant) else tensor(a)


# Python's own


def _contains(a: Any, b: Any) -> bool:
    if not isinstance(a, (list, tuple, dict)) or isinstance(b, (list, dict)):
        raise FormatError(f"it looks for something in {kind_of(a)}; the file is damaged")
    return any(one is b or (isinstance(one, (str, int, float)) and one == b) for one in a)


def _append(self: Any, el: Any) -> Any:
    if not isinstance(self, list):
        raise FormatError(f"it appends to {kind_of(self)}; the file is damaged")
    check_count(len(self), MOST_LAYERS, "entries in a list")
    self.append(el)
    return self


def _copied_list(l: Any) -> list[Any]:  # noqa: E741
    return list(l) if isinstance(l, dict) else [*listed(l)]


def _nothing(*args: Any, **options: Any) -> None:
    return None


QUERIES: dict[str, Operator] = {
    "size": _size,
    "sym_size": _size,
    "dim": _dim,
    "ndimension": _dim,
    "numel": _count,
    "sym_numel": _count,
    "len": _length,
    "is_floating_point": _is_floating,
    "prim.dtype": _dtype,
    "prim.device": lambda a: "cpu",
    "prim.layout": lambda a: 0,
    "prim.type": lambda a: a,
    "prim.is_cuda": lambda a: False,
    "prim.is_quantized": lambda a: False,
    "prim.requires_grad": lambda a: False,
    "prim.data": same,
    "prim.NumToTensor": _as_tensor,
    "prim.unchecked_unwrap_optional": lambda a: a,
    "prim.min": lambda a, b=None: min(_numbers_of(a, b)),
    "prim.max": lambda a, b=None: max(_numbers_of(a, b)),
    "is_grad_enabled": lambda: False,
    "device": lambda a, *rest: "cpu",
    "to": _cast,
    "_to_copy": _cast,
    "type_as": lambda self, other: _cast(self, other),
    "cpu": lambda self: same(self),
    "cuda": lambda self: same(self),
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
    "item": _item,
    "_local_scalar_dense": _item,
    "is_nonzero": _item,
    "IntImplicit": _item,
    "FloatImplicit": _item,
    "ScalarImplicit": _item,
    "__contains__": _contains,
    "__is__": lambda self, obj: self is obj,
    "__isnot__": lambda self, obj: self is not obj,
    "append": _append,
    "list": _copied_list,
    "format": lambda self, *args: str(self)[:200],
    "warn": _nothing,
    "_assert": _nothing,
    "_assert_scalar": _nothing,
    "_assert_async": _nothing,
    "_assert_tensor_metadata": _nothing,
    "sym_constrain_range": _nothing,
    "sym_constrain_range_for_size": _nothing,
}
"""By torch's names; those of `prim` are of TorchScript's own list."""


def _numbers_of(a: Any, b: Any) -> list[Any]:
    found = listed(a) if b is None else [a, b]
    if not found or not all(isinstance(one, (int, float)) for one in found):
        raise FormatError("it takes the smallest or largest of what are no numbers; the file is damaged")
    return list(found)


def _as_number(kind: type) -> Operator:
    """A number of Python's out of a tensor or another number."""

    def call(value: Any) -> Any:
        if isinstance(value, str) and kind is float and value.lower().lstrip("+-") in ("inf", "infinity", "nan"):
            return float(value)
        found = _item(value) if isinstance(value, (Constant, Flow, Condition)) else value
        if isinstance(found, Constant):
            return found  # a size that depends on the number of samples
        if not isinstance(found, (int, float)) or (kind is int and not math.isfinite(found)):
            raise FormatError(f"it makes a number of {kind_of(found)}; the file is damaged")
        return kind(found)

    return call


OPERATORS_OF_PYTHON: dict[str, Operator] = {
    "int": _as_number(int),
    "float": _as_number(float),
    "bool": _as_number(bool),
    "str": lambda value: str(value)[:200],
    "print": _nothing,
}
"""Functions of Python's that stand in a program in TorchScript, by name."""
