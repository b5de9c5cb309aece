"""All measurements of one report, one after the other: rows, the planner's choices, and the other figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import planner, scaling
from ..common import DTYPES, Cell
from ..graphs import peers as graph_peers
from ..graphs.recipes import GraphCell, GraphRecipe
from ..machine import ceilings
from ..peers import prepare
from ..recipe import Recipe
from ..timing import Effort
from . import comparison, figures, graph_rows
from .rendering import Report


@dataclass(frozen=True)
class Extent:
    """How much to measure: the efforts for one row, for one cell of the planner and for any other figure, and what to leave out.

    batches : how many of each network's batch sizes.
    sizes : numbers of inputs on the straight line.
    cold : whether to compile all kernels once more, to measure the time that it takes.
    """

    row: Effort
    plan: Effort
    other: Effort
    batches: int
    sizes: tuple[int, ...]
    cold: bool


@dataclass(frozen=True)
class Chosen:
    """What to measure.

    columns : whether to measure some columns of J beside all of them.
    rows_only : whether to leave out all that is neither a row nor those columns.
    """

    cells: Sequence[Cell]
    graphs: Sequence[GraphCell] = ()
    columns: bool = False
    rows_only: bool = False


FULL = Extent(Effort(21, 5.0), Effort(7, 1.0), Effort(5, 5.0), batches=3, sizes=scaling.SIZES, cold=True)
RANDOM = Extent(Effort(9, 1.5), Effort(5, 0.5), Effort(5, 5.0), batches=1, sizes=(), cold=False)
QUICK = Extent(Effort(5, 0.5), Effort(3, 0.1), Effort(3, 1.0), batches=2, sizes=scaling.SIZES[:3], cold=False)


PREPARATION = 4.5
"""Seconds that a row takes besides its turns: compiling, checking, choosing each peer's order."""
CEILINGS = 20.0
"""Seconds for measuring the machine's rates, before and after."""
FIGURES = 90.0
"""Seconds for all that is not a row."""


def expected_seconds(chosen: Chosen, extent: Extent) -> float:
    """About how long `measure` takes on a machine that has nothing else to do."""
    row = PREPARATION + extent.row.seconds
    rows = len(chosen.cells) * (row if chosen.rows_only else row + extent.plan.seconds) + len(chosen.graphs) * row
    return CEILINGS + len(DTYPES) * rows + (0.0 if chosen.rows_only else FIGURES)


def measure(chosen: Chosen, extent: Extent) -> Report:
    """Measure what is chosen."""
    start = time.perf_counter()
    no_graphs = graph_rows.left_out(chosen.graphs)
    missing = [*left_out(chosen.cells), *no_graphs]
    present = [cell for cell in chosen.cells if cell.recipe.missing is None]
    chosen = replace(chosen, cells=present, graphs=() if no_graphs else chosen.graphs)
    minutes, count = expected_seconds(chosen, extent) / 60, len(DTYPES) * (len(present) + len(chosen.graphs))
    _say(f"{count} rows, about {minutes:.0f} minutes if this machine does nothing else")
    before = ceilings(extent.other)
    rows, predictions = [], []
    for number, cell in enumerate(present, start=1):
        _say(f"{number}/{len(present)} {cell}")
        rows += [comparison.measure(cell, dtype, extent.row) for dtype in DTYPES]
        if not chosen.rows_only:
            predictions += [planner.predict(cell, dtype, extent.plan) for dtype in DTYPES]
        for cached in (prepare, Recipe.parameters, Recipe.inputs):
            cached.cache_clear()
    graphs = measure_graphs(chosen, extent) if chosen.graphs else None
    others = [] if chosen.rows_only else [*measure_figures(extent), *figures.planner(predictions)]
    return Report(rows, before, ceilings(extent.other), time.perf_counter() - start, missing, predictions, others, graphs)


def measure_graphs(chosen: Chosen, extent: Extent) -> graph_rows.Graphs:
    """Measure the graphs, and some columns of J if they are asked for."""
    rows = []
    for number, cell in enumerate(chosen.graphs, start=1):
        _say(f"graph {number}/{len(chosen.graphs)} {cell}")
        rows += [graph_rows.measure(cell, dtype, extent.row) for dtype in DTYPES]
        for cached in (graph_peers.prepare, GraphRecipe.network, GraphRecipe.inputs):
            cached.cache_clear()
    return graph_rows.Graphs(rows, graph_rows.measure_shares(extent.other) if chosen.columns else {})


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
