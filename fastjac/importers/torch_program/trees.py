"""The trees of a parsed program in TorchScript: expressions, statements and definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Expressions


@dataclass(frozen=True)
class Literal:
    """A number, text, True, False or None."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A variable, or the first part of a dotted name."""

    name: str


@dataclass(frozen=True)
class Attribute:
    """`value.name`."""

    value: Expression
    name: str


@dataclass(frozen=True)
class Call:
    """`function(*args, **keywords)`."""

    function: Expression
    args: Sequence[Expression]
    keywords: Mapping[str, Expression]


@dataclass(frozen=True)
class Index:
    """`value[index]`."""

    value: Expression
    index: Expression


@dataclass(frozen=True)
class Items:
    """A tuple or a list."""

    kind: type[tuple[Any, ...]] | type[list[Any]]
    items: Sequence[Expression]


@dataclass(frozen=True)
class Pairs:
    """A dict."""

    items: Sequence[tuple[Expression, Expression]]


Expression = Literal | Name | Attribute | Call | Index | Items | Pairs


# Statements, each with the number of its line


@dataclass(frozen=True)
class Assign:
    """`targets = value`; with several targets, the value is unpacked. Without any, the value is computed and dropped."""

    line: int
    targets: Sequence[str]
    is_unpacked: bool
    value: Expression


@dataclass(frozen=True)
class Return:
    """`return value`."""

    line: int
    value: Expression


@dataclass(frozen=True)
class If:
    """`if condition: then, else: otherwise`."""

    line: int
    condition: Expression
    then: Sequence[Statement]
    otherwise: Sequence[Statement]


@dataclass(frozen=True)
class Loop:
    """`for target in source`, or `while source` where there is no target."""

    line: int
    target: str
    source: Expression
    body: Sequence[Statement]


Statement = Assign | Return | If | Loop


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function: its type, as the program writes it, and its default, None where it has none."""

    kind: str
    default: Expression | None


@dataclass(frozen=True)
class Function:
    """A function or method.

    name : its dotted name, with its module and class.  parameters : its parameters by name.
    """

    name: str
    parameters: Mapping[str, Parameter]
    body: Sequence[Statement]


@dataclass(frozen=True)
class Class:
    """A class and its methods."""

    name: str
    base: str
    methods: Mapping[str, Function]


Definition = Function | Class
