"""The arrays and numbers of one Keras layer, checked against what its config asks for."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...errors import FormatError
from ..ir.account import hold
from .config import Entry

Expected = tuple[int | None, ...] | None
"""The shape that an array must have. None in place of a size stands for any size, None in place of the shape for any shape."""


def arrays(entry: Entry, *expected: Expected) -> list[np.ndarray]:
    """The layer's own arrays; FormatError unless their shapes are `expected`, which is checked before they are read."""
    shapes = entry.weights.shapes()
    if len(shapes) != len(expected) or not all(map(_fits, shapes, expected)):
        raise FormatError(
            f"its config asks for {len(expected)} weight arrays{_listed(expected)}, the model holds "
            f"{len(shapes)}{_listed(shapes)}; was the model built (called once, or given an Input) before it was saved?"
        )
    hold(sum(map(prod, shapes)))
    return entry.weights.arrays()


def dtype_name(config: dict[str, Any]) -> str:
    """The name of a layer's dtype policy, such as "float32" or "mixed_float16"; "float32" where none is stated."""
    policy = config.get("dtype")
    name = policy["config"].get("name") if isinstance(policy, dict) else policy
    return str(name or "float32")


def float_type(config: dict[str, Any]) -> type[np.floating[Any]]:
    """The precision of the numbers in a layer's config: float64 if its dtype policy says so."""
    return np.float64 if dtype_name(config) == "float64" else np.float32


def as_list(axis: Any) -> list[int]:
    """The axes that an option states, as a list; the option may be a single axis."""
    return [axis] if isinstance(axis, int) else list(axis)


def _fits(shape: tuple[int, ...], expected: Expected) -> bool:
    if expected is None:
        return True
    return len(shape) == len(expected) and all(want is None or want == size for size, want in zip(shape, expected, strict=True))


def _listed(shapes: Sequence[Any]) -> str:
    known = ["any" if shape is None else str(shape).replace("None", "any") for shape in shapes]
    return f" of shapes {', '.join(known)}" if known else ""
