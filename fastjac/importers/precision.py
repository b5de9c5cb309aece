"""The precision in which a model computes, and that of the network that is read off it.

A network computes in float32 or float64 throughout: in the precision of the model's widest part. Weights that are stored in less
precision are widened, which changes none of them. A cast to less precision would round the values that flow through a model, so
it is refused.
"""

from __future__ import annotations

from ..errors import UnsupportedLayerError

PRECISIONS = ("float32", "float64")
"""The types, as NumPy calls them, in which values may flow through a model."""


def refuse_rounding(dtype: str) -> None:
    """Raise UnsupportedLayerError for a cast of flowing values to a type of that name, unless a network may compute in it."""
    if dtype not in PRECISIONS:
        raise UnsupportedLayerError(
            f"it rounds to {dtype}; fastjac computes in float32 or float64 throughout, so take the cast out, or import the model "
            "from before its conversion"
        )
