"""What the operator of a node is given, and operators that are functions of the intermediate form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...errors import FormatError, UnsupportedLayerError
from ...layers import Layer
from ..reading.limits import MOST_LAYERS, check_count
from .choice import Condition, Logical, as_number
from .evaluation import Operand, Result
from .functions import apply
from .graph import Node
from .movement import MOST_AXES
from .values import Constant, Flow, Value, fixed


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

    def values(self, end: int | None = None) -> list[Value]:
        """All operands, or those before `end`."""
        check_count(len(self.operands), MOST_LAYERS, "operands of one node")
        return [self.value(position) for position in range(len(self.operands))[:end]]

    def whole(self, position: int) -> Constant:
        """A short list of whole numbers for axes or sizes, which may depend on the number of samples."""
        value, label = self.value(position), self.label(position)
        if isinstance(value, Flow):
            raise UnsupportedLayerError(f"its {label} depends on the network's input; fastjac takes a constant there")
        check_count(value.alone.size, 2 * MOST_AXES, f"entries in its {label}, which gives axes or sizes")
        if value.alone.dtype.kind not in "iu":
            raise FormatError(f"its {label} must hold whole numbers, it holds {value.alone.dtype}")
        return value

    def whole_numbers(self, position: int) -> tuple[int, ...]:
        """A short list of whole numbers for axes or sizes, which must not depend on the number of samples."""
        return tuple(fixed(self.whole(position), self.label(position)).ravel().tolist())

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


def layers(*given: Layer) -> Callable[[Operands], Value]:
    """The operator of layers that act on each entry by itself."""
    return lambda call: apply(call.value(0), given)


def one(function: Callable[[Value], Value]) -> Callable[[Operands], Value]:
    """The operator of a function of one tensor."""
    return lambda call: function(call.value(0))


def two(function: Callable[[Value, Value], Result]) -> Callable[[Operands], Result]:
    """The operator of a function of two tensors."""
    return lambda call: function(call.value(0), call.value(1))


def logical(function: Callable[..., Logical], count: int = 2) -> Callable[[Operands], Logical]:
    """The operator of a function of truth values."""
    return lambda call: function(*(call.logical(position) for position in range(count)))
