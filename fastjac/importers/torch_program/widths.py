"""The widths of inputs whose program does not state them: each input is as wide as the first weight that it meets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import FastjacError
from ...layers import Layer
from ..ir.values import Constant
from .aten.activations import ACTIVATIONS
from .aten.evaluation import Evaluation, flat


@dataclass(eq=False)
class Open:
    """An input of two axes whose second has an unknown length, or a tensor of the same shape that is computed from it.

    name : the input's name; empty for a tensor of another shape.
    """

    name: str = ""


class AllFoundError(BaseException):
    """Every width is known, so that the program need not be followed further."""


class Widths(Evaluation):
    """Follows a program as far as it goes without the widths of its inputs, and notes the first weight that each meets.

    found : the widths that are known so far, by the names of the inputs.  taken : the inputs that operators have taken.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = frozenset(names)
        self.found: dict[str, int] = {}
        self.taken: set[str] = set()

    def call(self, name: str, args: Sequence[Any], options: Mapping[str, Any], place: str, kind: str = "") -> Any:
        """The result of an operator, as far as it is known; an Open of no name where it is not."""
        opens = [one for one in flat([*args, *options.values()]) if isinstance(one, Open)]
        if not opens:
            return super().call(name, args, options, place, kind)
        self.taken.update(one.name for one in opens)
        first = opens[0]
        if not first.name:
            return Open()
        plain = name.rstrip("_")
        if plain == "dim":
            return 2
        if plain in MEETS:
            self._meet(first.name, MEETS[plain](args, options))
            return Open()
        if plain in KEEPS or (plain == "view" and _keeps_shape(args)):
            return first
        if plain in BESIDE:
            self._meet_beside(first.name, args)
            return first if len(opens) == 1 else Open()
        return Open()

    def apply(self, layer: Layer, value: Any, place: str) -> Any:
        """The result of a layer of fastjac, as far as it is known."""
        self.taken.add(value.name)
        if layer.n_in is None:
            return value
        self._meet(value.name, layer.n_in)
        return Open()

    def _meet(self, name: str, width: Any) -> None:
        """Take note of the width that a weight shows."""
        if isinstance(width, int):
            self.found.setdefault(name, width)
        if self._names <= set(self.found):
            raise AllFoundError

    def _meet_beside(self, name: str, args: Sequence[Any]) -> None:
        """Take note of the width of a constant among the operands: its last axis lies beside the input's."""
        for one in args:
            if isinstance(one, Constant) and one.shape and one.shape[-1] > 1:
                self._meet(name, one.shape[-1])


def find(names: Sequence[str], run: Callable[[Evaluation, Sequence[Any]], Any]) -> dict[str, int]:
    """The widths of the inputs, by name, as far as the program shows them."""
    widths = Widths(names)
    with suppress(AllFoundError, FastjacError):  # errors of the program are raised when it is read with all widths
        run(widths, [Open(name) for name in names])
        # The program has run to its end, so that the width of what no operator has taken does not matter.
        return dict.fromkeys(set(names) - widths.taken, 1) | widths.found
    return widths.found


def _shape(position: int, axis: int, option: str) -> Callable[[Sequence[Any], Mapping[str, Any]], Any]:
    """A function that gives the size of an axis of a constant argument."""

    def width(args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        value = args[position] if position < len(args) else options.get(option)
        shape = getattr(value, "shape", ())
        return shape[axis] if len(shape) >= abs(axis) else None

    return width


def _last_size(args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    sizes = args[1] if len(args) > 1 else None
    return sizes[-1] if isinstance(sizes, list) and sizes and isinstance(sizes[-1], int) and sizes[-1] > 0 else None


def _keeps_shape(args: Sequence[Any]) -> bool:
    """Whether a tensor (N, n) is viewed as (N, -1)."""
    return len(args) > 1 and isinstance(args[1], list) and len(args[1]) == 2 and args[1][1] == -1


MEETS: dict[str, Callable[[Sequence[Any], Mapping[str, Any]], Any]] = {
    "linear": _shape(1, -1, "weight"),
    "matmul": lambda args, options: _shape(1, -2 if _rank(args) > 1 else -1, "other")(args, options),
    "mm": _shape(1, -2, "mat2"),
    "addmm": _shape(2, -2, "mat2"),
    "layer_norm": _last_size,
    "batch_norm": _shape(3, -1, "running_mean"),
}
"""Operators in which a tensor (N, n) meets a weight, each with the function that finds n."""
KEEPS = frozenset(ACTIVATIONS) - {"glu"} | {"flatten", "contiguous", "clone", "detach", "to", "dropout", "softmax"}
"""Operators whose result has the shape of their operand (N, n)."""
BESIDE = frozenset(("add", "sub", "mul", "div", "rsub"))


def _rank(args: Sequence[Any]) -> int:
    return len(getattr(args[1], "shape", ())) if len(args) > 1 else 0
