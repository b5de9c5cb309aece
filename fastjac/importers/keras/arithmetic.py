"""What arithmetic on the tensors of a Functional model becomes: `x + y`, `0.5 * x`, `-x`, `x[:, 2:4]`, and `keras.ops` of it.

An operand that is no tensor is a number or an array. It stands in the config, so that it has no precision of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ...layers import Parameter
from ...layers import joins as fj
from .calls import Call
from .config import Entry, SampleShape
from .graph import is_tensor
from .joins import Shapes, add, aligned, checked_units, concatenate, joined, subtract, taken
from .recipe import Recipe, of_layers

Precision = type[np.floating[Any]]
Arithmetic = Callable[[Call, Shapes, Precision], Recipe]
Constant = Callable[[Any, bool], tuple[fl.Layer, ...]]
ARRAYS = ("__numpy__", "__tensor__")
"""The class names by which a config marks arrays."""


def is_arithmetic(entry: Entry) -> bool:
    """Whether a layer of the config is one of ARITHMETIC."""
    return entry.is_operation and entry.class_name in ARITHMETIC


def _binary(tensors: Callable[[Call, Shapes], Recipe], constant: Constant) -> Arithmetic:
    """An operation of two operands, at least one of them a tensor.

    tensors : what becomes of two tensors.
    constant : what becomes of one, by the other operand and by whether that one stands at the right.
    """

    def arithmetic(call: Call, shapes: Shapes, precision: Precision) -> Recipe:
        left, right = call.args
        if is_tensor(left) and is_tensor(right):
            if len({1 if shape is None else len(shape) for shape in shapes}) > 1:
                raise UnsupportedLayerError(
                    f"it takes samples of shapes {shapes[0]} and {shapes[1]}, so that the batch of one meets an axis of the "
                    "other; use a layer, such as keras.layers.Add, which lets batches meet"
                )
            return tensors(call, shapes)
        before, value, shape = _with_constant(left if is_tensor(right) else right, shapes[0], precision)
        with np.errstate(all="ignore"):
            return of_layers((*before, *constant(value, is_tensor(left))), shape)

    return arithmetic


def _with_constant(
    operand: Any, shape: SampleShape | None, precision: Precision
) -> tuple[tuple[fl.Layer, ...], Parameter, SampleShape | None]:
    """What spreads a tensor to the shape that it has together with a constant, the constant for each unit, and that shape."""
    is_array = isinstance(operand, dict) and operand.get("class_name") in ARRAYS
    value = np.asarray(operand["config"]["value"] if is_array else operand)
    if value.dtype.kind not in "biuf":
        raise UnsupportedLayerError(f"it takes {operand!r:.80} besides a tensor; fastjac takes numbers and arrays of them")
    rank = 1 if shape is None else len(shape)
    if value.ndim == rank + 1 and len(value) == 1:
        value = value[0]
    if value.ndim > rank:
        raise UnsupportedLayerError(f"it takes an array of shape {value.shape}, which differs among the samples of a batch")
    if value.size == 1:
        return (), float(value.ravel()[0]), shape
    (before, _), target = aligned((shape, (1,) * (rank - value.ndim) + value.shape))
    with np.errstate(all="ignore"):
        return before, np.broadcast_to(value, target or ()).ravel().astype(precision), target  # type: ignore[arg-type]


def _refused(instead: str) -> Constant:
    def refuse(value: Parameter, right: bool) -> tuple[fl.Layer, ...]:
        raise UnsupportedLayerError(f"it takes a number or an array besides a tensor, which fastjac does not have; {instead}")

    return refuse


def _pairwise(join: type[fj.Pairwise]) -> Callable[[Call, Shapes], Recipe]:
    return lambda call, shapes: joined(join(), shapes)


def _scaled(value: Parameter, right: bool) -> tuple[fl.Layer, ...]:
    return (fl.Scale(value),)


def _shifted(value: Parameter, right: bool) -> tuple[fl.Layer, ...]:
    return (fl.Scale(1.0, value),)


def _taken_off(value: Parameter, right: bool) -> tuple[fl.Layer, ...]:
    return (fl.Scale(1.0, -value) if right else fl.Scale(-1.0, value),)


def _divided(value: Parameter, right: bool) -> tuple[fl.Layer, ...]:
    return (fl.Scale(np.divide(np.ones_like(value), value)),) if right else (fl.Reciprocal(), fl.Scale(value))


def _raised(value: Parameter, right: bool) -> tuple[fl.Layer, ...]:
    if not right or isinstance(value, np.ndarray):
        raise UnsupportedLayerError("it has an exponent for each unit; fastjac raises tensors to one number")
    return (fl.Power(value),)


def _powers(call: Call, shapes: Shapes) -> Recipe:
    raise UnsupportedLayerError("it raises a tensor to a tensor; fastjac raises tensors to one number")


def _negative(call: Call, shapes: Shapes, precision: Precision) -> Recipe:
    (shape,) = shapes
    return of_layers([fl.Scale(-1.0)], shape)


def _concatenate(call: Call, shapes: Shapes, precision: Precision) -> Recipe:
    return concatenate(call.entry, shapes)


def _item(call: Call, shapes: Shapes, precision: Precision) -> Recipe:
    """`x[:, index]`: some units."""
    (shape,) = shapes
    _, key = call.args
    whole, *indices = (_index(part) for part in (key if isinstance(key, (list, tuple)) else [key]))
    if whole != slice(None):
        raise UnsupportedLayerError("it takes some samples of a batch; fastjac takes x[:, ...], which keeps them all")
    size = checked_units(shape, shapes)
    numbers = np.arange(size).reshape(shape or ())[tuple(indices)]  # type: ignore[arg-type]
    if not numbers.size:
        raise UnsupportedLayerError(f"it takes no unit of samples of shape {shape}")
    return of_layers([taken(numbers, size)], numbers.shape)


def _index(part: Any) -> int | slice:
    if isinstance(part, dict) and part.get("class_name") == "__slice__":
        return slice(*(part["config"][name] for name in ("start", "stop", "step")))
    if type(part) is not int:
        raise UnsupportedLayerError(f"it is indexed by {part!r:.80}; fastjac takes slices and whole numbers")
    return part


_DIVIDE = _binary(_pairwise(fj.Divide), _divided)
ARITHMETIC: dict[str, Arithmetic] = {
    "Add": _binary(lambda call, shapes: add(call.entry, shapes), _shifted),
    "Subtract": _binary(lambda call, shapes: subtract(call.entry, shapes), _taken_off),
    "Multiply": _binary(_pairwise(fj.Multiply), _scaled),
    "Divide": _DIVIDE,
    "TrueDivide": _DIVIDE,
    "Maximum": _binary(_pairwise(fj.Maximum), _refused("use keras.layers.ReLU(threshold=...)")),
    "Minimum": _binary(_pairwise(fj.Minimum), _refused("use keras.layers.ReLU(max_value=...)")),
    "Power": _binary(_powers, _raised),
    "Negative": _negative,
    "Concatenate": _concatenate,
    "GetItem": _item,
}
"""Operations that take several tensors, or a tensor and constants, by class name."""
