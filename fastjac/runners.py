"""The programs of one network, lowered at their first use."""

from __future__ import annotations

import numpy as np

from .batch import Runner
from .chain import Chain, chain_of, product_of
from .kernels.float_mode import default_mode
from .kernels.target import lanes
from .layers import Layer
from .plan import plan
from .program import lower
from .steps import Mode

MOST_RUNNERS = 8
"""How many are kept; each holds a copy of the weights."""
ACTIVATION_COST = 16
"""Multiply-adds in the time of one activation."""


class Runners:
    """Runners for a network's values, its Jacobian in each mode, and its products with seeds of each width."""

    def __init__(self, layers: tuple[Layer, ...], n_in: int, dtype: np.dtype) -> None:
        self._layers, self._n_in, self._dtype = layers, n_in, dtype
        self._chain: Chain | None = None
        # Replaced, never changed, so that it needs no lock, which a forked child might find taken for ever.
        self._kept: dict[tuple[Mode | None, str | None, int], Runner] = {}

    @property
    def chain(self) -> Chain:
        """What every program is lowered from, folded at its first use."""
        # Python 3.11's cached_property holds a lock, which a forked child might find taken for ever.
        if self._chain is None:
            self._chain = chain_of(self._layers, self._n_in, self._dtype)
        return self._chain

    def get(self, mode: Mode | None, seed: str | None = None, k: int = 0) -> Runner:
        """The runner for a mode, None for values alone, and a seed of k columns or rows; the latest few are kept."""
        key = (mode, seed, k)
        runner = self._kept.get(key)
        if runner is None:
            runner = self._make(*key)
            self._kept = dict([*self._kept.items()][1 - MOST_RUNNERS :]) | {key: runner}
        return runner

    @default_mode()
    def _make(self, mode: Mode | None, seed: str | None, k: int) -> Runner:
        chain = self.chain
        units = sum(op.size * op.n_layers for link in chain.links for op in link)
        value_cost = float(sum(factor.weight.size for factor in chain.factors) + chain.n_in + ACTIVATION_COST * units)
        if mode is None:
            return Runner(lower(chain), value_cost)
        product = product_of(chain, seed, k)
        order = plan(product.shape(lanes(chain.dtype)), mode)
        return Runner(lower(chain, [(product, order)]), value_cost + order.multiply_adds + product.sizes[0] * product.sizes[-1])
