"""The rule of an activation: its formula, and the kernels made from it, each compiled when it is first needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .jit import kernel, piece
from .memory import NUMBER, view

MOST_TRAINED = 2
"""Most parameters of one activation that may be trained, p and q: the gradient's tables have places for so many."""


@dataclass(frozen=True, eq=False)
class Rule:
    """What the kernels know of an activation. Each rule has kernels of its own, because one loop for all would not vectorize.

    formula : `(x, p, q) -> (value, slope, bend)`, one of `formulas`; the kernels are named after it.
    pull : `(x, p, q, by_value, by_slope) -> (by_p, by_q)`, for a rule whose p or q may be trained.
    """

    formula: Any
    pull: Any = None

    @property
    def name(self) -> str:
        """The formula's name."""
        return self.formula.__name__

    @functools.cached_property
    def activation(self) -> Any:
        """The kernel `(z, p, q, d, n)`, `z[j], d[j] = value, slope` at `z[j]` in place for n numbers.

        z, p, q, d : addresses; the numbers at z and d overlap no others.
        """
        return kernel(*[NUMBER] * 5, name=f"activation_{self.name}")(_activating(self.formula))

    @functools.cached_property
    def bend(self) -> Any:
        """The kernel `(z, p, q, b, n)` that writes the bends at n numbers z to b.

        z, p, q, b : addresses; the numbers at b overlap no others.
        """
        return kernel(*[NUMBER] * 5, name=f"bend_{self.name}")(_bending(self.formula))

    @functools.cached_property
    def parameter_pull(self) -> Any:
        """The kernel `(z, p, q, by_value, by_slope, by_p, by_q, n)` that adds a loss's derivatives by p and q.

        z, p, q : addresses of n numbers each.  by_value, by_slope : addresses of the loss's derivatives by the values and slopes.
        by_p, by_q : addresses of the sums to add to, or 0 for a derivative that is not wanted.
        """
        pull = self.pull

        @kernel(*[NUMBER] * 8, name=f"pull_{self.name}")
        def pull_parameters(zero, z, p, q, by_value, by_slope, by_p, by_q, n):
            values, ps, qs = view(zero, z, n), view(zero, p, n), view(zero, q, n)
            us, ts = view(zero, by_value, n), view(zero, by_slope, n)
            if by_p != 0:
                sums = view(zero, by_p, n)
                for j in range(n):
                    sums[j] += pull(values[j], ps[j], qs[j], us[j], ts[j])[0]
            if by_q != 0:
                sums = view(zero, by_q, n)
                for j in range(n):
                    sums[j] += pull(values[j], ps[j], qs[j], us[j], ts[j])[1]

        return pull_parameters


@dataclass(frozen=True, eq=False)
class RuleWithin(Rule):
    """A rule whose formula vectorizes but has a limited reach; rows that hold a number beyond take a formula for any x.

    anywhere : the formula for any x, with the same bits within reach.
    reach : the farthest |x| of the limited formula, as an intrinsic `x -> reach` for the type of x.
    """

    anywhere: Any = None
    reach: Any = None

    @functools.cached_property
    def activation(self) -> Any:
        """See `Rule`."""
        return kernel(*[NUMBER] * 5, name=f"activation_{self.name}")(self._either(_activating, "activation"))

    @functools.cached_property
    def bend(self) -> Any:
        """See `Rule`."""
        return kernel(*[NUMBER] * 5, name=f"bend_{self.name}")(self._either(_bending, "bend"))

    def _either(self, loop: Callable[[Any], Callable[..., None]], what: str) -> Callable[..., None]:
        near = piece(loop(self.formula), name=f"near_{what}_{self.name}")
        anywhere, reach = piece(loop(self.anywhere), name=f"anywhere_{what}_{self.name}"), self.reach

        def run(zero: Any, z: int, p: int, q: int, d: int, n: int) -> None:
            values, beyond = view(zero, z, n), 0
            for j in range(n):
                beyond |= abs(values[j]) > reach(zero)
            if beyond:
                anywhere(zero, z, p, q, d, n)
            else:
                near(zero, z, p, q, d, n)

        return run


def _activating(formula: Any) -> Callable[..., None]:
    """The loop of `Rule.activation`."""

    def activate(zero: Any, z: int, p: int, q: int, d: int, n: int) -> None:
        values, slopes, ps, qs = view(zero, z, n), view(zero, d, n), view(zero, p, n), view(zero, q, n)
        for j in range(n):
            values[j], slopes[j], _ = formula(values[j], ps[j], qs[j])

    return activate


def _bending(formula: Any) -> Callable[..., None]:
    """The loop of `Rule.bend`."""

    def write_bends(zero: Any, z: int, p: int, q: int, b: int, n: int) -> None:
        values, bends, ps, qs = view(zero, z, n), view(zero, b, n), view(zero, p, n), view(zero, q, n)
        for j in range(n):
            _, _, bends[j] = formula(values[j], ps[j], qs[j])

    return write_bends
