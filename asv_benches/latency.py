"""One state at a time, as in a control loop: the dynamics network from Python, and from inside a user's own jitted loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from fastjac.numba import jacobian, scratch

from .common import DTYPES, NETWORKS

CALLS = 1000
"""How many inputs, all different, one loop takes."""


@numba.njit
def _linearize(program: Any, states: np.ndarray, jac: np.ndarray, buffers: Any) -> None:
    """A user's loop: one Jacobian after the other, into the same array."""
    for i in range(len(states)):
        jacobian(program, states[i], jac, buffers)


def python_loop(dtype: str) -> Callable[[], np.ndarray]:
    """`CALLS` calls of `Network.jacobian` for one input, each written to the same array; the loop returns the last."""
    recipe = NETWORKS["dynamics"]
    network, states = recipe.network(dtype), list(recipe.inputs(CALLS, dtype))
    out = np.empty((network.n_out, network.n_in), dtype)

    def loop() -> np.ndarray:
        for state in states:
            network.jacobian(state, out=out)
        return out

    return loop


def jitted_loop(dtype: str) -> Callable[[], np.ndarray]:
    """A loop over the same inputs with `fastjac.numba.jacobian`, inside a jitted function."""
    recipe = NETWORKS["dynamics"]
    network, states = recipe.network(dtype), recipe.inputs(CALLS, dtype)
    program, jac = network.program(), np.empty((network.n_out, network.n_in), dtype)
    buffers = scratch(program)

    def loop() -> np.ndarray:
        _linearize(program, states, jac, buffers)
        return jac

    return loop


LOOPS = {"python": python_loop, "jitted": jitted_loop}


class Latency:
    """A loop of a thousand calls: its milliseconds are the microseconds of one call."""

    timeout = 300.0
    param_names = ("caller", "dtype")
    params = (tuple(LOOPS), DTYPES)

    def setup(self, caller: str, dtype: str) -> None:
        self.loop = LOOPS[caller](dtype)
        self.loop()

    def time_thousand_calls(self, caller: str, dtype: str) -> None:
        self.loop()
