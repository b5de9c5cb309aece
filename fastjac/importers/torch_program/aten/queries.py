"""Questions about tensors, and operators that compute nothing: the table QUERIES."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ....errors import FormatError, UnsupportedLayerError
from ...ir import movement as mv
from ...ir.choice import Condition
from ...ir.values import Constant, Flow, Value, computed
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


def _dtype(a: Any) -> Any:
    """The number of a type."""
    if isinstance(a, (Flow, Condition)):
        return FlowType()
    return NUMBER_OF_TYPE.get(tensor(a).alone.dtype.name, FlowType())


def _cast(self: Any, *targets: Any, **options: Any) -> Value:
    """The same tensor on another device or in another precision. The network has one precision as a whole."""
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
    "len": lambda a: len(a) if isinstance(a, (list, tuple, dict, str)) else _size(a, 0),
    "is_floating_point": lambda self: isinstance(self, Flow) or tensor(self).alone.dtype.kind == "f",
    "prim.dtype": _dtype,
    "prim.device": lambda a: "cpu",
    "prim.layout": lambda a: 0,
    "prim.type": lambda a: a,
    **dict.fromkeys(("prim.is_cuda", "prim.is_quantized", "prim.requires_grad"), lambda a: False),
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
    **dict.fromkeys(("item", "_local_scalar_dense", "is_nonzero", "IntImplicit", "FloatImplicit", "ScalarImplicit"), _item),
    "__contains__": _contains,
    "__is__": lambda self, obj: self is obj,
    "__isnot__": lambda self, obj: self is not obj,
    "append": _append,
    "list": _copied_list,
    "format": lambda self, *args: str(self)[:200],
    **dict.fromkeys(
        (
            "warn",
            "_assert",
            "_assert_scalar",
            "_assert_async",
            "_assert_tensor_metadata",
            "sym_constrain_range",
            "sym_constrain_range_for_size",
        ),
        _nothing,
    ),
}
"""Operators by torch's names; those of `prim` belong to TorchScript's own list."""


def _numbers_of(a: Any, b: Any) -> list[Any]:
    found = listed(a) if b is None else [a, b]
    if not found or not all(isinstance(one, (int, float)) for one in found):
        raise FormatError("it takes the smallest or largest of what are no numbers; the file is damaged")
    return list(found)


def _as_number(kind: type) -> Operator:
    """The operator that makes a Python number of a tensor or another number."""

    def call(value: Any) -> Any:
        if isinstance(value, str) and kind is float and value.lower().lstrip("+-") in ("inf", "infinity", "nan"):
            return float(value)
        found = _item(value) if isinstance(value, (Constant, Flow, Condition)) else value
        if isinstance(found, Constant):
            return found  # this size depends on the number of samples
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
"""Functions of Python's that programs in TorchScript call, by name."""
