"""A node together with what is known of its operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import FormatError
from ..ir.movement import MOST_AXES
from ..ir.operands import Operands
from ..ir.values import fixed
from ..reading.limits import MOST_NAME, check_count


class Call(Operands):
    """A node and its operands, in the forms in which TensorFlow's operators read them."""

    def array(self, position: int) -> np.ndarray:
        """The constant at a position, which must not depend on the number of samples."""
        return fixed(self.value(position), self.label(position))

    def axis(self, position: int) -> int:
        """A constant that is one whole number."""
        found = self.whole_numbers(position)
        if len(found) != 1:
            raise FormatError(f"its operand {position} must be one number, it has {len(found)}")
        return found[0]

    def flag(self, name: str, default: bool = False) -> bool:
        """An attribute that is true or false."""
        return bool(self._attribute(name, default, (bool, int)))

    def integer(self, name: str, default: int = 0) -> int:
        """An attribute that is a whole number."""
        return int(self._attribute(name, default, (int,)))

    def real(self, name: str, default: float) -> float:
        """An attribute that is a float32 number."""
        return float(self._attribute(name, default, (float, int)))

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is a text."""
        content: bytes = self._attribute(name, default.encode(), (bytes,))
        return content[:MOST_NAME].decode(errors="replace")

    def numbers(self, name: str) -> tuple[int, ...]:
        """An attribute that is a list of whole numbers, empty if it is absent."""
        found: list[Any] = self._attribute(name, [], (list,))
        check_count(len(found), 2 * MOST_AXES, f"entries in {name}")
        if not all(isinstance(number, int) for number in found):
            raise FormatError(f"its attribute {name} must hold whole numbers; the file is damaged")
        return tuple(found)

    def _attribute(self, name: str, default: Any, kinds: tuple[type, ...]) -> Any:
        found = self.node.attributes.get(name, default)
        if not isinstance(found, kinds):
            raise FormatError(f"its attribute {name} must be of type {kinds[0].__name__}, got {found!r:.40}; the file is damaged")
        return found
