"""Lowering of a plan whose samples lie along the vector lanes; `kernels.lanes` says how they lie.

A narrow network leaves most lanes of a register idle where units lie along them. Where a batch has enough samples, these lie
along the lanes instead, and every unit is multiplied, dead or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .chain import Diagonal
from .cost import LANE_VECTORS
from .kernels.activations import activation
from .kernels.jit import kernel_address
from .kernels.lanes import run_lanes
from .kernels.tables import DENSE
from .kernels.target import lanes, padded
from .matrix import Record
from .memory import Arena, Parameters

if TYPE_CHECKING:
    from .accumulation import Accumulation
    from .chain import Chain, Link
    from .steps import Plan


class Lanes:
    """What the kernel needs to take the samples of a chain along the lanes: rows of the table of the primal sweep, and a layout.

    forward : whether tangents are pushed, or cotangents pulled.
    scaled : whether the diagonal behind the last factor belongs to it.
    steps, left : how many of the task's steps it replaces, and how many of the primal sweep follow it.
    """

    steps = 0

    def __init__(self, chain: Chain, parameters: Parameters, forward: bool, scaled: bool) -> None:
        self.samples = LANE_VECTORS * lanes(chain.dtype)
        self._chain, self._parameters, self._arena = chain, parameters, Arena()
        widest, rows = max(chain.sizes), chain.n_in if forward else chain.sizes[-1]
        buffer, matrix = (1 + widest) * self.samples, rows * widest * self.samples
        self._arena.take(2 * buffer + 2 * matrix)
        links = [*chain.links[1:-1], chain.links[-1] if scaled else ()]
        self.primal = [self._step(k, link) for k, link in enumerate(links)]
        self.left = 0 if scaled else sum(op.n_layers for op in chain.links[-1])
        self.layout: Record = {
            "lanes": self.samples,
            "lane_kernel": kernel_address(run_lanes, chain.dtype),
            "lane_forward": int(forward),
            "lane_rows": rows,
            "lane_scales": int(scaled),
            "lane_buffer": buffer,
            "lane_matrix": matrix,
            "lane_values": padded(chain.sizes[-1], chain.dtype),
        }
        self.size = self._arena.end

    def _step(self, k: int, link: Link) -> Record:
        """A factor with its bias in front, and the activation behind it."""
        factor = self._chain.factors[k]
        bias = np.zeros(factor.n_out) if factor.bias is None else factor.bias
        step = {"n_in": factor.n_in, "row": factor.n_out, "state": DENSE}
        step |= {"weight": self._parameters.add(np.column_stack([bias, factor.weight]))}
        step |= {"panel": padded(1 + factor.n_in, self._chain.dtype)}
        if not link:
            return step
        (op,) = link
        assert isinstance(op, Diagonal)  # the plan makes sure of it
        (layer,) = op.layers
        p, q = (self._parameters.add(self._spread(value, op.size)) for value in layer.rule_parameters)
        rule = kernel_address(activation(layer.rule), self._chain.dtype)
        return step | {
            "rule": rule, "p": p, "q": q, "state": self._arena.take(op.size * self.samples), "skip": int(op.sparse),
        }  # fmt: skip

    def _spread(self, value: float | np.ndarray, size: int) -> np.ndarray:
        """A value for each unit, once for every sample."""
        return np.repeat(np.broadcast_to(np.asarray(value, np.float64), size), self.samples)


def lanes_for(chain: Chain, plan: Plan, accumulation: Accumulation, parameters: Parameters) -> Lanes | None:
    """What takes the samples of a task along the lanes, if its plan says so."""
    if not plan.lanes:
        return None
    result, steps = accumulation.contracted
    scaled = result.made_by is not None and result.made_by["state"] != DENSE
    found = Lanes(chain, parameters, plan.steps[0].transposed, scaled)
    found.steps = steps
    found.layout |= {
        "lane_place": result.place,
        "lane_c": result.offset,
        "lane_sample": result.size,
        "lane_row": result.row,
        "lane_column": result.column,
    }
    return found
