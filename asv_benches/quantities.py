"""Quantities that fastjac computes from the Jacobians of a batch, beside NumPy's linear algebra on J of the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .common import available_cell
from .timing import Effort, interleaved

CELLS = ("autoencoder-32", "dynamics-4096", "seed-1024", "mnist-64", "emulator-32")
"""Cells with a waist of 32 units, with small Jacobians, with wide ones, and with tall ones."""
QUANTITIES = ("singular_values", "spectral_norm", "gram", "fisher")

Call = Callable[[], object]


def contenders(quantity: str, cell: str, dtype: str) -> Mapping[str, Call]:
    """fastjac's own call, and NumPy's from J of the whole batch in float64, in which fastjac computes too."""
    timed = available_cell(cell)
    network, x = timed.recipe.network(dtype), timed.inputs(dtype)

    def held() -> np.ndarray:
        return network.jacobian(x).astype(np.float64, copy=False)

    read: dict[str, tuple[Call, Call]] = {
        "singular_values": (lambda: network.singular_values(x), lambda: np.linalg.svd(held(), compute_uv=False)),
        "spectral_norm": (lambda: network.jacobian_norm(x, 2), lambda: np.linalg.norm(held(), 2, axis=(1, 2))),
        "gram": (lambda: network.gram(x, side="outputs"), lambda: (J := held()) @ J.swapaxes(1, 2)),
        "fisher": (lambda: network.fisher(x), lambda: np.tensordot(J := held(), J, ((0, 1), (0, 1)))),
    }
    return dict(zip(("fastjac", "numpy"), read[quantity], strict=True))


def share_of_numpy(quantity: str, cell: str, dtype: str, effort: Effort) -> float:
    """fastjac's time over the time that J and NumPy take."""
    seconds = interleaved(contenders(quantity, cell, dtype), effort)
    return seconds["fastjac"] / seconds["numpy"]


class Quantities:
    """Time of each quantity."""

    timeout = 300.0
    param_names = ("quantity", "cell", "dtype")
    params = (QUANTITIES, CELLS, ("float32", "float64"))

    def setup(self, quantity: str, cell: str, dtype: str) -> None:
        self.call = contenders(quantity, cell, dtype)["fastjac"]
        self.call()

    def time_quantity(self, quantity: str, cell: str, dtype: str) -> None:
        self.call()


class Share:
    """The share of the time that J and NumPy take, where NumPy does not take minutes for it."""

    timeout = 300.0
    param_names = ("quantity", "cell")
    params = (QUANTITIES, ("autoencoder-1", "dynamics-4096"))

    def track_share_of_numpy(self, quantity: str, cell: str) -> float:
        return share_of_numpy(quantity, cell, "float64", Effort(rounds=3, seconds=1.0))
