"""Fastjac beside its peers on graphs, and some columns of J beside all columns: the measurements, and the section on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastjac.kernels.target import vector_unit

from ..columns import COLUMNS, NAMES, Shares, shares_of_time
from ..common import DTYPES, relative_error
from ..graphs.peers import installed, prepare, whole
from ..graphs.recipes import GraphCell
from ..peers import FASTJAC
from ..timing import Effort
from . import targets
from .comparison import Timed, in_short, medians, refuse_wrong
from .tables import bullets, format_seconds, table
from .verdicts import geometric_mean, least, listed, met, over_best


@dataclass(frozen=True)
class Graphs:
    """All measurements of a run on graphs.

    shares : for each cell and dtype, the time for some columns; empty where the user chose single graphs.
    """

    rows: Sequence[Timed]
    shares: Mapping[tuple[str, str], Shares]


def left_out(graphs: Sequence[GraphCell]) -> list[str]:
    """A sentence if these graphs lack a peer to be compared with on this machine."""
    return ["graphs need torch or JAX to be compared with"] if graphs and installed() == [FASTJAC] else []


def measure(cell: GraphCell, dtype: str, effort: Effort) -> Timed:
    """Check and time every installed contender on one graph; a RuntimeError names a contender that is wrong."""
    calls = {name: prepare(name, cell, dtype) for name in installed()}
    peer = next(name for name in calls if name != FASTJAC)
    reference = whole(prepare(peer, cell, "float64")())
    errors = {name: relative_error(whole(call()), reference) for name, call in calls.items()}
    refuse_wrong(errors, cell, dtype)
    schedule = in_short(cell.recipe.network(dtype).plan())
    return Timed(cell, dtype, medians(calls, effort), errors[FASTJAC], schedule)


def measure_shares(effort: Effort) -> dict[tuple[str, str], Shares]:
    """For each cell and dtype, the time for some columns of J over the time for all."""
    return {(name, dtype): shares_of_time(name, dtype, effort) for name in NAMES for dtype in DTYPES}


def paragraphs_of(measured: Graphs, with_targets: bool) -> list[str]:
    """The section of graphs."""
    judged = verdicts(measured.rows) if with_targets else []
    sentences = [*summary(measured.rows), *judged, *_shares(measured.shares, with_targets)]
    return ["### Graphs", _comparison(measured.rows, with_targets), bullets(sentences)]


def _comparison(rows: Sequence[Timed], with_targets: bool) -> str:
    names = list(rows[0].seconds)
    target = ["at least"] if with_targets else []
    header = ["graph-batch", "dtype", "schedule", *names, "best peer / fastjac", *target, "error"]
    lines = []
    for row in rows:
        times = [format_seconds(row.seconds[name]) for name in names]
        verdict = [f"{targets.LEAST_GRAPH:g}, {met(row.over_best >= targets.LEAST_GRAPH)}"] if with_targets else []
        lines.append([str(row.cell), row.dtype, row.schedule, *times, f"{row.over_best:.2f}", *verdict, f"{row.error:.1g}"])
    return table(header, lines, left=3)


def summary(rows: Sequence[Timed]) -> list[str]:
    """Sentences on the means of the rows, over all and for each dtype, and on the least rows."""
    dtypes = [dtype for dtype in DTYPES if any(row.dtype == dtype for row in rows)]
    by_dtype = ", ".join(f"{_mean([row for row in rows if row.dtype == dtype]):.2f} in {dtype}" for dtype in dtypes)
    return [
        f"Geometric mean of best peer / fastjac over {len(rows)} rows of graphs: {_mean(rows):.2f} ({by_dtype}).",
        f"Least rows of graphs: {listed(least(rows), over_best)}",
    ]


def verdicts(rows: Sequence[Timed]) -> list[str]:
    """Sentences on whether the mean and the least row reach their targets."""
    mean, goal = _mean(rows), targets.graphs_mean(vector_unit()[0])
    under = [row for row in rows if row.over_best < targets.LEAST_GRAPH]
    bits = 8 * vector_unit()[0]
    return [
        f"Geometric mean over graphs: {mean:.2f}, target {goal:g} for vectors of {bits} bits ({met(mean >= goal)}).",
        f"Rows of graphs under {targets.LEAST_GRAPH:g} of the best peer: {listed(under, over_best)}",
    ]


def _mean(rows: Sequence[Timed]) -> float:
    return geometric_mean(row.over_best for row in rows)


def _shares(found: Mapping[tuple[str, str], Shares], with_targets: bool) -> list[str]:
    sentences = []
    for (name, dtype), share in found.items():
        goal = targets.COLUMNS_SHARE
        verdict = f"; target {goal:g} ({met(share.columns <= goal)})" if with_targets else ""
        sentences.append(
            f"{name} {dtype}: {len(COLUMNS)} of 784 columns of J take {share.columns:.3f} of the time of all, the values alone "
            f"{share.values:.3f}{verdict}."
        )
    return sentences
