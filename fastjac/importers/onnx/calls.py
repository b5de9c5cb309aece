"""A node together with what is known of its operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...layers import Layer, Parameter
from ..reading.limits import check_count
from .graph import Node
from .tensor import MOST_AXES, TensorReader

Shape = tuple[int, ...]
Converted = Sequence[Layer]
"""What a node becomes, input first."""


@dataclass(frozen=True)
class Flow:
    """A value that depends on the network's input; for one sample its entries in row-major order are the units."""

    shape: Shape
    samples: int = 1

    @property
    def size(self) -> int:
        """The number of units, which each of the samples has."""
        return math.prod(self.shape) // self.samples


Operand = np.ndarray | Flow | None
"""What a node is given: a constant, a value that depends on the network's input, or nothing."""


@dataclass(frozen=True, eq=False)
class Call:
    """A node, the opset that tells its meaning, its operands, and what reads tensors among its attributes."""

    node: Node
    opset: int
    operands: tuple[Operand, ...]
    reader: TensorReader

    def operand(self, position: int) -> Operand:
        """The operand there, None if it is left out."""
        return self.operands[position] if position < len(self.operands) else None

    def shape(self, position: int) -> Shape:
        """The shape of the operand there; FormatError if it is left out."""
        operand = self.operand(position)
        if operand is None:
            raise self._missing(position)
        return operand.shape

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of all operands that are given."""
        return [operand.shape for operand in self.operands if operand is not None]

    @property
    def flow_position(self) -> int:
        """Which operand depends on the network's input; UnsupportedLayerError if several do."""
        positions = [i for i, operand in enumerate(self.operands) if isinstance(operand, Flow)]
        if len(positions) != 1:
            names = " and ".join(repr(self.node.inputs[i]) for i in positions)
            raise UnsupportedLayerError(
                f"it joins branches, since {names} both depend on the network's input; fastjac takes chains, and the patterns "
                "of nodes that stand for one activation or for layer normalization"
            )
        return positions[0]

    def spread(self, array: np.ndarray, shape: Shape, what: str) -> np.ndarray:
        """One number for each unit of a value of `shape`; FormatError where the array does not fit it or grows far too large."""
        self.reader.account.make(math.prod(shape))
        try:
            return np.broadcast_to(array, shape).ravel()
        except ValueError as error:
            raise FormatError(f"{what} of shape {array.shape} does not fit a value of shape {shape}") from error

    def per_unit(self, constant: np.ndarray) -> Parameter:
        """A constant as one number, or as one for each unit of the result of an elementwise operator."""
        if constant.size == 1:
            return float(constant.item())
        return self.spread(constant, np.broadcast_shapes(*self.shapes, constant.shape), "a constant")

    def no_constant(self, position: int) -> UnsupportedLayerError:
        """What to raise where the operand there should be a constant."""
        name = self.node.inputs[position]
        return UnsupportedLayerError(f"its operand {name!r:.80} depends on the network's input; fastjac takes a constant there")

    def optional(self, position: int) -> np.ndarray | None:
        """The constant there, or None if it is left out; UnsupportedLayerError if it is none."""
        operand = self.operand(position)
        if isinstance(operand, Flow):
            raise self.no_constant(position)
        return operand

    def constant(self, position: int) -> np.ndarray:
        """The constant there; FormatError if it is left out."""
        operand = self.optional(position)
        if operand is None:
            raise self._missing(position)
        return operand

    def number(self, position: int, default: float) -> float:
        """The constant there as a number; FormatError if it has more entries than one."""
        array = self.optional(position)
        if array is not None and array.size != 1:
            raise FormatError(f"its operand {self.node.inputs[position]!r} must be one number, it has shape {array.shape}")
        return default if array is None else float(array.item())

    def integers(self, position: int) -> tuple[int, ...] | None:
        """The constant there as a list of whole numbers for axes or sizes, or None if it is left out."""
        array = self.optional(position)
        if array is None:
            return None
        check_count(array.size, MOST_AXES, f"entries in {self.node.inputs[position]!r}, which tells axes or sizes")
        if array.dtype.kind not in "iu":
            raise FormatError(f"its operand {self.node.inputs[position]!r} must hold whole numbers, it holds {array.dtype}")
        return tuple(array.ravel().tolist())

    def tensor(self, name: str, default: np.ndarray) -> np.ndarray:
        """An attribute that is a tensor."""
        tensor = self.node.tensor(name)
        return default if tensor is None else self.reader.dense(tensor)

    def axes(self, position: int) -> tuple[int, ...] | None:
        """The axes it acts on: an attribute in older opsets, an operand in newer ones."""
        return self.node.integers("axes") if self.operand(position) is None else self.integers(position)

    def _missing(self, position: int) -> FormatError:
        return FormatError(f"it has no operand {position}, which its operator needs; the file is damaged")
