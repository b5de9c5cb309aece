"""Time, peak memory and error of `Network.jacobian`, and the time of its peers."""

from __future__ import annotations

from .common import BATCH_CELLS, CELLS, DTYPES, MODES, available_cell, relative_error, worthwhile_modes
from .graphs.peers import prepare as prepare_graph
from .graphs.recipes import GRAPH_CELLS
from .peers import CONTENDERS, EXPERT, FASTJAC, is_installed, prepare


class Jacobian:
    """Every network at every batch size, in every dtype and mode worth a run; `setup` loads the kernels by a first call."""

    timeout = 300.0
    param_names = ("cell", "dtype", "mode")
    params = (tuple(CELLS), DTYPES, MODES)

    def setup(self, cell: str, dtype: str, mode: str) -> None:
        timed = available_cell(cell)
        if mode == timed.recipe.hopeless_order:
            raise NotImplementedError(f"{mode} order is hopeless for {cell}")
        self.network = timed.recipe.network(dtype)
        self.x = timed.inputs(dtype)
        self.mode = mode
        self.network.jacobian(self.x, mode=mode)

    def time_jacobian(self, cell: str, dtype: str, mode: str) -> None:
        self.network.jacobian(self.x, mode=self.mode)


class PeakMemory:
    """Peak memory of the whole process. Modes differ in time and hardly in memory, so one mode is enough."""

    timeout = 300.0
    param_names = ("cell", "dtype")
    params = (tuple(CELLS), DTYPES)

    def setup(self, cell: str, dtype: str) -> None:
        timed = available_cell(cell)
        self.network, self.x = timed.recipe.network(dtype), timed.inputs(dtype)
        self.network.jacobian(self.x)

    def peakmem_jacobian(self, cell: str, dtype: str) -> None:
        self.network.jacobian(self.x)


class Error:
    """Largest relative error of any mode that is worth a run, against the expert's Jacobian in float64."""

    timeout = 300.0
    param_names = ("cell", "dtype")
    params = (BATCH_CELLS, DTYPES)
    unit = "relative error"

    def setup(self, cell: str, dtype: str) -> None:
        available_cell(cell)

    def track_error(self, cell: str, dtype: str) -> float:
        timed = CELLS[cell]
        reference = prepare(EXPERT, timed, "float64").jacobian(timed.inputs("float64"))
        network, x = timed.recipe.network(dtype), timed.inputs(dtype)
        return max(relative_error(network.jacobian(x, mode=mode), reference) for mode in worthwhile_modes(timed.recipe))


class Peers:
    """The other libraries at each network's common batch; one that is not installed is skipped.

    `asv_benches.report` has every cell in both dtypes; here each cell costs the import of a framework.
    """

    timeout = 300.0
    param_names = ("peer", "cell", "dtype")
    params = (tuple(name for name in CONTENDERS if name != FASTJAC), BATCH_CELLS, ("float32",))

    def setup(self, peer: str, cell: str, dtype: str) -> None:
        if not is_installed(peer):
            raise NotImplementedError(f"{peer} is not installed")
        timed = available_cell(cell)
        self.x = timed.inputs(dtype)
        self.jacobian = prepare(peer, timed, dtype).jacobian

    def time_jacobian(self, peer: str, cell: str, dtype: str) -> None:
        self.jacobian(self.x)


class Graph:
    """Two graphs, one for a single input and one for a large batch; the report has all graphs."""

    timeout = 300.0
    param_names = ("cell",)
    params = ("residual-dynamics-1", "critic-1024")

    def setup(self, cell: str) -> None:
        self.call = prepare_graph(FASTJAC, GRAPH_CELLS[cell], "float32")

    def time_jacobian(self, cell: str) -> None:
        self.call()
