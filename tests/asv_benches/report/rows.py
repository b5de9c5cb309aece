"""A row and a machine's rates with round numbers."""

from asv_benches import common, machine
from asv_benches.floor import Work
from asv_benches.report.comparison import Row

SIZES = {1: 1e9}
CEILINGS = machine.Ceilings({(dtype, 1024): 1e9 for dtype in common.DTYPES}, SIZES, SIZES)


def row(cell, dtype="float64", fastjac=2e-5, multiply_adds=1e4, **more):
    seconds = {"fastjac": fastjac, "expert NumPy": 6e-5, "JAX": 5e-5}
    return Row(
        common.CELLS[cell], dtype, seconds, 1e-15, Work(multiply_adds, 0, 0), **{"schedule": "reverse", "pieces": {}, **more}
    )
