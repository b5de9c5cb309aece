"""The gradient of a loss of y, whose cotangent depends on y: by one sweep that is kept, and by two calls that each sweep.

Hamiltonian Monte Carlo with an emulator inside its likelihood needs such a gradient at every step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .common import CELLS, DTYPES

LINEARIZED, TWICE = "linearize, vjp", "value, vjp"
NAMES = ("emulator-1", "emulator-32", "dynamics-1", "dynamics-64", "dynamics-4096", "square-64")


def gradients(name: str, dtype: str) -> dict[str, Callable[[], np.ndarray]]:
    """The functions that compute the gradient of half the sum of squares of `y - 1`, by the names of the two ways."""
    cell = CELLS[name]
    network, x = cell.recipe.network(dtype), cell.inputs(dtype)
    one = x.dtype.type(1)

    def linearized() -> np.ndarray:
        lin = network.linearize(x)
        return lin.vjp(lin.value - one)

    return {LINEARIZED: linearized, TWICE: lambda: network.vjp(x, network(x) - one)[1]}


class Gradient:
    """Time for one gradient in each of the two ways."""

    timeout = 300.0
    param_names = ("way", "cell", "dtype")
    params = ((LINEARIZED, TWICE), NAMES, DTYPES)

    def setup(self, way: str, cell: str, dtype: str) -> None:
        self.gradient = gradients(cell, dtype)[way]
        self.gradient()

    def time_gradient(self, way: str, cell: str, dtype: str) -> None:
        self.gradient()
