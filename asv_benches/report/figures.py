"""Figures that are not a ratio to a peer: latency, start, scaling, memory and the planner, each beside its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import grid, latency, memory, scaling, startup, training
from ..common import DTYPES, NETWORKS
from ..planner import Prediction
from ..timing import Effort, interleaved
from . import targets


@dataclass(frozen=True)
class Figure:
    """One measured figure, and whether it is within its target if it has one."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


def attempt(what: str, measure: Callable[[], list[Figure]]) -> list[Figure]:
    """The figures, or one that states why this machine cannot give them."""
    try:
        return measure()
    except NotImplementedError as reason:
        return [Figure(what, f"not measured: {reason}")]


def latencies(effort: Effort) -> list[Figure]:
    """Time of one call for one input, from Python and from jitted code, in turns."""
    loops = {(caller, dtype): loop(dtype) for caller, loop in latency.LOOPS.items() for dtype in DTYPES}
    seconds = interleaved(loops, effort)
    limits = {("python", "float32"): targets.PYTHON_CALL, ("jitted", "float32"): targets.JITTED_CALL}
    titles = {"python": "a call from Python", "jitted": "a call inside a jitted function"}
    figures = []
    for key, time in seconds.items():
        call, limit = time / latency.CALLS, limits.get(key)
        goal = ("", None) if limit is None else (f"at most {1e6 * limit:.0f} us", call <= limit)
        figures.append(Figure(f"{titles[key[0]]}, one input of dynamics, {key[1]}", f"{1e6 * call:.2f} us", *goal))
    return figures


def starts(samples: int, cold: bool) -> list[Figure]:
    """Seconds until the first Jacobian of a process, and the time that a new batch size costs in it."""
    startup.start()  # compiles the kernels that the disk cache lacks
    warm = sorted(startup.start() for _ in range(samples))[samples // 2]
    goal = (f"at most {targets.WARM_START} s", warm.first <= targets.WARM_START)
    figures = [
        Figure("first Jacobian of a process, kernels in the disk cache", f"{warm.first:.2f} s", *goal),
        Figure("a call with another batch size, and again", f"{1e3 * warm.new_batch:.2f}, {1e3 * warm.same_batch:.2f} ms"),
    ]
    if cold:
        first = startup.cold_start().first
        goal = (f"at most {targets.COLD_START:.0f} s", first <= targets.COLD_START)
        figures.append(Figure("first Jacobian of a process, nothing compiled yet", f"{first:.1f} s", *goal))
    return figures


def straight_lines(sizes: Sequence[int], effort: Effort) -> list[Figure]:
    """Time per input at each number of inputs."""
    figures = []
    for name in scaling.NAMES:
        seconds = scaling.seconds_per_input(name, tuple(sizes), effort)
        spread = max(seconds.values()) / min(seconds.values())
        value = ", ".join(f"{1e6 * time:.3f}" for time in seconds.values())
        what = f"us per input of {name}, float32, for {', '.join(f'{size:,}' for size in seconds)} inputs"
        goal = (f"within a factor of {targets.STRAIGHT_LINE}", spread <= targets.STRAIGHT_LINE)
        figures.append(Figure(what, f"{value}: a factor of {spread:.2f}", *goal))
    return figures


def threads(effort: Effort) -> list[Figure]:
    """Speed of two threads over one."""
    figures = []
    for cell in scaling.CACHED_CELLS:
        speed = scaling.speed_of_two_threads(cell, effort)
        goal = (f"at least {targets.TWO_THREADS}", speed >= targets.TWO_THREADS)
        figures.append(Figure(f"speed of two threads over one, {cell}, float32", f"{speed:.2f}", *goal))
    return figures


def grids(effort: Effort) -> list[Figure]:
    """Speed on lines of a grid over speed on drawn inputs."""
    figures = []
    for name, count in grid.LINES.items():
        if NETWORKS[name].missing is None:
            speed = grid.speed_on_lines(name, "float32", effort)
            what = f"speed on {count:,} x {grid.LINE:,} inputs of a grid over as many drawn ones, {name}, float32"
            figures.append(Figure(what, f"{speed:.2f}"))
    return figures


def training_steps(effort: Effort) -> list[Figure]:
    """Speed of a training step and of the Jacobian by the parameters over the speed of torch's own ways."""
    training.require_torch()
    figures = []
    for name, task in training.TASKS.items():
        for dtype in DTYPES:
            new, used = training.parameter_jacobian_speeds(name, dtype, effort)
            measured = {
                "J, loss and backward over the better of two ways in torch": (
                    training.step_speed(name, dtype, effort),
                    targets.TRAINING_STEP,
                ),
                "the Jacobian by the parameters over torch.func": (new, targets.PARAMETER_JACOBIAN),
                "the Jacobian by the parameters, out= given, over torch.func": (used, targets.PARAMETER_JACOBIAN),
            }
            for what, (speed, least) in measured.items():
                title = f"speed of {what}, {name}, batch {task.batch}, {dtype}"
                figures.append(Figure(title, f"{speed:.2f}", f"at least {least:g}", speed >= least))
    return figures


def extra_memory() -> list[Figure]:
    """Extra peak memory of large batches."""
    figures = []
    for cell in memory.LARGE_CELLS:
        extra, result = memory.extra_peak(cell, "float32")
        limit = max(targets.EXTRA_MEMORY, targets.EXTRA_MEMORY_SHARE * result)
        what = f"extra peak memory beside a result of {result / 1e6:.0f} MB, {cell}, float32"
        figures.append(Figure(what, f"{extra / 1e6:.1f} MB", f"at most {limit / 1e6:.0f} MB", extra <= limit))
    return figures


def planner(predictions: Sequence[Prediction]) -> list[Figure]:
    """On how many rows another mode beats "auto", and by how much on the worst of them."""
    slow = [prediction for prediction in predictions if prediction.slower > targets.AUTO_SLOWER]
    worst = max(predictions, key=lambda prediction: prediction.slower)
    limit = f"{100 * targets.AUTO_SLOWER:.0f} %"
    value = f"{len(slow)} of {len(predictions)}; worst {worst.cell} {worst.dtype}, {100 * worst.slower:.0f} %"
    return [Figure(f"rows on which auto is more than {limit} slower than the fastest mode", value, "none", not slow)]
