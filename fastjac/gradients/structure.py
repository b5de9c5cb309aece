"""Derivatives of a loss, in the form of y or J: arrays, in tuples where a network has several inputs or outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arguments
from ..errors import ShapeError
from ..graphs.ends import End, blocks, paired
from ..kernels.float_mode import default_mode

Blocks = Any
"""An array, or a tuple of blocks."""


def gather(value: Blocks, lead: tuple[int, ...], ends: tuple[End, ...], name: str, dtype: np.dtype) -> np.ndarray:
    """A caller's derivatives by y or J, in blocks where an end has several vectors, as one array that kernels can take.

    ends : the outputs, and for J the inputs as well.
    A block that is None stands for zeros: the loss does not depend on it.

    Raises ShapeError or DtypeError for a block that is no real array of its shape, and for another number of blocks.
    """
    shape = (*lead, *(end.total for end in ends))
    if not any(end.several for end in ends):
        return arguments.for_kernels(_checked(value, shape, name), dtype)
    whole = np.zeros(shape, dtype)
    _fill(blocks_of(whole, ends), value, name)
    return whole


def blocks_of(array: np.ndarray, ends: tuple[End, ...]) -> Blocks:
    """y or J cut into views by its ends: the outputs, and for J the inputs as well."""
    return blocks(array, *ends) if len(ends) == 2 else ends[0].split(array, -1)


def _fill(target: Blocks, value: Blocks, name: str) -> None:
    if value is None:
        return
    if not isinstance(target, tuple):
        array = _checked(value, target.shape, name)
        with np.errstate(all="ignore"), default_mode():
            target[...] = array
        return
    for number, (block, part) in enumerate(paired(value, target, name, form=name[1])):
        _fill(part, block, f"{name}[{number}]")


def _checked(value: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = arguments.real_array(value, name)
    if array.shape != shape:
        raise ShapeError(f"{name} must have shape {shape}, that of {name[1:]}, got {array.shape}")
    return array
