"""Operations lowered to tables for the gradient kernel: one table of steps for each kind of request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..kernels.contract import contract
from ..kernels.gradient_tables import ARRAYS, SIZES
from ..kernels.jit import kernel_address
from ..kernels.operators import copy
from ..kernels.tables import LAYOUT, LIVE, PRIMAL, STEP, records
from ..lowering.matrix import Record
from ..lowering.memory import LINE, LIST_ROOM
from ..planning.block import Slopes
from ..planning.operators import Diagonal
from .by_parameters import push_direction, write_features, write_parameter_jacobian
from .emitter import GradientEmitter
from .layout import RIGHT_ROWS, Layout
from .operations import ParameterName, Unfolded
from .places import Flat
from .rows import SeedRows
from .seeds import cheapest_seeds, multiply_adds
from .way_back import WayBack

STEP_FIELDS = frozenset((*ARRAYS, "sums", "direction"))
"""Fields of a request on which its steps depend."""
ROWS = frozenset(("jacobian", "jacobian_gradient", "parameter_jacobian", "features"))
"""Fields of a request that need rows."""
BACK = frozenset(("sums", "x_gradient"))
"""Fields of a request that go back through the values."""
PARAMETER_ROWS = 4
"""Rows that the tangent kernel needs for derivatives by activations' parameters."""


@dataclass(frozen=True, eq=False)
class Tables:
    """What one kind of request runs: tables of PRIMAL, LIVE and STEP records, one LAYOUT record, and the scratch of a thread."""

    primal: np.ndarray
    live: np.ndarray
    steps: np.ndarray
    layout: np.ndarray
    scratch_size: int


