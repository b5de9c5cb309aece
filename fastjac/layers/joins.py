"""Operations on several vectors, or on some units of one: with them layers make a graph.

In every formula `a` and `b` are the vectors that meet, and `x` is the vector of one operand.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import LayerError, OptionError
from .base import Layer

MOST_SHOWN = 6
"""Most numbers of units that a printed Take lists, and most sizes that an error lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Join(Layer):
    """An operation of two or more vectors."""

    def __call__(self, *nodes: Any) -> Any:
        """Record this join of several nodes of a network; the result is a node too."""
        if len(nodes) < 2:
            raise LayerError(f"{type(self).__name__} joins two or more nodes, got {len(nodes)}")
        return self._record(*nodes)

    def joined_size(self, sizes: Sequence[int]) -> int:
        """The size of the result for operands of these sizes, or a LayerError that names them."""
        if len(set(sizes)) > 1:
            distinct = ", ".join(map(str, [*dict.fromkeys(sizes)][:MOST_SHOWN]))
            raise LayerError(f"{type(self).__name__} takes vectors of one size, got sizes {distinct}")
        return sizes[0]


@dataclass(frozen=True, eq=False, repr=False)
class Add(Join):
    """`a + b + ...`, of vectors of one size, in this order."""


@dataclass(frozen=True, eq=False, repr=False)
class Concatenate(Join):
    """The units of all vectors, one vector after another."""

    def joined_size(self, sizes: Sequence[int]) -> int:
        return sum(sizes)


@dataclass(frozen=True, eq=False, repr=False)
class Pairwise(Join):
    """An operation of two vectors of one size, unit by unit: `y[i] = f(a[i], b[i])`.

    `rule` names the function of `fastjac.kernels.pairwise` that gives the value and both slopes.
    `sparse` states whether slopes are exactly 0 on whole intervals of the operands, because only one of the two is let through.
    """

    rule: ClassVar[str]
    sparse: ClassVar[bool] = False

    def __call__(self, *nodes: Any) -> Any:
        if len(nodes) != 2:
            raise LayerError(f"{type(self).__name__} joins two nodes, got {len(nodes)}")
        return self._record(*nodes)


@dataclass(frozen=True, eq=False, repr=False)
class Multiply(Pairwise):
    """`a * b`."""

    rule = "multiply"


@dataclass(frozen=True, eq=False, repr=False)
class Divide(Pairwise):
    """`a / b`, as IEEE 754 divides."""

    rule = "divide"


@dataclass(frozen=True, eq=False, repr=False)
class Maximum(Pairwise):
    """The larger of a and b; where they are equal, each has half of the derivative, as in torch."""

    rule = "maximum"
    sparse = True


@dataclass(frozen=True, eq=False, repr=False)
class Minimum(Pairwise):
    """The smaller of a and b; where they are equal, each has half of the derivative, as in torch."""

    rule = "minimum"
    sparse = True


Condition = Literal["a > 0", "a >= 0", "not a > 0", "not a >= 0"]
"""When a Gate lets units through; at nan no comparison holds."""


@dataclass(frozen=True, eq=False, repr=False)
class Gate(Pairwise):
    """`b` where a fulfils a condition, and 0 elsewhere, even if b is inf or nan there. The derivative by a is 0."""

    sparse = True
    when: Condition = "a > 0"

    def __post_init__(self) -> None:
        if self.when not in typing.get_args(Condition):
            raise OptionError(f"Gate when must be one of {typing.get_args(Condition)}, got {self.when!r:.80}")

    @property
    def rule(self) -> str:  # type: ignore[override]
        return f"gate {self.when}"


@dataclass(frozen=True, eq=False, repr=False)
class Take(Layer):
    """Some units of a vector, `y[i] = x[index[i]]`; a unit may be taken twice.

    index : numbers of the units, counted from 0.  size : how many units x has.
    """

    index: tuple[int, ...] = ()
    size: int = 0

    def __post_init__(self) -> None:
        if not self.index or min(self.index) < 0 or max(self.index) >= self.size:
            raise LayerError(f"Take takes one or more units of {self.size}, got the numbers {self.index!s:.60}")

    @property
    def n_in(self) -> int:
        return self.size

    @property
    def n_out(self) -> int:
        return len(self.index)

    @property
    def shown(self) -> dict[str, str]:
        return {"index": _indices(self.index)}

    def __repr__(self) -> str:
        return f"Take({_indices(self.index)} of {self.size})"


def _indices(index: Sequence[int]) -> str:
    """The numbers as text: as a slice where they follow one another, else the first few."""
    if tuple(index) == tuple(range(index[0], index[-1] + 1)):
        return f"{index[0]}:{index[-1] + 1}"
    return f"[{', '.join(map(str, index[:MOST_SHOWN]))}{', ...' * (len(index) > MOST_SHOWN)}]"


JOINS: dict[str, type[Layer]] = {
    join.__name__: join for join in (Add, Concatenate, Multiply, Divide, Maximum, Minimum, Gate, Take)
}
"""The operations that a graph holds besides layers, by name."""
