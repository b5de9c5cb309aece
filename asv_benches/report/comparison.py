"""One row of the comparison: fastjac and each installed peer in one cell, checked and then timed in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

import fastjac as fj

from .. import isa
from ..common import Cell, relative_error, tolerance
from ..floor import Work, least_work
from ..graphs.recipes import GraphCell
from ..peers import CLEARLY_SLOWER, EXPERT, FASTJAC, installed, prepare
from ..timing import Effort, turns


@dataclass(frozen=True)
class Timed:
    """One cell in one dtype: median seconds of each contender, and fastjac's relative error.

    schedule : fastjac's plan in short.
    """

    cell: Cell | GraphCell
    dtype: str
    seconds: dict[str, float]
    error: float
    schedule: str

    @property
    def over_best(self) -> float:
        """Time of the fastest peer over fastjac's."""
        return self._over_best_but(FASTJAC)

    @property
    def over_best_held(self) -> float:
        """The same without the peers that cannot be held to the vectors of the others."""
        return self._over_best_but(FASTJAC, *isa.unheld(self.dtype))

    def _over_best_but(self, *left_out: str) -> float:
        return min(seconds for name, seconds in self.seconds.items() if name not in left_out) / self.seconds[FASTJAC]


@dataclass(frozen=True)
class Row(Timed):
    """A row of a chain, with the least work of its call.

    pieces : the peers that took the batch in more than one piece, and in how many.
    """

    cell: Cell
    work: Work
    pieces: dict[str, int]

    @property
    def over_expert(self) -> float:
        """Time of expert NumPy over fastjac's."""
        return self.seconds[EXPERT] / self.seconds[FASTJAC]


def measure(cell: Cell, dtype: str, effort: Effort) -> Row:
    """Check and time every installed contender in one cell; a RuntimeError names a contender that is wrong."""
    recipe, x = cell.recipe, cell.inputs(dtype)
    reference = prepare(EXPERT, cell, "float64").jacobian(cell.inputs("float64"))
    prepared = {name: prepare(name, cell, dtype) for name in installed()}
    errors = {name: relative_error(found.jacobian(x), reference) for name, found in prepared.items()}
    refuse_wrong(errors, cell, dtype)
    seconds = medians({name: partial(found.jacobian, x) for name, found in prepared.items()}, effort)
    pieces = {name: found.pieces for name, found in prepared.items() if found.pieces > 1}
    schedule = in_short(recipe.network(dtype).plan())
    return Row(cell, dtype, seconds, errors[FASTJAC], schedule, least_work(recipe, cell.batch, dtype), pieces)


def refuse_wrong(errors: dict[str, float], cell: Cell | GraphCell, dtype: str) -> None:
    """Raise a RuntimeError for a contender whose relative error is larger than rounding explains."""
    for name, error in errors.items():
        if not error <= tolerance(dtype):
            raise RuntimeError(f"{name} is off by {error:.1e} in cell {cell}, {dtype}; at most {tolerance(dtype):.0e} is right")


def medians(calls: dict[str, Callable[[], object]], effort: Effort) -> dict[str, float]:
    """Median seconds over interleaved turns; a peer that is clearly slower than the best one gets the fewest turns."""
    start = time.perf_counter()
    early = turns(calls, replace(effort, rounds=effort.least_rounds))
    limit = CLEARLY_SLOWER * min(min(seconds) for name, seconds in early.items() if name != FASTJAC)
    close = {name: call for name, call in calls.items() if name == FASTJAC or min(early[name]) < limit}
    left = effort.seconds - (time.perf_counter() - start)
    later = turns(close, Effort(effort.rounds - effort.least_rounds, left, least_rounds=0))
    return {name: float(np.median(early[name] + later.get(name, []))) for name in calls}


def in_short(plan: fj.Plan) -> str:
    """A plan's order, and how its steps process samples, such as "reverse, lanes" or "reverse, stacked 1-3 of 6"."""
    if not plan.steps:
        return "nothing to contract"
    if plan.in_lanes:
        return f"{plan.order}, lanes"
    stacked = [number for number, step in enumerate(plan.steps, start=1) if step.stacked]
    if not stacked:
        return plan.order
    if len(stacked) == len(plan.steps):
        return f"{plan.order}, stacked"
    return f"{plan.order}, stacked {ranges(stacked)} of {len(plan.steps)}"


def ranges(numbers: list[int]) -> str:
    """Ascending numbers in words; numbers that follow each other become a range: "1-3, 6"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
