"""What the operator of a node is given."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import FormatError, UnsupportedLayerError
from .choice import Condition, Logical, as_number
from .evaluation import Operand
from .graph import Node
from .values import Flow, Value


@dataclass(frozen=True, eq=False)
class Operands:
    """A node and its operands. Positions below 0 count from the last operand, as axes do."""

    node: Node
    operands: tuple[Operand, ...]

    def operand(self, position: int) -> Operand:
        """The operand there, None if it is left out."""
        return self.operands[position] if -len(self.operands) <= position < len(self.operands) else None

    def label(self, position: int) -> str:
        """What messages call the operand there."""
        return f"operand {position}"

    def optional(self, position: int) -> Value | None:
        """The tensor there, or None if it is left out; comparisons are numbers, 1 where they hold."""
        operand = self.operand(position)
        return as_number(operand) if isinstance(operand, Condition) else operand

    def value(self, position: int) -> Value:
        """The tensor there; FormatError if it is left out."""
        operand = self.optional(position)
        if operand is None:
            raise FormatError(f"it has no operand {position}, which its operator needs; the file is damaged")
        return operand

    def logical(self, position: int) -> Logical:
        """What a comparison gives, or an array of truth values."""
        operand = self.operand(position)
        if isinstance(operand, Condition):
            return operand
        value = self.value(position)
        if isinstance(value, Flow):
            raise UnsupportedLayerError(
                f"its {self.label(position)} must be what a comparison gives; fastjac takes >, >=, < and <="
            )
        return value
