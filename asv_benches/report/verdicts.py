"""What the rows of a comparison show together: their mean, the least rows, missed targets, the distance from the floor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from .. import isa
from ..common import DTYPES
from ..floor import dense_reverse_cost, floor
from ..machine import Ceilings
from ..peers import EXPERT, FASTJAC
from . import targets
from .comparison import Row, Timed

AnyRow = TypeVar("AnyRow", bound=Timed)

BARELY_AHEAD = 1.2
"""The ratio of the best peer's time to fastjac's from which on fastjac is clearly ahead."""
LEAST_ROWS = 6
"""How many of the least rows are listed."""


def over_floor(row: Row, ceilings: Ceilings) -> float:
    """Fastjac's time over the floor."""
    return row.seconds[FASTJAC] / floor(row.work, row.dtype, ceilings).seconds


def reaches_target(row: Row) -> bool:
    """Whether the row's ratio to its best peer reaches its target."""
    return row.over_best >= targets.over_best_peer(row.cell)


def groups(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The sets of rows over which means are taken, without the empty sets."""
    chosen = {
        "all rows": list(rows),
        **{dtype: [row for row in rows if row.dtype == dtype] for dtype in DTYPES},
        "one input": [row for row in rows if row.cell.batch == 1],
        "batches": [row for row in rows if row.cell.batch > 1],
    }
    return {title: group for title, group in chosen.items() if group}


def geometric_mean(ratios: Iterable[float]) -> float:
    """The exponential of the mean logarithm."""
    return float(np.exp(np.mean(np.log(list(ratios)))))


def least(rows: Sequence[Timed]) -> Sequence[Timed]:
    """The rows on which fastjac is the least ahead of its best peer."""
    return sorted(rows, key=lambda row: row.over_best)[:LEAST_ROWS]


def summary(rows: Sequence[Row]) -> list[str]:
    """One sentence each for the mean of the rows, the least rows, and how many are barely ahead of the best peer."""
    barely = [row for row in rows if row.over_best < BARELY_AHEAD]
    return [
        f"Geometric mean of best peer / fastjac over {len(rows)} rows: {geometric_mean(row.over_best for row in rows):.2f}.",
        f"Least rows: {listed(least(rows), over_best)}",
        f"Rows under {BARELY_AHEAD}: {len(barely)} of {len(rows)}.",
        *among_the_held(rows),
    ]


def among_the_held(rows: Sequence[Timed]) -> list[str]:
    """A sentence on the rows without the peers that cannot be held to AVX2, if there are such rows."""
    if not any(isa.unheld(row.dtype) for row in rows):
        return []
    mean = geometric_mean(row.over_best_held for row in rows)
    under = sum(row.over_best_held < BARELY_AHEAD for row in rows)
    what = "Without JAX in float64, whose products are not held to AVX2"
    return [f"{what}, the mean is {mean:.2f}, and {under} rows are under {BARELY_AHEAD}."]


def verdicts(rows: Sequence[Row], ceilings: Ceilings) -> list[str]:
    """One sentence for each target of the rows of the eight networks."""
    mean, least_mean = geometric_mean(row.over_best for row in rows), targets.GEOMETRIC_MEAN
    reached = sum(map(reaches_target, rows))
    return [
        f"Geometric mean of best peer / fastjac: {mean:.2f}, target {least_mean} ({met(mean >= least_mean)}).",
        f"Targets met on {reached} of {len(rows)} rows; missed on: "
        + listed([row for row in rows if not reaches_target(row)], _ratio_and_target),
        f"Rows under {targets.LEAST_OVER_BEST_PEER} of the best peer: "
        + listed([row for row in rows if row.over_best < targets.LEAST_OVER_BEST_PEER], over_best),
        f"Rows on which fastjac is behind {EXPERT}: "
        + listed([row for row in rows if row.over_expert < 1.0], lambda row: f"{row.over_expert:.2f}"),
        *_far_from_the_floor([row for row in rows if targets.is_large_batch(row.cell)], ceilings),
        *_below_the_dense_floor(rows, ceilings),
    ]


def met(is_met: bool) -> str:
    """The word for a target that is met or missed."""
    return "met" if is_met else "missed"


def over_best(row: Timed) -> str:
    """The ratio of a row's best peer's time to fastjac's, as text."""
    return f"{row.over_best:.2f}"


def _ratio_and_target(row: Row) -> str:
    return f"{row.over_best:.2f} of {targets.over_best_peer(row.cell):g}"


def listed(rows: Iterable[AnyRow], figure: Callable[[AnyRow], str]) -> str:
    """A list of rows in words, each with a figure; "none" where there are no rows."""
    return (", ".join(f"{row.cell} {row.dtype} ({figure(row)})" for row in rows) or "none") + "."


def _far_from_the_floor(large: Sequence[Row], ceilings: Ceilings) -> list[str]:
    """A sentence on the rows of large batches, if any were measured, that take more floors than they should."""
    far = [row for row in large if over_floor(row, ceilings) > targets.OVER_FLOOR]
    named = listed(far, lambda row: f"{over_floor(row, ceilings):.2f}")
    return [f"Rows of large batches above {targets.OVER_FLOOR} floors, {len(far)} of {len(large)}: {named}"] if large else []


def _below_the_dense_floor(rows: Iterable[Row], ceilings: Ceilings) -> list[str]:
    """A sentence on the row that should take under half of a perfect dense reverse sweep, if it was measured."""
    sentences = []
    for row in rows:
        if (str(row.cell), row.dtype) == targets.DENSE_CELL:
            dense = row.cell.batch * dense_reverse_cost(row.cell.recipe.widths) / ceilings.multiply_adds(row.dtype)[0]
            share = row.seconds[FASTJAC] / dense
            sentences.append(
                f"{row.cell} {row.dtype} takes {share:.2f} of a perfect dense reverse sweep at the rate of a matrix multiply, "
                f"{1e3 * dense:.1f} ms; target {targets.DENSE_SHARE} ({met(share <= targets.DENSE_SHARE)})."
            )
    return sentences
