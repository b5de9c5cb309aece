"""Whether the planner's cost model chooses well: the predicted cost of each mode beside the time that the mode takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from .common import BATCH_CELLS, DTYPES, Cell, available_cell, worthwhile_modes
from .timing import Effort, interleaved


@dataclass(frozen=True)
class Prediction:
    """One cell in one dtype, for "auto" and each mode that is worth a run.

    order : the order that "auto" chose.
    costs : for each mode, the cycles that the plan predicts for one input.
    seconds : for each mode, the median time of a call.
    """

    cell: Cell
    dtype: str
    order: str
    costs: dict[str, float]
    seconds: dict[str, float]

    @property
    def slower(self) -> float:
        """How much longer "auto" takes than the fastest mode, as a share of that mode's time; 0 if "auto" is the fastest."""
        return self.seconds["auto"] / min(self.seconds.values()) - 1.0


def predict(cell: Cell, dtype: str, effort: Effort) -> Prediction:
    """Plan and time every mode in one cell."""
    network, x = cell.recipe.network(dtype), cell.inputs(dtype)
    modes = worthwhile_modes(cell.recipe)
    plans = {mode: network.plan(mode) for mode in modes}
    seconds = interleaved({mode: partial(network.jacobian, x, mode) for mode in modes}, effort)
    return Prediction(cell, dtype, plans["auto"].order, {mode: plan.cost for mode, plan in plans.items()}, seconds)


class Planner:
    """How many percent slower "auto" is than the fastest mode."""

    timeout = 300.0
    param_names = ("cell", "dtype")
    params = (BATCH_CELLS, DTYPES)
    unit = "percent"

    def setup(self, cell: str, dtype: str) -> None:
        available_cell(cell)

    def track_auto_slower(self, cell: str, dtype: str) -> float:
        return 100.0 * predict(available_cell(cell), dtype, Effort(rounds=9, seconds=1.0)).slower
