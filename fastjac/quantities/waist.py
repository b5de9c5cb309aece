"""Where a network is narrow: the boundary at which J is best left as a product of two matrices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from ..layers import Affine
from ..planning.block import Block
from ..planning.chain import Chain

Algebra = Callable[[int, int, int | None], float]
"""The multiply-adds of a result from one J (n_out, n_in): from J itself, for None, or from its factors (n_out, r), (r, n_in)."""


def waist_of(chain: Chain, n_out: int, n_in: int, algebra: Algebra) -> int | None:
    """The boundary at which J takes fewest multiply-adds as a product of two matrices; None where it takes fewer as one.

    n_out, n_in : the rows and columns of J that are wanted; a boundary of as many units is no waist.
    """
    narrow = [(boundary, r) for boundary, r in enumerate(chain.sizes[1:-1], 1) if r < min(n_out, n_in)]
    if not narrow:
        return None
    work, last = _Work(chain), len(chain.factors)
    least, costs = work.between(0, last, n_out, n_in), {}
    for boundary, r in narrow:
        factors = work.between(0, boundary, r, n_in) + work.between(boundary, last, n_out, r)
        costs[boundary] = factors + algebra(n_out, n_in, r)
        # The whole J may be their product too.
        least = min(least, factors + r * n_out * n_in)
    best = min(costs, key=costs.__getitem__)
    return best if costs[best] < least + algebra(n_out, n_in, None) else None


class _Work:
    """Multiply-adds of the Jacobians between boundaries of a chain."""

    def __init__(self, chain: Chain) -> None:
        # For each factor: multiply-adds of all factors before it for one row; and whether rows can start with its weights.
        self._before = list(accumulate(map(_row_work, chain.factors), initial=0))
        self._are_weights = [isinstance(factor, Affine) for factor in chain.factors]

    def between(self, start: int, stop: int, n_out: int, n_in: int) -> float:
        """Multiply-adds of the Jacobian between two boundaries in the cheaper of the two pure orders."""
        if stop - start < 2 and all(self._are_weights[start:stop]):
            return 0.0
        first, last = start + self._are_weights[start], stop - self._are_weights[stop - 1]
        return float(min(n_in * (self._before[stop] - self._before[first]), n_out * (self._before[last] - self._before[start])))


def _row_work(factor: Affine | Block) -> int:
    operators = factor.operators if isinstance(factor, Block) else (factor,)
    return sum(operator.weight.size for operator in operators if isinstance(operator, Affine))
