"""A row and a machine's rates with round numbers."""

from asv_benches import common, machine
from asv_benches.floor import Work
from asv_benches.graphs.recipes import GRAPH_CELLS
from asv_benches.report.comparison import Row, Timed

SIZES = {1: 1e9}
CEILINGS = machine.Ceilings({(dtype, 1024): 1e9 for dtype in common.DTYPES}, SIZES, SIZES)


SECONDS = {"expert NumPy": 6e-5, "JAX": 5e-5}


def row(cell, dtype="float64", fastjac=2e-5, multiply_adds=1e4, **more):
    facts = {"schedule": "reverse", "work": Work(multiply_adds, 0, 0), "pieces": {}, **more}
    return Row(common.CELLS[cell], dtype, {"fastjac": fastjac, **SECONDS}, 1e-15, **facts)


def graph_row(cell, dtype="float64", fastjac=2e-5):
    seconds = {"fastjac": fastjac, "JAX": 5e-5, "torch.func": 7e-5}
    return Timed(GRAPH_CELLS[cell], dtype, seconds, 1e-15, "reverse")
