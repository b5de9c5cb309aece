"""Derivatives of a loss in the form of what it depends on: arrays, in tuples where a network has several inputs or outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arguments
from ..errors import DtypeError, ShapeError
from ..kernels.float_mode import default_mode

Blocks = Any
"""An array, or a tuple of blocks."""


def gather(value: Blocks, whole: np.ndarray, blocks: Blocks, name: str) -> np.ndarray:
    """What a caller gives for an array, or for blocks that are views of one, as one array that kernels can take.

    whole : the array that the blocks are views of, which holds zeros and may be written to.
    A block that is None stands for zeros: the loss does not depend on it.

    Raises ShapeError or DtypeError for a block that is no real array of its shape, and for another number of blocks.
    """
    if blocks is whole:
        return arguments.for_kernels(_checked(value, whole.shape, name), whole.dtype)
    _fill(blocks, value, name)
    return whole


def _fill(target: Blocks, value: Blocks, name: str) -> None:
    if value is None:
        return
    if not isinstance(target, tuple):
        array = _checked(value, target.shape, name)
        with np.errstate(all="ignore"), default_mode():
            target[...] = array
        return
    wanted = f"{name} must be a tuple of {len(target)}, in the form of {name[1]}"
    if not isinstance(value, (tuple, list)):
        raise DtypeError(f"{wanted}, got {type(value).__name__}")
    if len(value) != len(target):
        raise ShapeError(f"{wanted}, got {len(value)}")
    for number, (part, block) in enumerate(zip(target, value, strict=True)):
        _fill(part, block, f"{name}[{number}]")


def _checked(value: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = arguments.real_array(value, name)
    if array.shape != shape:
        raise ShapeError(f"{name} must have shape {shape}, that of {name[1:]}, got {array.shape}")
    return array


def shapes_of(blocks: Blocks) -> Any:
    """The shapes of an array or of blocks, in tuples as they are."""
    return tuple(map(shapes_of, blocks)) if isinstance(blocks, tuple) else blocks.shape
