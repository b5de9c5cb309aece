"""One row of the comparison: fastjac and each installed peer in one cell, checked and then timed in turns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ..common import available_cell, relative_error, tolerance
from ..floor import Work, least_work
from ..peers import installed, prepare
from ..timing import Effort, interleaved

EXPERT = "expert NumPy"


@dataclass(frozen=True)
class Row:
    """One cell in one dtype: median seconds of each contender, fastjac's relative error, and what the call must do at least."""

    cell: str
    dtype: str
    seconds: dict[str, float]
    error: float
    work: Work

    @property
    def over_best(self) -> float:
        """Time of the fastest peer over fastjac's."""
        return min(time for name, time in self.seconds.items() if name != "fastjac") / self.seconds["fastjac"]

    @property
    def over_expert(self) -> float:
        """Time of expert NumPy over fastjac's."""
        return self.seconds[EXPERT] / self.seconds["fastjac"]


def measure(cell: str, dtype: str, effort: Effort) -> Row:
    """Check and time every installed contender in one cell; a RuntimeError names one that is wrong."""
    recipe, batch = available_cell(cell)
    x = recipe.inputs(batch, dtype)
    reference = prepare(EXPERT, cell, "float64")(recipe.inputs(batch, "float64"))
    functions = {name: prepare(name, cell, dtype) for name in installed()}
    errors = {name: relative_error(jacobian(x), reference) for name, jacobian in functions.items()}
    for name, error in errors.items():
        if not error <= tolerance(dtype):
            raise RuntimeError(f"{name} is off by {error:.1e} in cell {cell}, {dtype}; at most {tolerance(dtype):.0e} is right")
    calls = {name: partial(jacobian, x) for name, jacobian in functions.items()}
    return Row(cell, dtype, interleaved(calls, effort), errors["fastjac"], least_work(recipe, batch, dtype))
