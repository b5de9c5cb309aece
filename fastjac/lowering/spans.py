"""What lowering reads off a plan: where the links of a chain are applied, and where samples may be stacked."""

from __future__ import annotations

import numpy as np

from ..layers import Affine
from ..planning.block import Block
from ..planning.operators import is_finite
from ..planning.product import Product
from ..planning.steps import Plan, Span, Step
from .matrix import Matrix


def can_unite(product: Product, step: Step, made: Matrix | None, dtype: np.dtype) -> bool:
    """Whether a step may run over the units that are live in any sample of a stack.

    Units that are dead in one sample are then multiplied by 0, which gives 0 only where every weight is finite.
    made : the left operand, if a step makes it: all its units must be there, side by side.
    """
    leaf, weight = (step.start, step.middle) if step.transposed else (step.middle, step.start)
    factors = [product.leaves[weight], None if made else product.leaves[leaf]]
    follow = made is None or (made.transposed == step.transposed and not made.packed)
    return follow and all(is_finite(factor, dtype) for factor in factors if isinstance(factor, Affine))


def link_goes_right(left: Matrix | None, right: Matrix | None, transposed: bool) -> bool:
    """Whether the link goes to the right operand. It goes to an accumulated matrix before a weight, and else to the smaller."""
    if left is not None and right is not None:
        return right.columns < left.rows
    if left is None and right is None:
        return transposed
    return left is None


def end_spans(product: Product, plan: Plan) -> dict[Span, list[bool]]:
    """The spans at which the last link (True) and the first (False) are applied: the smallest matrix that reaches that end."""
    n, sizes = len(product.leaves), product.sizes
    there = [(k, k + 1) for k, leaf in enumerate(product.leaves) if not isinstance(leaf, Block)]
    spans = there + [(step.start, step.stop) for step in plan.steps]
    ends: dict[Span, list[bool]] = {}
    if product.links[-1]:
        ends.setdefault(min((s for s in spans if s[1] == n), key=lambda s: sizes[s[0]]), []).append(True)
    if product.links[0]:
        ends.setdefault(min((s for s in spans if s[0] == 0), key=lambda s: sizes[s[1]]), []).append(False)
    return ends