class Lowered:
    """Tables of the gradient kernel for one network, whose parameters may change.

    layout : where everything lies.
    parameter_records, feature_records : PARAMETER and FEATURE records.
    pairs : what a request for the tangent kernel states besides, and the scratch of a thread.
    sizes : a request's fields for the numbers that a sample has in each array.
    work_size, list_size, n_identity : of a block's workspace and lists; the numbers 0, 1, 2, ... at the start of the lists.
    unused : the parts of the flat vector of parameters whose gradient is wanted, but that no operation uses.
    cost : multiply-adds of one sample's Jacobian.
    """

    def __init__(self, layout: Layout, unused: tuple[slice, ...]) -> None:
        self.layout, self.dtype, self.unfolded, self.unused = layout, layout.dtype, layout.unfolded, unused
        self.cost = multiply_adds(layout.unfolded, layout.seeds_at)
        self.parameter_records, self.feature_records = layout.parameter_records(), layout.feature_records()
        n_in, n_out, n_parameters = layout.n_in, layout.n_out, layout.unfolded.n_parameters
        sizes = n_out, n_out * n_in, n_out * n_in, n_in, n_out, n_out * n_parameters, layout.features_size
        self.sizes = dict(zip(SIZES, sizes, strict=True))
        self.pairs, self.pairs_scratch = _for_pairs(layout)
        self.n_identity = max(layout.block * layout.seeds, *layout.sizes, RIGHT_ROWS)
        self._tables: dict[tuple[frozenset[str], bool], Tables] = {}
        emitter = self._emitter()
        SeedRows(layout, emitter)
        self._lists_size = emitter.list_size + LIST_ROOM
        self.work_size = layout.block * emitter.end + LINE
        self.list_size = self.n_identity + LIST_ROOM + layout.block * self._lists_size

    def tables(self, asked: frozenset[str], filled: bool = False) -> Tables:
        """What a request runs that has these fields.

        filled : whether workspaces and lists hold what an earlier request for the same samples has computed.
        """
        key = asked & STEP_FIELDS, filled
        # Two threads may write the same tables at once; all take the first ones, since requests know these by their addresses.
        return self._tables.get(key) or self._tables.setdefault(key, self._lower(*key))

    def _emitter(self) -> GradientEmitter:
        layout = self.layout
        emitter = GradientEmitter(layout.parameters, layout.states, layout.rows_start)
        for op in layout.unfolded.operations:
            if isinstance(op.map, Slopes) and isinstance(op.map.operator, Diagonal):
                emitter.live_list(op.map.operator)  # at the same place for every request
        return emitter

    def _lower(self, asked: frozenset[str], filled: bool) -> Tables:
        layout, emitter = self.layout, self._emitter()
        rows = SeedRows(layout, emitter) if ROWS & asked else None
        live = emitter.live if rows and not filled else []
        if filled:
            emitter.steps.clear()
        self._write(emitter, asked, rows)
        primal, steps = [] if filled else layout.sweep.steps(layout.vectors), emitter.finished()
        record = self._layout_record() | {"n_primal": len(primal), "last_step": len(steps), "last_live": len(live)}
        tables = records(PRIMAL, primal), records(LIVE, live), records(STEP, steps), records(LAYOUT, [record])
        return Tables(*tables, layout.block * emitter.arena.end + LINE)

    def _write(self, emitter: GradientEmitter, asked: frozenset[str], rows: SeedRows | None) -> None:
        layout = self.layout
        if rows and "features" in asked:
            write_features(layout, emitter, rows)
        if rows and "parameter_jacobian" in asked:
            write_parameter_jacobian(layout, emitter, rows)
        if rows and "jacobian" in asked:
            rows.write_jacobian()
        if "direction" in asked:
            push_direction(layout, emitter)
        if BACK & asked:
            way_back = WayBack(layout, emitter, asked)
            if rows and "jacobian_gradient" in asked:
                way_back.by_rows(rows)
            way_back.by_values()

    def _layout_record(self) -> Record:
        layout = self.layout
        result = layout.vectors.result
        record = {"n_in": layout.n_in, "n_out": layout.n_out, "block": layout.block, "group": layout.block}
        record |= {"values": layout.sweep.place(result), "values_row": result.row, "state": layout.block * layout.vectors.size}
        record |= {"zeros": layout.zeros.offset, "ones": layout.ones.offset, "n_identity": self.n_identity}
        record |= {"own_lists": self.n_identity + LIST_ROOM, "own_lists_size": self._lists_size}
        record |= {"work_size": self.work_size, "list_size": self.list_size}
        return record | {name: kernel_address(kernel, self.dtype) for name, kernel in (("contract", contract), ("copy", copy))}


def lower(unfolded: Unfolded, dtype: np.dtype, wanted: Collection[ParameterName], seeds_at: int | None = None) -> Lowered:
    """Tables for a network.

    wanted : the parameters whose gradient is wanted.
    seeds_at : the value where derivatives start; by default the cheapest.
    """
    layout = Layout(unfolded, dtype, wanted, cheapest_seeds(unfolded) if seeds_at is None else seeds_at)
    used = {(op.position, name) for op in unfolded.operations for name in op.fields.values()}
    starts = {name: unfolded.positions[name] for name in sorted(set(wanted) - used)}
    unused = (slice(start, start + unfolded.layers[layer].arrays[name].size) for (layer, name), start in starts.items())
    return Lowered(layout, tuple(unused))


def _for_pairs(layout: Layout) -> tuple[Record, int]:
    """The fields of a request for the tangent kernel, and the scratch that it needs."""
    scratch, seeds, widest = Flat(layout.dtype), layout.n_out, max(layout.sizes)
    right = max(1, min(layout.block, RIGHT_ROWS // seeds))
    by_rows = scratch.take(seeds, right * seeds)
    record = {"right_block": right, "right_row": by_rows.row, "by_rows": by_rows.offset}
    record |= {"turned": scratch.take(widest, right * seeds).offset}
    record |= {"by_inputs": scratch.take(layout.block, right * seeds).offset}
    record |= {"by_parameters": scratch.take(PARAMETER_ROWS, widest).offset, "n_out": seeds}
    return record, scratch.size
