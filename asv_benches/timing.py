"""Times of several functions measured side by side, so that a slow minute of the machine is slow for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

IDLE_SECONDS = 0.006
"""After a call, the thread pools of OpenBLAS, OpenMP, torch and JAX spin for some milliseconds and would slow whatever
runs next, up to tenfold on two cores. A turn waits until they sleep."""

TURN_SECONDS = 0.003
"""A short function is called again and again for this long in each turn."""

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Effort:
    """How long to measure: so many rounds, fewer where they take longer than `seconds`, but at least `least_rounds`."""

    rounds: int
    seconds: float
    least_rounds: int = 3


def turn(function: Callable[[], object]) -> float:
    """Seconds for one call: the mean over one turn, after an idle wait and one untimed call."""
    time.sleep(IDLE_SECONDS)
    function()
    calls = 0
    start = time.perf_counter()
    while True:
        function()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= TURN_SECONDS:
            return elapsed / calls


def interleaved(
    functions: Mapping[Name, Callable[[], object]], effort: Effort, typical: Callable[[list[float]], Any] = np.median
) -> dict[Name, float]:
    """The seconds for one call of each function, over rounds in which each function has one turn.

    typical : makes one number of a function's turns; `min` for the best that was seen.
    """
    names = list(functions)
    turns: dict[Name, list[float]] = {name: [] for name in names}
    start = time.perf_counter()
    for done in range(effort.rounds):
        if done >= effort.least_rounds and time.perf_counter() - start > effort.seconds:
            break
        # Each round starts with another function, so that none always follows the same one.
        first = done % len(names)
        for name in names[first:] + names[:first]:
            turns[name].append(turn(functions[name]))
    return {name: float(typical(times)) for name, times in turns.items()}
