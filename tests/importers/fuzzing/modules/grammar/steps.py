"""A step of a forward: text that makes a new `x` of an `x` of shape (batch, $n)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from string import Template
from textwrap import dedent

TENSORS = {
    "self.v$i": "self.v$i = c($n)",
    "self.p$i": "self.p$i = c($n).abs() + 0.1",
    "self.w$i": "self.w$i = c($m, $n)",
}
"""Constants that a step may name, with the line that makes them: a vector, a positive vector and a matrix."""


@dataclass(frozen=True)
class Step:
    """A step as a template, in which $i is its number, $n the width of x, and $m the width that it may give x.

    forward : lines of a forward, which end with a new `x` or with a return.
    init : lines of `__init__` before.
    top : lines at the top of the file.
    """

    forward: str
    init: str = ""
    top: str = ""

    def __post_init__(self) -> None:
        for name in ("forward", "init", "top"):
            object.__setattr__(self, name, dedent(getattr(self, name)).strip("\n "))

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.top}\n{self.init}\n{self.forward}"

    @property
    def widens(self) -> bool:
        """Whether x has another width behind it."""
        return "$m" in self.text or "self.w$i" in self.text

    def filled(self, number: int, n: int, m: int) -> Step:
        """The step with its number and widths put in."""
        made = [line for tensor, line in TENSORS.items() if tensor in self.text]
        fill = {"i": number, "n": n, "m": m}
        return Step(*(Template(text).substitute(fill) for text in (self.forward, "\n".join([*made, self.init]), self.top)))


def calls(expressions: Iterable[str]) -> dict[str, Step]:
    """Steps that are an expression of x each, by their text."""
    return {text: Step(f"x = {text}") for text in expressions}


def modules(constructors: Iterable[str]) -> dict[str, Step]:
    """Steps that call a module each, by the text that makes it."""
    return {text: Step("x = self.s$i(x)", f"self.s$i = {text}") for text in constructors}
