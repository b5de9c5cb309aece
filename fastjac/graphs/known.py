"""Which layers fastjac computes, and words for anything else that is given in place of one."""

from __future__ import annotations

from typing import Any

from ..layers import JOINS, LAYERS, Elementwise, Formula, Join, Layer, Take

KINDS: set[type] = {*LAYERS.values(), Elementwise, Formula, Take}
"""The layers that take one vector."""
OPERATIONS: set[type] = KINDS | {*JOINS.values()}


def described(item: Any) -> str:
    """What was given in place of a layer, and what to write instead where that is clear."""
    if isinstance(item, type) and issubclass(item, Layer):
        return f"{item!r}; write {item.__name__}(), with parentheses"
    if type(item) in OPERATIONS and isinstance(item, Join):
        return f"{item!r}, which joins several nodes; call it on them, or use Residual or Parallel"
    if isinstance(item, (list, tuple)):
        pair = f"a {type(item).__name__} of {len(item)}"
        return f"{pair}; of a weight (n_out, n_in) and a bias make Affine(weight, bias), and name what stands between, as ReLU()"
    base = next((kind for kind in type(item).__mro__ if kind in OPERATIONS), None)
    if base is None:
        return f"{item!r:.200}"
    return (
        f"a {type(item).__name__}, a subclass of {base.__name__}; a network computes by fastjac's own formulas and would ignore "
        f"what the subclass changes: pass {base.__name__}(...) itself, or put several of fastjac's layers in a row"
    )
