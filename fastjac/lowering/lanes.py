"""Lowering of a plan whose samples lie along the vector lanes; `kernels.lanes` says how they lie.

A narrow network leaves most lanes of a register idle where units lie along them. Where a batch has enough samples, the samples
lie along the lanes instead, and every unit is multiplied, dead or not.
"""

from __future__ import annotations

import numpy as np

from ..kernels.jit import kernel_address
from ..kernels.lanes import take_lanes
from ..kernels.operators import SHORT
from ..kernels.tables import DENSE
from ..kernels.target import lanes, padded
from ..layers import Affine
from ..planning.chain import Chain
from ..planning.cost import lane_samples
from ..planning.operators import Link, Normalization
from ..planning.product import Product
from ..planning.steps import Plan
from .accumulation import Accumulation
from .matrix import Record, result_of
from .memory import Arena, Parameters


class Lanes:
    """What the kernel needs to take the samples of a chain along the lanes: rows of the table of the primal sweep, and a layout.

    forward : whether tangents are pushed, or cotangents pulled.
    last : the link behind the last factor, if the kernel applies it too; else empty.
    steps, left : how many of the task's steps the kernel replaces, and how many steps of the primal sweep follow it.
    primal, layout : its rows of the table, and its fields of the task's layout.  size : elements of its workspace.
    """

    def __init__(self, chain: Chain, parameters: Parameters, forward: bool, last: Link, steps: int) -> None:
        self.steps, self._samples = steps, lane_samples(lanes(chain.dtype))
        self._chain, self._parameters, self._arena = chain, parameters, Arena()
        widest, rows = max(chain.sizes), chain.n_in if forward else chain.sizes[-1]
        buffer, matrix = (1 + widest) * self._samples, rows * widest * self._samples
        self._arena.take(2 * buffer + 2 * matrix)
        self.primal = [self._step(k, link) for k, link in enumerate([*chain.links[1:-1], last])]
        self.left = 0 if last else sum(op.n_layers for op in chain.links[-1])
        self.layout: Record = {
            "lane_samples": self._samples,
            "lane_kernel": kernel_address(take_lanes, chain.dtype),
            "lane_forward": int(forward),
            "lane_rows": rows,
            "lane_scales": int(bool(last)),
            "lane_buffer": buffer,
            "lane_matrix": matrix,
        }
        self.size = self._arena.end

    def _step(self, k: int, link: Link) -> Record:
        """A factor with its bias in front, and the activation behind it."""
        factor = self._chain.factors[k]
        assert isinstance(factor, Affine)  # no plan lays the samples of a block along the lanes
        bias = np.zeros(factor.n_out) if factor.bias is None else factor.bias
        step = {"n_in": factor.n_in, "row": factor.n_out, "state": DENSE}
        step |= {"weight": self._parameters.add(np.column_stack([bias, factor.weight]))}
        step |= {"panel": padded(1 + factor.n_in, self._chain.dtype)}
        if not link:
            return step
        (op,) = link
        if isinstance(op, Normalization):
            # The state holds its slopes, and two lines to work in.
            return step | {"state": self._arena.take((op.size + 2) * self._samples), "rank": op.rank}
        (layer,) = op.layers
        p, q = self._parameters.add_apart([self._spread(value, op.size) for value in layer.rule_parameters])
        rule = kernel_address(layer.rule.activation, self._chain.dtype)
        # No product behind the last factor runs over live units alone, so nothing is masked there.
        masked = op.sparse and k < len(self._chain.factors) - 1
        return step | {"rule": rule, "p": p, "q": q, "state": self._arena.take(op.size * self._samples), "skip": int(masked)}

    def _spread(self, value: float | np.ndarray, size: int) -> np.ndarray:
        """A value for each unit, once for every sample."""
        return np.repeat(np.broadcast_to(np.asarray(value, np.float64), size), self._samples)[None]


def lanes_for(chain: Chain, product: Product, plan: Plan, accumulation: Accumulation, parameters: Parameters) -> Lanes | None:
    """What the kernel needs to take the samples of a task along the lanes, if the task's plan says so."""
    if not plan.in_lanes:
        return None
    matrix, steps = accumulation.contracted
    last = chain.links[-1]
    if is_short_softmax(last):
        # The kernel applies the softmax too, so it makes the Jacobian itself.
        matrix, steps = result_of(product), len(accumulation.steps)
    elif matrix.made_by is None or matrix.made_by["state"] == DENSE:
        last = ()
    found = Lanes(chain, parameters, plan.steps[0].transposed, last, steps)
    found.layout |= {
        "lane_place": matrix.place,
        "lane_c": matrix.offset,
        "lane_sample": matrix.size,
        "lane_row": matrix.row,
        "lane_column": matrix.column,
    }
    return found


def is_short_softmax(link: Link) -> bool:
    """Whether a link is a softmax of so few units that its sums are taken one after another."""
    return len(link) == 1 and isinstance(link[0], Normalization) and link[0].layer.rule == "softmax" and link[0].size <= SHORT
