"""A node together with what is known of its operands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import FormatError
from ..ir.operands import Operands
from ..ir.values import Constant, Value, constant, fixed
from .graph import Node
from .tensor import TensorReader


@dataclass(frozen=True, eq=False)
class Call(Operands):
    """A node and its operands, the opset that decides its meaning, and what reads tensors among its attributes."""

    node: Node
    opset: int
    reader: TensorReader

    def label(self, position: int) -> str:
        return f"operand {self.node.inputs[position]!r:.80}"

    def optional(self, position: int) -> Value | None:
        """The tensor there, or None if it is left out; a constant gets the name that the node calls it by."""
        operand = super().optional(position)
        if isinstance(operand, Constant) and position < len(self.node.inputs):
            name = self.node.inputs[position]
            return operand if operand.name == name else replace(operand, name=name)
        return operand

    def array(self, position: int) -> np.ndarray | None:
        """The constant there, which must not depend on the number of samples, or None if it is left out."""
        value = self.optional(position)
        return None if value is None else fixed(value, self.label(position))

    def number(self, position: int, default: float) -> float:
        """The constant there as a number; FormatError if it has more than one entry."""
        array = self.array(position)
        if array is not None and array.size != 1:
            raise FormatError(f"its operand {self.node.inputs[position]!r} must be one number, it has shape {array.shape}")
        return default if array is None else float(array.item())

    def integers(self, position: int) -> tuple[int, ...] | None:
        """The constant there as a list of whole numbers for axes or sizes, or None if it is left out."""
        return None if self.optional(position) is None else self.whole_numbers(position)

    def check_integers(self, position: int) -> None:
        """Refuse what is there unless it is a short list of whole numbers, or left out."""
        if self.optional(position) is not None:
            self.whole(position)

    def sizes(self, position: int, attribute: str = "") -> Value:
        """A list of whole numbers that may depend on the number of samples: an operand, or an attribute in older opsets."""
        if self.operand(position) is None and attribute and (listed := self.node.integers(attribute)) is not None:
            return constant(np.array(listed, np.int64))
        return self.whole(position)

    def tensor(self, name: str, default: np.ndarray) -> np.ndarray:
        """An attribute that is a tensor."""
        tensor = self.node.tensor(name)
        return default if tensor is None else self.reader.dense(tensor)

    def axes(self, position: int) -> tuple[int, ...] | None:
        """The axes that the node acts on: an attribute in older opsets, an operand in newer ones."""
        return self.node.integers("axes") if self.operand(position) is None else self.integers(position)
