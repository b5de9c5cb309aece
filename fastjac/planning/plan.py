"""In which order to multiply the chain: sizes in, a list of contractions out.

The Jacobian of a chain of L affine layers is `J = W_L D_{L-1} W_{L-1} ... D_1 W_1`, with the activations' slopes
`D_k` between. Layer k maps boundary k-1 to boundary k, and `J[i:j]` is the product of layers i+1 to j, of shape
`(sizes[j], sizes[i])`. A plan is a list of contractions `J[i:j] = J[k:j] D_k J[i:k]`, as `opt_einsum`'s path is a list of
pairs: forward accumulation starts from the inputs, reverse from the outputs, and mixed takes any bracketing, the cheapest
found by dynamic programming (Griewank & Naumann, "Accumulating Jacobians as chained sparse matrix products", Mathematical
Programming 95, 2003). The same dynamic program says which way round each matrix lies in memory.

A layer may also be a block of a graph. Rows are then passed through it: tangents are pushed, or cotangents pulled. Or the
identity is passed through it, which makes the block's own Jacobian, an operand like any other.

Plans are made from sizes alone; nothing here knows weights or inputs. `contractions.py` says what steps cost; `bracketing.py` and
`pure_order.py` find the cheapest.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import OptionError
from .bracketing import Bracketing
from .contractions import StepTable
from .cost import LANES_GAIN, fits_lanes, lane_cycles, lane_product_cycles, value_cycles
from .pure_order import PureOrder
from .steps import ChainShape, Mode, Order, Plan, Step

SPARSE_LIVE_SHARE = 0.5
"""Share of units taken to be live behind a ReLU-like activation when only the sizes are known."""

ORDERS: dict[Mode, tuple[Order, ...]] = {
    # On a tie the first wins: a pure order needs less memory than two matrices that meet.
    "auto": ("reverse", "forward", "mixed"),
    "forward": ("forward",),
    "reverse": ("reverse",),
    "mixed": ("mixed",),
}
"""The orders that each mode chooses from."""


def plan(shape: ChainShape, mode: Mode = "auto") -> Plan:
    """The plan for a chain of this shape.

    mode : "forward", "reverse", "mixed" (the cheapest bracketing), or "auto" (a pure order, unless mixed is cheaper).
    Raises OptionError for any other mode. Costs O(L^3), in O(L) array operations.
    """
    table = StepTable(shape)
    return min((_plan(table, mode, order) for order in ORDERS[checked_mode(mode)]), key=lambda candidate: candidate.cost)


def checked_mode(mode: Mode) -> Mode:
    """`mode` itself if it is one, else an OptionError that lists them."""
    if isinstance(mode, str) and mode in ORDERS:
        return mode
    wanted = f"mode must be one of {', '.join(map(repr, ORDERS))}"
    if isinstance(mode, str):
        raise OptionError(f"{wanted}, got {mode!r:.80}")
    raise OptionError(f"{wanted}, got {type(mode).__name__}; several inputs go in as one tuple: net.jacobian((x, u))")


def _plan(table: StepTable, mode: Mode, order: Order) -> Plan:
    shape = table.shape
    if shape.n_layers < 2 and not shape.block(0):
        return Plan(shape, mode, order, (), 0.0)
    bracketing = Bracketing(table) if order == "mixed" else PureOrder(table, forward=order == "forward")
    cost, splits = bracketing.cheapest()
    steps = tuple(map(table.step, splits))
    return _in_lanes(shape, mode, order, steps) or Plan(shape, mode, order, steps, cost)


def _in_lanes(shape: ChainShape, mode: Mode, order: Order, steps: tuple[Step, ...]) -> Plan | None:
    """The same steps with samples along the vector lanes and all units multiplied, if they can lie so and that is cheaper.

    The weights are then the left operands, so all steps must push from the input's end, or all pull from the output's.
    """
    forward = steps[0].transposed
    pure = all(step.start == 0 for step in steps) if forward else all(step.stop == shape.n_layers for step in steps)
    if not shape.unitwise or not pure or not fits_lanes(shape.sizes, shape.sizes[0 if forward else -1], shape.lanes):
        return None
    values, products = lane_cycles(shape.sizes, forward, shape.lanes)
    alone = value_cycles(shape.sizes, shape.lanes) + sum(step.cycles for step in steps)
    if values + products >= LANES_GAIN * alone:
        return None
    return Plan(shape, mode, order, tuple(_step_in_lanes(shape, step, forward) for step in steps), products, in_lanes=True)


def _step_in_lanes(shape: ChainShape, step: Step, forward: bool) -> Step:
    n_in, n_out, rows = (
        shape.sizes[step.middle],
        shape.sizes[step.stop if forward else step.start],
        shape.sizes[0 if forward else -1],
    )
    return replace(step, multiply_adds=rows * n_in * n_out, cycles=rows * lane_product_cycles(n_out, n_in, shape.lanes))
