"""In which order to multiply the chain: sizes in, a list of contractions out.

The Jacobian of a chain of L affine layers is `J = W_L D_{L-1} W_{L-1} ... D_1 W_1`, with the activations' derivatives
`D_k` between. Layer k maps boundary k-1 to boundary k, and `J[i:j]` is the product of layers i+1 to j, of shape
`(sizes[j], sizes[i])`. A plan is a list of contractions `J[i:j] = J[k:j] D_k J[i:k]`, as `opt_einsum`'s path is a list of
pairs: forward accumulation starts from the inputs, reverse from the outputs, and mixed takes any bracketing, the cheapest
found by dynamic programming (Griewank & Naumann, "Accumulating Jacobians as chained sparse matrix products", Mathematical
Programming 95, 2003). The same dynamic program says which way round each matrix lies in memory.

Plans are made from sizes alone; nothing here knows weights or inputs. What things cost is in `cost.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .cost import (
    PACK_ELEMENTS,
    PACK_ROWS,
    STACKED,
    STACKED_ROWS,
    UNION_DEPTH,
    UNION_ROWS,
    contraction_cycles,
    moving_cycles,
    packing_cycles,
    scaling_cycles,
)
from .errors import OptionError
from .table import format_sizes, format_table

LEGEND = (
    "Wk: affine layer k; J[i:j]: Jacobian of layers i+1 to j; live: share of inner units whose derivative is not 0;\n"
    "stacked: the rows of several samples in one product, over the units live in any; alone: each sample over its own live units"
)
SPARSE_LIVE_SHARE = 0.5
"""Share of units taken to be live behind a ReLU-like activation when only the sizes are known."""

Order = Literal["forward", "reverse", "mixed"]
"""What an order of accumulation is called."""
Mode = Literal["auto", Order]
"""What can be asked for: an order, or the cheapest one."""
Span = tuple[int, int]


@dataclass(frozen=True)
class ChainShape:
    """What a plan depends on.

    sizes : the L + 1 boundary sizes, inputs first.
    live : for each boundary the share of its units whose derivative is not 0; only inner boundaries count.
    binary : for each boundary whether every derivative there is 0 or 1, so that none needs to be multiplied.
    lanes : how many numbers a vector register holds; the vectorized side of a product is rounded up to it.
    seed : the layer, counted from 0, that is a seed given by the caller, if any: the first or the last.
    """

    sizes: tuple[int, ...]
    live: tuple[float, ...]
    binary: tuple[bool, ...]
    lanes: int = 1
    seed: int | None = None

    @property
    def n_layers(self) -> int:
        """Number of affine layers."""
        return len(self.sizes) - 1


@dataclass(frozen=True)
class Step:
    """One contraction, `J[start:stop] = J[middle:stop] D_middle J[start:middle]`.

    transposed : whether the transposed product is computed, whose vector lanes run along J's rows.
    drops : whether only the units are produced that are live at the boundary where the result is contracted next.
    stacked : whether the rows of several samples are multiplied by the weight together, over the units that are live in any of
        them; else each sample is multiplied alone, over its own live units.
    multiply_adds : with live shares counted.  cycles : predicted time on one core.
    """

    start: int
    middle: int
    stop: int
    transposed: bool
    drops: bool
    stacked: bool
    multiply_adds: float
    cycles: float


@dataclass(frozen=True)
class Plan:
    """An order of accumulation: `print(plan)` shows it.

    shape : what it was made for.  mode : what was asked for.  order : what came out, "forward", "reverse" or "mixed".
    steps : the contractions, each after those it needs.  cost : predicted cycles of one core for one input.
    """

    shape: ChainShape
    mode: Mode
    order: Order
    steps: tuple[Step, ...]
    cost: float

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds for one input, with live shares counted."""
        return sum(step.multiply_adds for step in self.steps)

    def __repr__(self) -> str:
        counts = f"{len(self.steps)} step{'s' * (len(self.steps) != 1)}, {self.multiply_adds:,.0f} multiply-adds"
        return f"Plan({self.order}, {format_sizes(self.shape.sizes)}, {counts})"

    def __str__(self) -> str:
        sizes = self.shape.sizes
        order = self.order if self.mode == self.order else f"{self.mode}, which is {self.order}"
        lines = [f"order: {order}", f"sizes: {'-'.join(map(str, sizes))}"]
        rows = [("step", "product", "rows x inner x columns", "samples", "live", "multiply-adds", "cycles")]
        for number, step in enumerate(self.steps, 1):
            product = f"{_name(step.start, step.stop)} = {_name(step.middle, step.stop)} {_name(step.start, step.middle)}"
            extent = f"{sizes[step.stop]} x {sizes[step.middle]} x {sizes[step.start]}"
            counts = (f"{step.multiply_adds:,.0f}", f"{step.cycles:,.0f}")
            samples = "stacked" if step.stacked else "alone"
            rows.append((str(number), product, extent, samples, f"{self.shape.live[step.middle]:.2f}", *counts))
        if not self.steps:
            return "\n".join([*lines, "one affine layer or none: nothing to contract"])
        rows.append(("", "", "", "", "", f"{self.multiply_adds:,.0f}", f"{self.cost:,.0f}"))
        return "\n".join([*lines, *format_table(rows, left=4), LEGEND])


