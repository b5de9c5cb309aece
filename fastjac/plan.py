"""In which order to multiply the chain: sizes in, a list of contractions out.

The Jacobian of a chain of L affine layers is `J = W_L D_{L-1} W_{L-1} ... D_1 W_1`, with the activations' derivatives
`D_k` between. Layer k maps boundary k-1 to boundary k, and `J[i:j]` is the product of layers i+1 to j, of shape
`(sizes[j], sizes[i])`. A plan is a list of contractions `J[i:j] = J[k:j] D_k J[i:k]`, as `opt_einsum`'s path is a list of
pairs: forward accumulation starts from the inputs, reverse from the outputs, and mixed takes any bracketing, the cheapest
found by dynamic programming (Griewank & Naumann, "Accumulating Jacobians as chained sparse matrix products", Mathematical
Programming 95, 2003). The same dynamic program says which way round each matrix lies in memory.

A layer may also be a block of a graph. Rows are then passed through it, tangents pushed or cotangents pulled, or its own Jacobian
is made by passing the identity, and is an operand as any other that is made.

Plans are made from sizes alone; nothing here knows weights or inputs. What things cost is in `cost.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from .cost import (
    LANES_GAIN,
    PACK_ELEMENTS,
    PACK_ROWS,
    STACKED,
    STACKED_ROWS,
    UNION_DEPTH,
    UNION_ROWS,
    block_cycles,
    contraction_cycles,
    fits_lanes,
    lane_cycles,
    lane_product_cycles,
    moving_cycles,
    packing_cycles,
    reading_cycles,
    scaling_cycles,
    value_cycles,
)
from .errors import OptionError
from .steps import ChainShape, Mode, Order, Plan, Span, Step

SPARSE_LIVE_SHARE = 0.5
"""Share of units taken to be live behind a ReLU-like activation when only the sizes are known."""


def plan(shape: ChainShape, mode: Mode = "auto") -> Plan:
    """The plan for a chain of this shape.

    mode : "forward", "reverse", "mixed" (the cheapest bracketing), or "auto" (a pure order, unless mixed is cheaper).
    Raises OptionError for any other mode. Costs O(L^3).
    """
    return PLANNERS[checked_mode(mode)](shape, mode)


def checked_mode(mode: Mode) -> Mode:
    """`mode` itself if there is a planner of that name, else an OptionError that lists the names."""
    if not isinstance(mode, str) or mode not in PLANNERS:
        raise OptionError(f"mode must be one of {', '.join(map(repr, PLANNERS))}, got {mode!r}")
    return mode


def step_of(shape: ChainShape, start: int, middle: int, stop: int, transposed: bool) -> Step | None:
    """The contraction of two spans, computed this way round, or None if it cannot be.

    Its cycles count what it does to its operands besides, but not what it takes to turn one round.
    """
    right_is_leaf, left_is_leaf = _is_leaf(shape, start, middle), _is_leaf(shape, middle, stop)
    # A seed is not padded, so it cannot be the operand that the kernel reads in vectors.
    if (not transposed and right_is_leaf and shape.seed == start) or (transposed and left_is_leaf and shape.seed == middle):
        return None
    rows, inner, columns = shape.sizes[stop], shape.sizes[middle], shape.sizes[start]
    depth = shape.live[middle] * inner
    cycles = 0.0
    drops = _drops(shape, start, middle, stop)
    if drops:
        cycles += packing_cycles(depth, columns if start else rows, shape.lanes)
        rows, columns = (rows, round(columns * shape.live[start])) if start else (round(rows * shape.live[stop]), columns)
    a_rows, b_columns = (columns, rows) if transposed else (rows, columns)
    b_is_weight, a_is_leaf = (left_is_leaf, right_is_leaf) if transposed else (right_is_leaf, left_is_leaf)
    # A factor that nothing is multiplied onto is read where it lies, and not as rows of each sample.
    a_is_made = not a_is_leaf or not shape.binary[middle]
    stacked = b_is_weight and not drops and _stacking_pays(shape.live[middle], inner, a_rows, a_is_made)
    together, depth = (STACKED, inner) if stacked else (1, depth)
    cycles += contraction_cycles(max(1, a_rows) * together, depth, max(1, b_columns), shape.lanes) / together
    if a_is_leaf:
        # Samples share strips of a right operand alone.
        cycles += reading_cycles(inner * a_rows, shape.lanes)
    if right_is_leaf and left_is_leaf and not shape.binary[middle]:
        cycles += scaling_cycles(inner * a_rows, shape.lanes)
    if transposed and stop - start == shape.n_layers:
        cycles += moving_cycles(rows * columns)
    return Step(start, middle, stop, transposed, drops, stacked, rows * depth * columns, cycles)


def _is_leaf(shape: ChainShape, start: int, stop: int) -> bool:
    """Whether a span is a weight or a seed; a block's Jacobian is one of each sample's own, which a step makes."""
    return stop == start + 1 and shape.block(start) is None


def _stacking_pays(live: float, inner: int, rows: int, made: bool) -> bool:
    """Whether samples of so many rows are multiplied together; `made` says that a step stores these rows as each sample's own."""
    if live < 1.0:
        return rows <= UNION_ROWS and inner >= UNION_DEPTH
    return made and rows <= STACKED_ROWS


