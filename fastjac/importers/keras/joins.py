"""What Keras's merging layers become: Add, Concatenate and the like, which take several tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import FormatError
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir.values import Value, constant
from .config import Entry
from .normalizations import of_length_one
from .shapes import own_axis, sample_of

Merge = Callable[[Entry, Sequence[Value]], Value]


def subtract(entry: Entry, values: Sequence[Value]) -> Value:
    """`a - b`."""
    if len(values) != 2:
        raise FormatError(f"it subtracts two tensors, and is called on {len(values)}")
    return el.subtract(*_aligned(values))


def average(entry: Entry, values: Sequence[Value]) -> Value:
    """`(a + b + ...) / n` of n tensors."""
    return el.multiply(el.total(_aligned(values)), constant(np.float64(1.0 / len(values))))


def concatenate(entry: Entry, values: Sequence[Value]) -> Value:
    """The entries of all tensors along one axis, one tensor after another."""
    if len({len(value.shape) for value in values}) != 1:
        raise FormatError(f"it concatenates tensors of different rank, with samples of shapes {_listed(values)}")
    axis = own_axis(entry.config["axis"], values[0])
    if len({(*value.shape[:axis], *value.shape[axis + 1 :]) for value in values}) != 1:
        raise FormatError(f"it concatenates along axis {axis} samples of shapes {_listed(values)}, which differ in others")
    return jn.concatenate(values, axis)


def dot(entry: Entry, values: Sequence[Value]) -> Value:
    """The products of two tensors summed along an axis of each; `normalize` divides both by their norms first."""
    if len(values) != 2:
        raise FormatError(f"it multiplies two tensors, and is called on {len(values)}")
    option = entry.config["axes"]
    pair = [option] * 2 if isinstance(option, int) else option
    axes = [own_axis(axis, value) for axis, value in zip(pair, values, strict=True)]
    a, b = values
    if entry.config["normalize"]:
        a, b = (of_length_one(value, [axis]) for value, axis in zip(values, axes, strict=True))
    found = ct.summed_over(a, b, axes[:1], axes[1:], samples=1)
    return mv.unsqueeze(found, [1]) if len(found.shape) == 1 else found


def _joined(function: Callable[[Value, Value], Value]) -> Merge:
    """Tensors joined entry by entry; smaller samples are spread as NumPy broadcasts them."""
    return lambda entry, values: el.total(_aligned(values), function)


def _aligned(values: Sequence[Value]) -> list[Value]:
    """The tensors, with equally many axes: those with fewer get new ones directly behind the axis of the batch."""
    if not values:
        raise FormatError("it joins tensors, and is called on none")
    rank = max(len(value.shape) for value in values)
    return [mv.unsqueeze(value, range(1, 1 + rank - len(value.shape))) for value in values]


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(str(sample_of(value)) for value in values[:10]) + ", ..." * (len(values) > 10)


MERGES: dict[str, Merge] = {
    "Add": _joined(el.add),
    "Subtract": subtract,
    "Multiply": _joined(el.multiply),
    "Average": average,
    "Maximum": _joined(el.maximum),
    "Minimum": _joined(el.minimum),
    "Concatenate": concatenate,
    "Dot": dot,
}
"""Every merging layer that fastjac reads, by class name."""
