"""All measurements of one report, one after the other: rows, the planner's choices, and the other figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .. import planner, scaling
from ..common import DTYPES, Cell
from ..machine import ceilings
from ..peers import prepare
from ..recipe import Recipe
from ..timing import Effort
from . import comparison, figures
from .rendering import Report


@dataclass(frozen=True)
class Extent:
    """How much to measure: the efforts for one row, for one cell of the planner and for anything else, and what to leave out.

    batches : how many of each network's batch sizes.
    sizes : numbers of inputs on the straight line.
    cold : whether to compile all kernels once more, for the time that it takes.
    """

    row: Effort
    plan: Effort
    other: Effort
    batches: int
    sizes: tuple[int, ...]
    cold: bool


FULL = Extent(Effort(21, 5.0), Effort(7, 1.0), Effort(5, 5.0), batches=3, sizes=scaling.SIZES, cold=True)
RANDOM = Extent(Effort(9, 1.5), Effort(5, 0.5), Effort(5, 5.0), batches=1, sizes=(), cold=False)
QUICK = Extent(Effort(5, 0.5), Effort(3, 0.1), Effort(3, 1.0), batches=2, sizes=scaling.SIZES[:3], cold=False)


PREPARATION = 4.5
"""Seconds that a row takes beside its turns: compiling, checking, choosing each peer's order."""
CEILINGS = 20.0
"""Seconds for the machine's rates, before and after."""
FIGURES = 90.0
"""Seconds for all that is not a row."""


def expected_seconds(n_cells: int, extent: Extent, rows_only: bool) -> float:
    """About how long `measure` takes on a machine that has nothing else to do."""
    row = PREPARATION + extent.row.seconds + (0.0 if rows_only else extent.plan.seconds)
    return CEILINGS + len(DTYPES) * n_cells * row + (0.0 if rows_only else FIGURES)


def measure(chosen: Sequence[Cell], extent: Extent, rows_only: bool) -> Report:
    """Measure these cells, and all else unless only rows are asked for."""
    start = time.perf_counter()
    present = [cell for cell in chosen if cell.recipe.missing is None]
    minutes = expected_seconds(len(present), extent, rows_only) / 60
    _say(f"{len(DTYPES) * len(present)} rows, about {minutes:.0f} minutes if this machine does nothing else")
    before = ceilings(extent.other)
    rows, predictions = [], []
    for number, cell in enumerate(present, start=1):
        _say(f"{number}/{len(present)} {cell}")
        rows += [comparison.measure(cell, dtype, extent.row) for dtype in DTYPES]
        if not rows_only:
            predictions += [planner.predict(cell, dtype, extent.plan) for dtype in DTYPES]
        for cached in (prepare, Recipe.parameters, Recipe.inputs):
            cached.cache_clear()
    others = [] if rows_only else [*measure_figures(extent), *figures.planner(predictions)]
    return Report(rows, before, ceilings(extent.other), time.perf_counter() - start, left_out(chosen), predictions, others)


def left_out(chosen: Sequence[Cell]) -> list[str]:
    """What each network needs that this machine lacks."""
    return list(dict.fromkeys(f"{cell.network} {cell.recipe.missing}" for cell in chosen if cell.recipe.missing))


def measure_figures(extent: Extent) -> list[figures.Figure]:
    """Latency, start, scaling and memory."""
    kinds = {
        "latency": lambda: figures.latencies(extent.other),
        "start": lambda: figures.starts(extent.other.rounds, extent.cold),
        "scaling": lambda: figures.straight_lines(extent.sizes, extent.other),
        "threads": lambda: figures.threads(extent.row),
        "grids": lambda: figures.grids(extent.other),
        "training": lambda: figures.training_steps(extent.other),
        "memory": figures.extra_memory,
    }
    found = []
    for kind, measure_kind in kinds.items():
        _say(kind)
        found += figures.attempt(kind, measure_kind)
    return found


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)
