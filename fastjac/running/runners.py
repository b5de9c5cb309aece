"""The programs of one network, lowered at their first use."""

from __future__ import annotations

import numpy as np

from ..graphs.graph import Graph
from ..kernels.float_mode import default_mode
from ..kernels.target import lanes
from ..lowering.lanes import is_short_softmax
from ..lowering.program import lower
from ..planning.chain import Chain
from ..planning.cost import values_fit_lanes
from ..planning.cuts import chain_of_graph
from ..planning.plan import plan
from ..planning.product import ALL, Product, Wanted, planned, product_of
from ..planning.steps import Mode, Plan, Span
from .batch import Runner

MOST_RUNNERS = 8
"""How many runners are kept; each holds a copy of the weights."""
ACTIVATION_COST, ENTRY_COST, SAMPLE_COST = 16, 8, 1000
"""Multiply-adds in the time of one activation, of writing one entry of a result, and of what each sample takes besides."""

Key = Mode | None | tuple[Mode | None, Wanted, Span | None]


class Runners:
    """Runners for a network's values, its Jacobian in each mode, and its products with seeds of each width.

    kept : the latest few; those of the whole Jacobian by their mode alone, since most calls ask for them.
    """

    def __init__(self, graph: Graph, dtype: np.dtype) -> None:
        self._graph, self._dtype = graph, dtype
        self._chain: Chain | None = None
        # Replaced, never changed, so that it needs no lock: a forked child might find a lock taken for ever.
        self.kept: dict[Key, Runner] = {}

    @property
    def chain(self) -> Chain:
        """What every program is lowered from, folded at its first use."""
        # No cached_property: in Python 3.11 it holds a lock, which a forked child might find taken for ever.
        if self._chain is None:
            self._chain = chain_of_graph(self._graph, self._dtype)
        return self._chain

    def get(self, mode: Mode | None, wanted: Wanted = ALL, span: Span | None = None) -> Runner:
        """The runner for a mode, None for values alone, and what is wanted; the latest few are kept.

        span : the two boundaries between which the chain is run; by default the whole chain.
        """
        key = mode if span is None and (wanted is ALL or wanted == ALL) else (mode, wanted, span)
        runner = self.kept.get(key)
        if runner is None:
            chain = self.chain if span is None else self.chain.between(*span)
            runner = self._make(chain, mode, wanted)
            self.kept = dict([*self.kept.items()][1 - MOST_RUNNERS :]) | {key: runner}
        return runner

    @default_mode()
    def _make(self, chain: Chain, mode: Mode | None, wanted: Wanted) -> Runner:
        cost = float(sum(weight.size for weight in chain.weights) + ACTIVATION_COST * chain.n_activations + SAMPLE_COST)
        if mode is None:
            return Runner(lower(chain, _along_lanes(chain)), cost)
        product, order = planned(chain, wanted, mode)
        cost += order.multiply_adds + ENTRY_COST * product.sizes[0] * product.sizes[-1]
        return Runner(lower(chain, [(product, order)]), cost)


def _along_lanes(chain: Chain) -> list[tuple[Product, Plan]]:
    """The Jacobian's task where samples lie along the vector lanes for it, and values are found sooner that way too."""
    product = product_of(chain)
    shape = product.shape(lanes(chain.dtype))
    if not shape.unitwise or not (is_short_softmax(chain.links[-1]) or values_fit_lanes(shape.sizes, shape.lanes)):
        return []  # without a plan, which may take longer than the values
    order = plan(shape)
    return [(product, order)] if order.in_lanes else []
