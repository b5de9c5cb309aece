"""Times of several functions measured side by side, so that a slow minute of the machine is slow for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

LOOK_SECONDS = 0.01
"""How long to observe whether this process uses the CPU. Linux updates the time that other threads use every 4 ms."""
SPIN_SECONDS = 0.5
"""The longest wait until other threads sleep: several times as long as any pool of threads was seen to spin."""
WARM_SECONDS = 0.001
"""A function is called untimed for this long before each turn, which wakes its threads and fills the caches."""
TURN_SECONDS = 0.003
"""A short function is called again and again for this long in each turn."""

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Effort:
    """How long to measure: `rounds` rounds, fewer where they take longer than `seconds`, but at least `least_rounds`."""

    rounds: int
    seconds: float
    least_rounds: int = 3


def turn(function: Callable[[], object]) -> float:
    """Seconds for one call: the mean over one turn, once other threads sleep and this function's are awake."""
    wait_for_spinning_threads()
    call_for(WARM_SECONDS, function)
    return call_for(TURN_SECONDS, function)


def call_for(seconds: float, function: Callable[[], object]) -> float:
    """Call a function for so long, at least once; the mean seconds for one call."""
    calls = 0
    start = time.perf_counter()
    while True:
        function()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return elapsed / calls


def wait_for_spinning_threads() -> None:
    """Wait until no thread of this process uses a core.

    After a call, OpenBLAS's threads spin for some 110 ms and OpenMP's for some 10 ms. Whatever runs meanwhile has a core less.
    """
    deadline = time.perf_counter() + SPIN_SECONDS
    while time.perf_counter() < deadline:
        used = time.process_time()
        time.sleep(LOOK_SECONDS)
        if time.process_time() - used < LOOK_SECONDS / 10:
            return


def turns(functions: Mapping[Name, Callable[[], object]], effort: Effort) -> dict[Name, list[float]]:
    """The seconds for one call of each function in each round, in which every function has one turn."""
    names = list(functions)
    seconds: dict[Name, list[float]] = {name: [] for name in names}
    start = time.perf_counter()
    for done in range(effort.rounds):
        if done >= effort.least_rounds and time.perf_counter() - start > effort.seconds:
            break
        # Each round starts with another function, so that no function is always the first.
        first = done % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(turn(functions[name]))
    return seconds


def interleaved(
    functions: Mapping[Name, Callable[[], object]], effort: Effort, typical: Callable[[list[float]], Any] = np.median
) -> dict[Name, float]:
    """One number for each function, made of its turns by `typical`: the median, or `min` for the best that was seen."""
    return {name: float(typical(seconds)) for name, seconds in turns(functions, effort).items()}
