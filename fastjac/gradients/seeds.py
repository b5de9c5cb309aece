"""Where in a network the derivatives start.

From the *seeds*, the units of one value, tangents are pushed to the output and cotangents pulled to the input. The Jacobian is
the product of the rows that arrive at both ends. Seeds at the input are forward order, seeds at the output reverse order; with
seeds at a waist between them both sides carry few rows. The gradient of a loss of the Jacobian goes the same ways back. Seeds lie
at a *cut*, a value through which all ways from the input to the output pass; in a chain every value is one.
"""

from __future__ import annotations

from ..planning.cuts import cuts_of
from .operations import Unfolded


def cuts(unfolded: Unfolded) -> list[int]:
    """The values where seeds can lie."""
    return cuts_of([tuple(op.source for op in makers) for makers in unfolded.makers])


def cheapest_seeds(unfolded: Unfolded) -> int:
    """The value from which the way to both ends takes the fewest multiply-adds."""
    return min(cuts(unfolded), key=lambda value: multiply_adds(unfolded, value))


def multiply_adds(unfolded: Unfolded, value: int) -> int:
    """Multiply-adds for one sample's Jacobian from seeds at this value, dead units included."""
    sizes = unfolded.sizes
    meets = sizes[0] * sizes[-1] if 0 < value < len(sizes) - 1 else 0
    return sizes[value] * (unfolded.row_cost + meets)
