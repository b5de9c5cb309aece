"""Rows pushed and pulled from the seeds to both ends of a network, and the Jacobian that they make there."""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels.tables import DENSE
from ..lowering.matrix import Matrix
from .emitter import GradientEmitter, array
from .layout import Layout
from .operations import Operation
from .passages import KeptRows


class SeedRows:
    """The rows at every value: cotangents before the seeds, tangents behind them."""

    def __init__(self, layout: Layout, emitter: GradientEmitter) -> None:
        self._layout, self._emitter = layout, emitter
        self._before, self._after = self._kept(layout.before, False), self._kept(layout.after, True)

    def _kept(self, operations: Sequence[Operation], forward: bool) -> KeptRows | None:
        if not operations:
            return None
        return KeptRows(self._emitter, self._layout.way(operations, forward), self._layout.identity, self._layout.kept)

    def at(self, value: int) -> Matrix:
        """The rows at a value, which the caller releases."""
        if value == self._layout.seeds_at:
            return self._layout.identity
        side = self._before if value < self._layout.seeds_at else self._after
        assert side is not None  # a value on this side has operations there
        return side.rows_at(value)

    def write_jacobian(self) -> None:
        """Write the Jacobian: the rows at one end, or the product of those at both."""
        target = array("jacobian", self._layout.n_out, self._layout.n_in)
        if self._after is None:
            assert self._before is not None  # every network has an operation
            self._before.end(target)
        elif self._before is None:
            self._emitter.copy(self._after.end().transpose, target)
        else:
            self._emitter.contract(self._after.end().transpose, self._before.end(), target, DENSE)

    def by_rows_at_input(self) -> Matrix:
        """The loss's derivative by the rows pulled to the input, from that by the Jacobian."""
        layout, emitter = self._layout, self._emitter
        by_jacobian = array("jacobian_gradient", layout.n_out, layout.n_in)
        if self._after is None:
            return by_jacobian
        # A product reads whole vectors of its right operand, beyond the end of the caller's array if they do not fill its rows.
        if emitter.padded(layout.n_in) != layout.n_in:
            return self._through(by_jacobian.transpose, self._after.end())
        target = emitter.take(layout.seeds, layout.n_in)
        emitter.contract(self._after.end(), by_jacobian, target, DENSE)
        return target

    def by_rows_at_output(self) -> Matrix:
        """The loss's derivative by the rows pushed to the output."""
        layout, emitter = self._layout, self._emitter
        by_jacobian = array("jacobian_gradient", layout.n_out, layout.n_in)
        if self._before is not None:
            return self._through(by_jacobian, self._before.end())
        return emitter.copy(by_jacobian.transpose, emitter.take(layout.seeds, layout.n_out))

    def _through(self, by_jacobian: Matrix, rows: Matrix) -> Matrix:
        """The derivative by the rows at one end, as the Jacobian is their product with those at the other end."""
        emitter = self._emitter
        turned = emitter.copy(rows.transpose, emitter.take(rows.columns, rows.rows))
        target = emitter.take(by_jacobian.rows, rows.rows, transposed=True)
        emitter.contract(by_jacobian, turned, target, DENSE)
        emitter.release(turned)
        return target.transpose
