"""Into how many pieces each step may be cut, where threads compute the same samples together (`kernels.meeting`).

A product is cut along the side on which its larger operand is cut too: each thread then reads a part of that operand alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..kernels.contract import SHALLOW
from ..kernels.tables import AFFINE, COLUMNS, CONTRACT, DENSE, ROWS
from ..kernels.target import MAX_TILE_ROWS
from .matrix import Record
from .memory import panel_of

PIECE_COST = 50_000
"""Least multiply-adds of a piece, about 1 us."""
MEETING_COST = 10_000
"""Multiply-adds in the time in which threads meet behind a step."""
WEIGHT_COST = 4
"""Multiply-adds in the time in which a number of a weight is read."""
FEW_ROWS = 0.5
"""The share of the columns' number up to which rows are few. Then a product is cut by its columns. Rows are preferred otherwise,
since the thread that has computed some rows in one step has them in its cache in the next."""


def cut_move(move: Record) -> Record:
    """The field of a row of the primal table that says how it may be cut: an affine map, by its outputs."""
    units = -(-move["n_out"] // move["panel"]) if move["operation"] == AFFINE else 1
    return {"pieces": _pieces(_cost_of_move(move), units)}


def cut_step(step: Record, dtype: np.dtype) -> Record:
    """The fields of a row of the step table that say how it may be cut."""
    rows, columns = step["rows"], step["columns"]
    cut, units = ROWS, rows
    if step["operation"] == CONTRACT:
        # Stacked rows, and rows that are stored transposed, stay together.
        whole_rows = step["stacked"] or step["turned"] != DENSE
        # Long rows of few products stay long, for they are written from end to end.
        shallow = step["depth"] <= SHALLOW and step["b_panel"] == DENSE
        cut = COLUMNS if whole_rows or (rows < FEW_ROWS * columns and not shallow) else ROWS
        tile = panel_of(rows, columns, dtype) if step["b_panel"] == DENSE else step["b_panel"]
        units = -(-columns // tile) if cut == COLUMNS else rows if shallow else -(-rows // MAX_TILE_ROWS)
    elif step.get("rank") and not step["units_on_columns"]:
        units = 1  # sums down the columns
    return {"cut": cut, "pieces": _pieces(_cost_of_step(step), units)}


class Division(NamedTuple):
    """How the work for one sample can be shared.

    parts : the most threads that find something to do.
    serial : how much of the work no other thread can take, in thousandths; meetings are part of it.
    """

    parts: int
    serial: int


def division_of(moves: Iterable[Record], steps: Iterable[Record]) -> Division:
    """How the work of these rows of the primal table and of the step table can be shared."""
    costs = [(_cost_of_move(move), move["pieces"]) for move in moves]
    costs += [(_cost_of_step(step), step["pieces"]) for step in steps]
    whole = sum(cost for cost, _ in costs)
    serial = sum(cost for cost, pieces in costs if pieces == 1) + MEETING_COST * len(costs)
    return Division(max([1, *(pieces for _, pieces in costs)]), min(1000, round(1000 * serial / max(1, whole))))


def _pieces(cost: int, units: int) -> int:
    return max(1, min(units, cost // PIECE_COST))


def _cost_of_move(move: Record) -> int:
    """What a move takes for one sample: multiply-adds, or the numbers that it makes."""
    return move["n_out"] * (move["n_in"] * (1 + WEIGHT_COST) if move["operation"] == AFFINE else 1)


def _cost_of_step(step: Record) -> int:
    rows, columns = step["rows"], step["columns"]
    return (rows + WEIGHT_COST) * step["depth"] * columns if step["operation"] == CONTRACT else rows * columns