def _name(start: int, stop: int) -> str:
    return f"W{stop}" if stop == start + 1 else f"J[{start}:{stop}]"


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
    right_is_leaf, left_is_leaf = middle == start + 1, stop == middle + 1
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
    if right_is_leaf and left_is_leaf and not shape.binary[middle]:
        cycles += scaling_cycles(inner * a_rows, shape.lanes)
    if transposed and stop - start == shape.n_layers:
        cycles += moving_cycles(rows * columns)
    return Step(start, middle, stop, transposed, drops, stacked, rows * depth * columns, cycles)


def _stacking_pays(live: float, inner: int, rows: int, made: bool) -> bool:
    """Whether samples of so many rows are multiplied together; `made` says that a step stores these rows as each sample's own."""
    if live < 1.0:
        return rows <= UNION_ROWS and inner >= UNION_DEPTH
    return made and rows <= STACKED_ROWS


def _drops(shape: ChainShape, start: int, middle: int, stop: int) -> bool:
    """Whether it pays to copy a weight's live units side by side, so that others are not produced.

    Only a weight's side at the next boundary can be packed, and only where that boundary's derivatives are 0 or 1, some of
    them 0. A copy much larger than the second-level cache costs more memory and time than it saves.
    """
    if start > 0 and stop == shape.n_layers:
        boundary, other, is_leaf = start, stop, middle == start + 1
    elif start == 0 and stop < shape.n_layers:
        boundary, other, is_leaf = stop, start, stop == middle + 1
    else:
        return False
    is_small = shape.sizes[middle] * shape.sizes[boundary] <= PACK_ELEMENTS
    return is_leaf and is_small and shape.binary[boundary] and shape.live[boundary] < 1 and shape.sizes[other] >= PACK_ROWS


class _Choice(NamedTuple):
    """The cheapest way to make a span in one orientation: the last step, and the orientations of what it takes."""

    cost: float
    step: Step | None = None
    left: bool = False
    right: bool = False


Table = dict[Span, dict[bool, _Choice]]
"""For each span, by whether it lies transposed."""


def _cheapest(shape: ChainShape, spans: Iterable[Span], middles: Callable[[int, int], Iterable[int]]) -> Table:
    """The cheapest way to make each span, given shortest first, if it is split at one of `middles(start, stop)`."""
    table: Table = {(k, k + 1): {False: _Choice(0.0), True: _Choice(0.0)} for k in range(shape.n_layers)}
    for start, stop in spans:
        for transposed in (False, True):
            choices = (_combined(shape, table, start, middle, stop, transposed) for middle in middles(start, stop))
            table.setdefault((start, stop), {})[transposed] = min(choices, key=lambda choice: choice.cost)
    return table


def _combined(shape: ChainShape, table: Table, start: int, middle: int, stop: int, transposed: bool) -> _Choice:
    step = step_of(shape, start, middle, stop, transposed)
    if step is None:
        return _Choice(float("inf"))
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
    return [*_steps(table, start, middle, chosen.right), *_steps(table, middle, stop, chosen.left), chosen.step]


def _plan(
    shape: ChainShape, mode: Mode, order: Order, spans: Iterable[Span], middles: Callable[[int, int], Iterable[int]]
) -> Plan:
    n = shape.n_layers
    if n < 2:
        return Plan(shape, mode, order, (), 0.0)
    table = _cheapest(shape, spans, middles)
    cost, transposed = min((table[0, n][way].cost, way) for way in (False, True))
    return Plan(shape, mode, order, tuple(_steps(table, 0, n, transposed)), cost)


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
