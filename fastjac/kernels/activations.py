"""The rule of an activation: its formula, and the kernels made of it, each compiled when it is first needed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from .jit import kernel
from .memory import NUMBER, view


@dataclass(frozen=True, eq=False)
class Rule:
    """What the kernels know of an activation. A kernel for each rule, because one loop for all would not vectorize.

    formula : `(x, p, q) -> (value, slope, bend)`, one of `formulas`; the kernels are named after it.
    pull : `(x, p, q, by_value, by_slope) -> (by_p, by_q)`, where p or q may be trained.
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

        z, p, q, d : addresses; z and d overlap no other.
        """
        formula = self.formula

        @kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, name=f"activation_{self.name}")
        def activate(zero: Any, z: int, p: int, q: int, d: int, n: int) -> None:
            values, slopes, ps, qs = view(zero, z, n), view(zero, d, n), view(zero, p, n), view(zero, q, n)
            for j in range(n):
                values[j], slopes[j], _ = formula(values[j], ps[j], qs[j])

        return activate

    @functools.cached_property
    def bend(self) -> Any:
        """The kernel `(z, p, q, b, n)` that writes the bends at n numbers z to b.

        z, p, q, b : addresses; b overlaps no other.
        """
        formula = self.formula

        @kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, name=f"bend_{self.name}")
        def write_bends(zero: Any, z: int, p: int, q: int, b: int, n: int) -> None:
            values, bends, ps, qs = view(zero, z, n), view(zero, b, n), view(zero, p, n), view(zero, q, n)
            for j in range(n):
                _, _, bends[j] = formula(values[j], ps[j], qs[j])

        return write_bends

    @functools.cached_property
    def parameter_pull(self) -> Any:
        """The kernel `(z, p, q, by_value, by_slope, by_p, by_q, n)` that adds a loss's derivatives by p and q.

        z, p, q : addresses of n numbers each.  by_value, by_slope : addresses of its derivatives by the values and slopes.
        by_p, by_q : where they are added, or 0 for one that is not wanted.
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