def _drops(shape: ChainShape, start: int, middle: int, stop: int) -> bool:
    """Whether it pays to copy a weight's live units side by side, so that others are not produced.

    Only a weight's side at the next boundary can be packed, and only where that boundary's derivatives are 0 or 1, some of
    them 0. A block behind that boundary must read the others nowhere. A copy much larger than the second-level cache costs more
    memory and time than it saves.
    """
    if start > 0 and stop == shape.n_layers:
        boundary, other, is_leaf, following = start, stop, _is_leaf(shape, start, middle), shape.block(start - 1)
        skips = following is None or following.weights_alone[1]
    elif start == 0 and stop < shape.n_layers:
        boundary, other, is_leaf, following = stop, start, _is_leaf(shape, middle, stop), shape.block(stop)
        skips = following is None or following.weights_alone[0]
    else:
        return False
    is_small = shape.sizes[middle] * shape.sizes[boundary] <= PACK_ELEMENTS
    pays = is_small and shape.sizes[other] >= PACK_ROWS
    return is_leaf and skips and pays and shape.binary[boundary] and shape.live[boundary] < 1


def step_through(shape: ChainShape, start: int, middle: int, stop: int, transposed: bool) -> Step | None:
    """The step that pushes what lies right of a block through it (transposed), or pulls what lies left of it, if there is one."""
    block, rows = shape.block(middle if transposed else start), shape.sizes[start if transposed else stop]
    is_leaf = middle == start or (stop == middle + 1 if transposed else middle == start + 1)
    if not is_leaf or block is None:
        return None
    own = middle == start
    counts = (math.prod(product.extent(transposed)) for product in block.products if not (own and product.at_end[not transposed]))
    cycles = block_cycles(block, rows, transposed, own, shape.lanes)
    if transposed and stop - start == shape.n_layers:
        cycles += moving_cycles(rows * shape.sizes[stop])
    stacked = rows <= STACKED_ROWS
    return Step(start, middle, stop, transposed, False, stacked, rows * sum(counts), cycles, through=True)


class _Choice(NamedTuple):
    """The cheapest way to make a span in one orientation: the last step, and the orientations of what it takes."""

    cost: float
    step: Step | None = None
    left: bool = False
    right: bool = False


IMPOSSIBLE = _Choice(float("inf"))

Table = dict[Span, dict[bool, _Choice]]
"""For each span, by whether it lies transposed."""


def _cheapest(shape: ChainShape, order: Order, spans: Iterable[Span], middles: Callable[[int, int], Iterable[int]]) -> Table:
    """The cheapest way to make each span, given shortest first, if it is split at one of `middles(start, stop)`."""
    table: Table = {(k, k + 1): {way: _leaf(shape, order, k, way) for way in (False, True)} for k in range(shape.n_layers)}
    for start, stop in spans:
        for transposed in (False, True):
            ways = [(shape, table, start, middle, stop, transposed) for middle in middles(start, stop)]
            # A pure order pushes alone, or pulls alone.
            kinds = (_combined, _passed) if order in ("mixed", "forward" if transposed else "reverse") else (_combined,)
            choices = [combine(*way) for way in ways for combine in kinds]
            table.setdefault((start, stop), {})[transposed] = min(choices, key=lambda choice: choice.cost)
    return table


def _leaf(shape: ChainShape, order: Order, layer: int, transposed: bool) -> _Choice:
    """A weight or a seed, which is there, or the Jacobian of a block, which is made of tangents (transposed) or cotangents.

    In a pure order a block's own Jacobian is made at the end where that begins, and nowhere else.
    """
    own = step_through(shape, layer, layer, layer + 1, transposed)
    begins = {"forward": transposed and layer == 0, "reverse": not transposed and layer == shape.n_layers - 1, "mixed": True}
    if own and not begins[order]:
        return IMPOSSIBLE
    return _Choice(own.cycles, own) if own else _Choice(0.0)


