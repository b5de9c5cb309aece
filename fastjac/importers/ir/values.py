"""Tensors of a model while it is read: constants, and those whose entries are units of the network that is being made.

A model is read for one sample, and at the same time for a batch of several. The batch shows whether the model does the same to
each sample. So every tensor is held twice. The entries of a Flow are numbers that say which unit of which sample stands there.
What moves entries about, such as a reshape, a transposition or a slice, moves these numbers as it moves the model's own entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FastjacError, FormatError, UnsupportedLayerError
from ...graphs.nodes import Node

Shape = tuple[int, ...]


class MixedSamplesError(UnsupportedLayerError):
    """A model mixes several samples of a batch, or treats one sample in another way than the others."""


class MisfitError(UnsupportedLayerError):
    """Operands cannot be spread over one another."""


@dataclass(eq=False)
class Single:
    """Stands for a tensor's entries in a batch, where a model takes no batch.

    reason : why it takes none; "" where the model itself fixes one sample.
    """

    reason: str = ""


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that does not depend on the network's inputs.

    alone, batch : its entries for one sample and for a batch; mostly the same array.
    name : what the model calls it.
    """

    alone: np.ndarray
    batch: np.ndarray | Single
    name: str = ""

    @property
    def shape(self) -> Shape:
        """Its shape for one sample."""
        return self.alone.shape


@dataclass(frozen=True, eq=False)
class Flow:
    """A tensor that depends on the network's inputs.

    node : the vector of the network whose units its entries are.
    alone : for one sample, the number of the unit at each place.
    batch : for a batch of `samples`, the number `s * node.size + u` of unit u of sample s at each place.
    whole : the Layout of the vector, where the entries are all of its units in order.
    """

    node: Node
    alone: np.ndarray
    batch: np.ndarray | Single
    samples: int
    whole: Any = None

    @property
    def shape(self) -> Shape:
        """Its shape for one sample."""
        return self.alone.shape

    @property
    def owners(self) -> np.ndarray:
        """For a batch, the sample that each place belongs to."""
        assert isinstance(self.batch, np.ndarray)
        return np.asarray(self.batch // self.node.size)  # for a tensor without axes, NumPy gives a number, not an array


Value = Constant | Flow


def constant(array: Any, name: str = "") -> Constant:
    """A constant that does not depend on the number of samples."""
    entries = np.asarray(array)
    return Constant(entries, entries, name)


def moved(function: Callable[..., np.ndarray], value: Value, *others: Value) -> Value:
    """What a function that moves entries about makes of a tensor and further arguments, such as a constant that is a shape.

    function : takes arrays of any entries and gives one array.
    """
    alone, batch = in_both(function, value, *others)
    if isinstance(value, Flow):
        return Flow(value.node, alone, batch, value.samples)
    return Constant(alone, _same(alone, batch))


def in_both(function: Callable[..., np.ndarray], *values: Value) -> tuple[np.ndarray, np.ndarray | Single]:
    """What a function gives for one sample and for a batch; where it fails for a batch alone, the model takes one sample only."""
    alone = _called(function, [value.alone for value in values])
    single = next((value.batch for value in values if isinstance(value.batch, Single)), None)
    if single is not None:
        return alone, single
    if all(value.batch is value.alone for value in values):
        return alone, alone
    try:
        return alone, _called(function, [value.batch for value in values])
    except UnsupportedLayerError as error:
        raise MixedSamplesError(str(error)) from error
    except FormatError as error:
        return alone, Single(str(error))


def _called(function: Callable[..., np.ndarray], arrays: Sequence[Any]) -> np.ndarray:
    """A function of NumPy; FormatError where arrays do not fit it."""
    try:
        return np.asarray(function(*arrays))
    except FastjacError:
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise FormatError(f"it cannot be computed from operands of shapes {shapes} ({error}); the file is damaged") from error


def _same(alone: np.ndarray, batch: np.ndarray | Single) -> np.ndarray | Single:
    """The array for one sample in place of an equal one for a batch."""
    if isinstance(batch, np.ndarray) and batch.shape == alone.shape and batch.dtype == alone.dtype:
        return alone if batch.tobytes() == alone.tobytes() else batch
    return batch


def computed(function: Callable[..., np.ndarray], *values: Value) -> Constant:
    """The constant that a function of NumPy computes from constants."""
    alone, batch = in_both(function, *values)
    return Constant(alone, _same(alone, batch))


def fixed(value: Value | None, what: str) -> np.ndarray:
    """The entries of a constant that does not depend on the number of samples; `what` names it."""
    if value is None:
        raise FormatError(f"it has no {what}; the file is damaged")
    if isinstance(value, Flow):
        raise UnsupportedLayerError(f"its {what} depends on the network's input; fastjac takes a constant there")
    if value.batch is not value.alone and not isinstance(value.batch, Single):
        raise MixedSamplesError(f"its {what} is not the same for each sample of a batch and for one alone")
    return value.alone


def shown(shape: Shape, samples: int) -> str:
    """A shape with N for the number of samples."""
    sizes = [f"{size // samples if size > samples else ''}N" if size and size % samples == 0 else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def size_of(shape: Shape) -> int:
    """The number of entries of a tensor."""
    return math.prod(shape)
