"""A pure order of accumulation: tangents pushed through one layer after another, or cotangents pulled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .contractions import StepTable, turning_cycles
from .cost import moving_cycles
from .steps import Split


class Made(NamedTuple):
    """The product of some layers, made one way round: its cost, its last step, and the product that this step extends."""

    cost: float
    step: Split | None = None
    before: Made | None = None


IMPOSSIBLE = Made(float("inf"))


class PureOrder:
    """The order forward, or reverse, and the cheapest way round for each of its products.

    A block's own Jacobian is made at the end where the order begins, and nowhere else.
    """

    def __init__(self, table: StepTable, forward: bool) -> None:
        self._table, self._shape, self._forward = table, table.shape, forward
        layer = 0 if forward else table.shape.n_layers - 1
        self._made = {False: Made(0.0), True: Made(0.0)}
        if table.shape.block(layer):
            own = Split(layer, layer, layer + 1, forward, through=True)
            self._made = {forward: Made(float(table.own[int(forward), layer]), own), not forward: IMPOSSIBLE}

    def cheapest(self) -> tuple[float, list[Split]]:
        """The least cost of the whole chain, and the steps, each behind those it needs."""
        n = self._shape.n_layers
        for length in range(2, n + 1):
            span = (0, length - 1, length) if self._forward else (n - length, n - length + 1, n)
            self._made = {way: self._extended(Split(*span, way)) for way in (False, True)}
        wholes = [(made.cost + turning_cycles(self._shape, made.step), made) for made in self._made.values() if made.step]
        cost, last = min(wholes, key=lambda whole: whole[0])
        return cost, [*_steps_to(last)][::-1]

    def _extended(self, split: Split) -> Made:
        """The product so far, extended by one layer."""
        start, middle, stop, transposed, _ = split
        layer, boundary, made = (middle, start, (start, middle)) if self._forward else (start, stop, (middle, stop))
        if self._shape.block(layer):
            if transposed != self._forward:
                return IMPOSSIBLE
            before = self._lying(made, transposed)
            return Made(before.cost + self._table.passing[int(transposed), layer, boundary], split._replace(through=True), before)
        # The operand that the kernel reads in vectors must lie along the result. The layer is there either way.
        before = self._either() if transposed == self._forward else self._lying(made, transposed)
        contractions = self._table.last if self._forward else self._table.first
        return Made(before.cost + contractions[int(transposed), start, stop - start], split, before)

    def _either(self) -> Made:
        """The product so far, made the cheaper way round."""
        return min(self._made[False], self._made[True], key=lambda made: made.cost)

    def _lying(self, span: tuple[int, int], transposed: bool) -> Made:
        """The product of a span so far, lying one way, turned round if need be."""
        as_made, other = self._made[transposed], self._made[not transposed]
        turned = other.cost + moving_cycles(self._shape.sizes[span[0]] * self._shape.sizes[span[1]])
        return as_made if as_made.cost <= turned else other._replace(cost=turned)


def _steps_to(made: Made | None) -> Iterator[Split]:
    """The steps that make a product, the last one first."""
    while made and made.step:
        yield made.step
        made = made.before