def _passed(shape: ChainShape, table: Table, start: int, middle: int, stop: int, transposed: bool) -> _Choice:
    """The cheapest way to pass one of two spans through the other, if that is a block."""
    step = step_through(shape, start, middle, stop, transposed)
    if step is None:
        return IMPOSSIBLE
    span, size = ((start, middle), shape.sizes[start]) if transposed else ((middle, stop), shape.sizes[stop])
    # The units of the boundary lie side by side, where rows are passed.
    lying, cost = _read_along(table[span], transposed, shape.sizes[middle] * size)
    return _Choice(cost + step.cycles, step, lying, lying)


def _combined(shape: ChainShape, table: Table, start: int, middle: int, stop: int, transposed: bool) -> _Choice:
    step = step_of(shape, start, middle, stop, transposed)
    if step is None:
        return IMPOSSIBLE
    left, right = table[middle, stop], table[start, middle]
    # The kernel's left operand may lie either way; its right one is turned round where it does not lie along the result.
    if transposed:
        turned, left_cost = _read_along(left, transposed, shape.sizes[middle] * shape.sizes[stop])
        right_cost, other = min((right[way].cost, way) for way in right)
        return _Choice(left_cost + right_cost + step.cycles, step, turned, other)
    turned, right_cost = _read_along(right, transposed, shape.sizes[middle] * shape.sizes[start])
    left_cost, other = min((left[way].cost, way) for way in left)
    return _Choice(left_cost + right_cost + step.cycles, step, other, turned)


def _read_along(ways: dict[bool, _Choice], transposed: bool, elements: int) -> tuple[bool, float]:
    """How to make a matrix that is then read in this orientation, and the cost of both."""
    as_made, turned = ways[transposed].cost, ways[not transposed].cost + moving_cycles(elements)
    return (transposed, as_made) if as_made <= turned else (not transposed, turned)


def _steps(table: Table, start: int, stop: int, transposed: bool) -> list[Step]:
    chosen = table[start, stop][transposed]
    if chosen.step is None:
        return []
    middle = chosen.step.middle
    if chosen.step.through:
        span = (start, middle) if transposed else (middle, stop)
        return [*(_steps(table, *span, chosen.left) if middle > start else []), chosen.step]
    return [*_steps(table, start, middle, chosen.right), *_steps(table, middle, stop, chosen.left), chosen.step]


def _plan(
    shape: ChainShape, mode: Mode, order: Order, spans: Iterable[Span], middles: Callable[[int, int], Iterable[int]]
) -> Plan:
    n = shape.n_layers
    if n < 2 and not shape.block(0):
        return Plan(shape, mode, order, (), 0.0)
    table = _cheapest(shape, order, spans, middles)
    cost, transposed = min((table[0, n][way].cost, way) for way in (False, True))
    steps = tuple(_steps(table, 0, n, transposed))
    return _in_lanes(shape, mode, order, steps) or Plan(shape, mode, order, steps, cost)


def _in_lanes(shape: ChainShape, mode: Mode, order: Order, steps: tuple[Step, ...]) -> Plan | None:
    """The same steps with samples along the vector lanes and all units multiplied, if they can lie so and that is cheaper.

    The weights are then the left operands, so all steps must push what one end gave, or all pull.
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


def _forward(shape: ChainShape, mode: Mode) -> Plan:
    spans = ((0, stop) for stop in range(2, shape.n_layers + 1))
    return _plan(shape, mode, "forward", spans, lambda start, stop: (stop - 1,))


def _reverse(shape: ChainShape, mode: Mode) -> Plan:
    n = shape.n_layers
    spans = ((start, n) for start in range(n - 2, -1, -1))
    return _plan(shape, mode, "reverse", spans, lambda start, stop: (start + 1,))


def _mixed(shape: ChainShape, mode: Mode) -> Plan:
    n = shape.n_layers
    spans = ((start, start + length) for length in range(2, n + 1) for start in range(n - length + 1))
    return _plan(shape, mode, "mixed", spans, lambda start, stop: range(start + 1, stop))


def _auto(shape: ChainShape, mode: Mode) -> Plan:
    # On a tie the first wins: a pure order needs less memory than two matrices that meet.
    candidates = (_reverse(shape, mode), _forward(shape, mode), _mixed(shape, mode))
    return min(candidates, key=lambda candidate: candidate.cost)


PLANNERS: dict[Mode, Callable[[ChainShape, Mode], Plan]] = {
    "auto": _auto,
    "forward": _forward,
    "reverse": _reverse,
    "mixed": _mixed,
}
