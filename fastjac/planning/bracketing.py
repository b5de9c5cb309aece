"""The cheapest bracketing of a chain, by dynamic programming over its spans.

The least cost of a span follows from those of the shorter spans that it can be split into. All spans of one length, and all
their splits, are tried at once, as arrays, because their number grows with the third power of the layers.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .contractions import StepTable, turning_cycles
from .cost import contraction_cycles, moving_cycles
from .steps import Split


class Bracketing:
    """The least costs of the spans of a chain, and the last step of each.

    A matrix is made row-major or transposed; the first axis of every array says which. A product that is computed one way round
    needs one of its operands to lie that way, made so or turned round. The other operand may lie either way.
    """

    def __init__(self, table: StepTable) -> None:
        shape, n = table.shape, table.shape.n_layers
        self._shape, self._table = shape, table
        self._sizes, self._depths = np.array(shape.sizes), np.array(shape.sizes) * np.array(shape.live)
        # By start and length of a span: its cost, where it is split, and whether its last step passes rows through a block.
        self._cost = np.full((2, n, n + 1), np.inf)
        self._middle = np.zeros((2, n, n + 1), int)
        self._through = np.zeros((2, n, n + 1), bool)
        # What a span costs as an operand of a product computed one way round: by start and length, and by stop and length.
        self._as_right = np.full((2, n, n + 1), np.inf)
        self._as_left = np.full((2, n + 1, n + 1), np.inf)
        # A single layer is a weight or a seed, which costs nothing, or a block, whose Jacobian a step makes.
        layers = np.arange(n)
        self._set(1, table.own)
        self._middle[:, layers, 1], self._through[:, layers, 1] = layers, np.isfinite(table.passing[0, :, 0])
        for length in range(2, n + 1):
            self._split(length)

    def cheapest(self) -> tuple[float, list[Split]]:
        """The least cost of the whole chain, and the steps, each behind those it needs."""
        n = self._shape.n_layers
        wholes = [self._last_step(0, n, way) for way in (False, True)]
        cost, last = min(
            ((self._cost_of(whole) + turning_cycles(self._shape, whole), whole) for whole in wholes), key=lambda found: found[0]
        )
        # A stack of its own, because a chain may be deeper than Python's stack.
        steps, waiting = [], [last]
        while waiting:
            step = waiting.pop()
            if step.stop == step.start + 1 and not step.through:
                continue
            steps.append(step)
            waiting += self._operands(step)
        return cost, steps[::-1]

    def _split(self, length: int) -> None:
        """Find the cheapest way to make each span of this length."""
        start = np.arange(self._shape.n_layers - length + 1)
        right, left = self._as_right[:, : len(start), 1:length], self._as_left[:, length:, length - 1 : 0 : -1]
        costs = left + right + self._contracted(start, length)
        best = costs.argmin(axis=2)
        combined = costs[[[0], [1]], start, best]
        passed, at, best = self._passed(start, length), np.array([[1], [length - 1]]), best + 1
        # Of equal costs the earliest split wins, and at the same split the contraction.
        through = (passed < combined) | ((passed == combined) & (at < best))
        self._set(length, np.where(through, passed, combined))
        self._through[:, start, length] = through
        self._middle[:, start, length] = start + np.where(through, at, best)

    def _contracted(self, start: np.ndarray, length: int) -> np.ndarray:
        """The cycles of contractions by their way, span and split."""
        cycles = np.empty((2, len(start), length - 1))
        cycles[:, :, 0], cycles[:, :, -1] = self._table.first[:, start, length], self._table.last[:, start, length]
        if length > 3:
            # Where neither operand is a layer, the product is all that the step does.
            ends = np.stack([self._sizes[start + length], self._sizes[start]])[:, :, None]
            depth = sliding_window_view(self._depths[2:-2], length - 3)
            cycles[:, :, 1:-1] = contraction_cycles(ends, depth, ends[::-1], self._shape.lanes)
        return cycles

    def _passed(self, start: np.ndarray, length: int) -> np.ndarray:
        """The cost of spans whose last step pulls rows through their first layer, a block, or pushes rows through their last."""
        stop, passing = start + length, self._table.passing
        pulled = self._as_right[0, start + 1, length - 1] + passing[0, start, stop]
        pushed = self._as_left[1, stop - 1, length - 1] + passing[1, stop - 1, start]
        return np.stack([pulled, pushed])

    def _set(self, length: int, cost: np.ndarray) -> None:
        """Note the costs of spans, and what each then costs as an operand."""
        turned = cost[::-1] + moving_cycles(self._sizes[:-length] * self._sizes[length:])
        made, along = cost.min(axis=0), np.minimum(cost, turned)
        n_spans = len(made)
        self._cost[:, :n_spans, length] = cost
        self._as_right[0, :n_spans, length], self._as_right[1, :n_spans, length] = along[0], made
        self._as_left[0, length:, length], self._as_left[1, length:, length] = made, along[1]

    def _cost_of(self, step: Split) -> float:
        return float(self._cost[int(step.transposed), step.start, step.stop - step.start])

    def _last_step(self, start: int, stop: int, transposed: bool) -> Split:
        """What makes a span one way round."""
        at = int(transposed), start, stop - start
        return Split(start, int(self._middle[at]), stop, transposed, bool(self._through[at]))

    def _operands(self, step: Split) -> list[Split]:
        """What makes the operands of a step, the right one first."""
        right, left = (step.start, step.middle), (step.middle, step.stop)
        if step.through:
            # Where rows are passed through a block, the units of the boundary lie side by side.
            passed = right if step.transposed else left
            return [self._made_along(*passed, step.transposed)] if step.middle > step.start else []
        # The kernel's left operand may lie either way. Its right operand is turned round where it does not lie along the result.
        if step.transposed:
            return [self._made(*right), self._made_along(*left, True)]
        return [self._made_along(*right, False), self._made(*left)]

    def _made(self, start: int, stop: int) -> Split:
        """The cheapest way to make a span."""
        row_major, transposed = (self._last_step(start, stop, way) for way in (False, True))
        return transposed if self._cost_of(transposed) < self._cost_of(row_major) else row_major

    def _made_along(self, start: int, stop: int, transposed: bool) -> Split:
        """The cheapest way to make a span so that it lies one way, turned round if need be."""
        as_made, turned = (self._last_step(start, stop, way) for way in (transposed, not transposed))
        moving = moving_cycles(self._shape.sizes[start] * self._shape.sizes[stop])
        return as_made if self._cost_of(as_made) <= self._cost_of(turned) + moving else turned
