"""The way back of a loss's derivatives: from both ends to the seeds by the rows, and from the output to the input by the values.

At each operation a derivative by rows meets the rows that were kept there. The two give derivatives by the operation's
parameters and, through the bends of its Jacobian, by its source. The derivative by the values takes these up on its way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..kernels.bends import BENDS
from ..kernels.gradient_tables import SUMS
from ..kernels.pairwise import BENDS as PAIR_BENDS
from ..layers import Affine
from ..lowering.matrix import Matrix
from ..planning.block import Pair, Slopes
from ..planning.operators import Normalization
from .emitter import GradientEmitter, array
from .layout import Layout
from .operations import Operation
from .passages import PartialPassage
from .places import Place
from .rows import SeedRows


class WayBack:
    """The steps of the way back. asked : the request's fields that are given or wanted."""

    def __init__(self, layout: Layout, emitter: GradientEmitter, asked: Collection[str]) -> None:
        self._layout, self._emitter, self._asked = layout, emitter, asked
        self._needed = self._needed_values()
        self._by_slopes: dict[Operation, Matrix] = {}
        self._bends: dict[int, Matrix] = {}

    def _needed_values(self) -> set[int]:
        """The values by which derivatives are needed: the input if these are wanted, and all behind wanted parameters."""
        needed = {0} if "x_gradient" in self._asked else set()
        for value, makers in enumerate(self._layout.unfolded.makers):
            if any(op.source in needed or self._gradients(op) for op in makers):
                needed.add(value)
        return needed

    def _gradients(self, op: Operation) -> dict[str, Place]:
        """Where the wanted gradients of an operation's parameters go, by the kernel's names for them."""
        return self._layout.gradients.get(op.layer, {}) if "sums" in self._asked else {}

    # By the rows.

    def by_rows(self, rows: SeedRows) -> None:
        """Go from both ends to the seeds, along all operations."""
        layout = self._layout
        needed = set(range(len(layout.sizes))) - {layout.seeds_at}

        def meet(op: Operation, passing: Matrix) -> bool:
            if not self._meets(op):
                return False
            is_before = op.target <= layout.seeds_at
            kept = rows.at(op.target if is_before else op.source)
            self._meet(op, *((kept, passing) if is_before else (passing, kept)))
            self._emitter.release(kept)
            return True

        if layout.before:
            PartialPassage(self._emitter, layout.way(layout.before, True), needed, meet).run_from(rows.by_rows_at_input())
        if layout.after:
            PartialPassage(self._emitter, layout.way(layout.after, False), needed, meet).run_from(rows.by_rows_at_output())
        self._bend_pairs()

    def _meets(self, op: Operation) -> bool:
        """Whether anything wanted follows from the rows at both ends of an operation."""
        if isinstance(op.map, Affine):
            return "weight" in self._gradients(op)
        return bool(self._gradients(op)) or any(self._bend_of(other) for other in (op, self._partner(op)) if other)

    def _bend_of(self, op: Operation) -> Any:
        """The kernel of an operation's bends, if its Jacobian changes smoothly with a source by which a derivative is needed."""
        if op.source not in self._needed:
            return None
        if isinstance(op.map, Normalization):
            return BENDS.get(op.map.layer.rule)
        if not isinstance(op.map, Slopes):
            return None
        operator = op.map.operator
        if isinstance(operator, Pair):
            return PAIR_BENDS.get(operator.join.rule, (None, None))[op.map.operand]
        return operator.layers[0].rule.bend if operator.layers[0].has_bend else None

    def _partner(self, op: Operation) -> Operation | None:
        """The operation by the other operand, where an operation is by one operand of a function of two."""
        for other in self._layout.unfolded.makers[op.target]:
            both = isinstance(op.map, Slopes) and isinstance(other.map, Slopes) and op.map.operator is other.map.operator
            if both and other is not op:
                return other
        return None

    def _meet(self, op: Operation, u: Matrix, t: Matrix) -> None:
        """Write the steps for rows u and t at an operation's target and source."""
        if isinstance(op.map, Affine):
            self._add_weight(self._gradients(op)["weight"], u, t)
        elif isinstance(op.map, Normalization):
            self._bend_normalizer(op, op.map, (u, t))
        elif self._partner(op):
            self._by_slopes[op] = self._emitter.by_slopes(u, t)  # the bends need those by the partner's slopes too
        else:
            self._bend_activation(op, self._emitter.by_slopes(u, t))

    def _add_weight(self, gradient: Place, u: Matrix, t: Matrix) -> None:
        if u is self._layout.identity:
            self._emitter.total(gradient, t)
        else:
            self._emitter.outer(gradient, u, t)

    def _bend_activation(self, op: Operation, by_slopes: Matrix) -> None:
        emitter, inputs = self._emitter, self._layout.inputs(op)
        self._pull_parameters(op, self._layout.same(self._layout.zeros, op.n_in), by_slopes)
        bend = self._bend_of(op)
        total = self._bends.setdefault(op.source, by_slopes) if bend else None
        if total:
            emitter.bend(op, bend, inputs, by_slopes, total)
        if total is not by_slopes:
            emitter.release(by_slopes)

    def _bend_normalizer(self, op: Operation, operator: Normalization, rows: tuple[Matrix, Matrix]) -> None:
        emitter, target = self._emitter, self._emitter.take(1, op.n_in)
        # The kernel takes rows of one stride, which those among the columns of a wider matrix do not have.
        row = emitter.padded(op.n_in)
        u, t = (side if side.row == row else emitter.copy(side, emitter.take(side.rows, op.n_in)) for side in rows)
        emitter.bend_normalizer(operator, self._bend_of(op), (u, t), target)
        for copy, side in zip((u, t), rows, strict=True):
            if copy is not side:
                emitter.release(copy)
        total = self._bends.setdefault(op.source, target)
        if total is not target:
            emitter.add(total, target)
            emitter.release(target)

    def _bend_pairs(self) -> None:
        """Add the derivatives by both operands of functions of two, from those by the slopes by both."""
        for op, by_mine in self._by_slopes.items():
            bend, partner = self._bend_of(op), self._partner(op)
            if bend is None or partner is None or not isinstance(op.map, Slopes):
                continue
            if op.source not in self._bends:
                self._bends[op.source] = self._emitter.take(1, op.n_in)
                self._emitter.clear(self._bends[op.source])
            self._emitter.bend_pair(op.map, bend, (by_mine, self._by_slopes[partner]), self._bends[op.source])
        for matrix in self._by_slopes.values():
            self._emitter.release(matrix)

    # By the values.

    def by_values(self) -> None:
        """Go from the output to the lowest value by which a derivative is needed."""
        layout, emitter, asked = self._layout, self._emitter, self._asked
        entry = array("y_gradient", 1, layout.n_out) if "y_gradient" in asked else None
        result = array("x_gradient", 1, layout.n_in) if "x_gradient" in asked else None
        way = layout.way(layout.unfolded.operations, False, rows=1)
        passage = PartialPassage(emitter, way, self._needed, self._add_gradients, self._bends, result)
        if passage.run_from(entry) is None and result is not None:
            emitter.clear(result)

    def _add_gradients(self, op: Operation, by_values: Matrix) -> bool:
        """Add the gradients of an operation's parameters that follow from the derivative by its target's values."""
        gradients = self._gradients(op)
        if not isinstance(op.map, Affine):
            self._pull_parameters(op, by_values, self._layout.same(self._layout.zeros, op.n_in))
        if "weight" in gradients:
            self._emitter.outer(gradients["weight"], by_values, self._layout.inputs(op))
        if "bias" in gradients:
            self._emitter.total(gradients["bias"], by_values)
        return bool(gradients)

    def _pull_parameters(self, op: Operation, by_values: Matrix, by_slopes: Matrix) -> None:
        """Add the gradients of an activation's parameters that follow from derivatives by its values and by its slopes."""
        if places := {name: place.offset for name, place in self._gradients(op).items()}:
            sums = Matrix(1, op.n_in, SUMS, 0, 0, 1)
            self._emitter.pull_parameters(op, (self._layout.inputs(op), by_values, by_slopes), sums, places)
