"""Where in a chain the derivatives start.

From the *seeds*, the units at one boundary, tangents are pushed to the output and cotangents pulled to the input; the Jacobian is
the product of what arrives. At the input this is forward order, at the output reverse order, and at a waist between them both
sides carry few rows. The gradient of a loss of the Jacobian goes the same ways back.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels.tables import AFFINE
from .operations import Operation


def cheapest_seeds(ops: Sequence[Operation]) -> int:
    """The boundary from which fewest multiply-adds lead to both ends; boundary k lies before operation k."""
    return min(range(len(ops) + 1), key=lambda boundary: multiply_adds(ops, boundary))


def multiply_adds(ops: Sequence[Operation], boundary: int) -> int:
    """Multiply-adds for one sample's Jacobian from seeds at this boundary, dead units included."""
    seeds = ops[boundary].n_in if boundary < len(ops) else ops[-1].n_out
    weights = sum(op.n_in * op.n_out if op.kind == AFFINE else op.n_out for op in ops)
    meets = ops[0].n_in * ops[-1].n_out if 0 < boundary < len(ops) else 0
    return seeds * (weights + meets)
