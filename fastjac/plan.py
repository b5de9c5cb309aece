"""In which order to multiply the chain: sizes in, a list of contractions out.

The Jacobian of a chain of L affine layers is `J = W_L D_{L-1} W_{L-1} ... D_1 W_1`, with the activations' derivatives
`D_k` between. Layer k maps boundary k-1 to boundary k, and `J[i:j]` is the product of layers i+1 to j, of shape
`(sizes[j], sizes[i])`. A plan is a list of contractions `J[i:j] = J[k:j] D_k J[i:k]`, as `opt_einsum`'s path is a list of
pairs: forward accumulation starts from the inputs, reverse from the outputs, and mixed takes any bracketing, the cheapest
found by dynamic programming (Griewank & Naumann, "Accumulating Jacobians as chained sparse matrix products", Mathematical
Programming 95, 2003).

Plans are made from sizes alone; nothing here knows weights or inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import OptionError
from .kernels.target import round_up
from .table import format_table

LEGEND = "Wk: affine layer k; J[i:j]: Jacobian of layers i+1 to j; live: share of inner units whose derivative is not 0"
SPARSE_LIVE_SHARE = 0.5
"""Share of units taken to be live behind a ReLU-like activation when only the sizes are known."""


@dataclass(frozen=True)
class ChainShape:
    """What a plan depends on.

    sizes : the L + 1 boundary sizes, inputs first.
    live : for each boundary the share of its units whose derivative is not 0; only inner boundaries count.
    lanes : how many numbers a vector register holds; the vectorized side of a product is rounded up to it.
    """

    sizes: tuple[int, ...]
    live: tuple[float, ...]
    lanes: int = 1

    @property
    def n_layers(self) -> int:
        """Number of affine layers."""
        return len(self.sizes) - 1


@dataclass(frozen=True)
class Step:
    """One contraction, `J[start:stop] = J[middle:stop] D_middle J[start:middle]`, and its cost in multiply-adds."""

    start: int
    middle: int
    stop: int
    cost: float


@dataclass(frozen=True)
class Plan:
    """An order of accumulation: `print(plan)` shows it.

    shape : what it was made for.  mode : what was asked for.  order : what came out, "forward", "reverse" or "mixed".
    steps : the contractions, each after those it needs.  cost : their multiply-adds with live shares and lanes counted.
    """

    shape: ChainShape
    mode: str
    order: str
    steps: tuple[Step, ...]

    @property
    def cost(self) -> float:
        """Sum of the steps' costs."""
        return sum(step.cost for step in self.steps)

    def __str__(self) -> str:
        sizes = self.shape.sizes
        order = self.order if self.mode == self.order else f"{self.mode}, which is {self.order}"
        lines = [f"order: {order}", f"sizes: {'-'.join(map(str, sizes))}"]
        rows = [("step", "product", "rows x inner x columns", "live", "multiply-adds")]
        for number, step in enumerate(self.steps, 1):
            product = f"{_name(step.start, step.stop)} = {_name(step.middle, step.stop)} {_name(step.start, step.middle)}"
            extent = f"{sizes[step.stop]} x {sizes[step.middle]} x {sizes[step.start]}"
            rows.append((str(number), product, extent, f"{self.shape.live[step.middle]:.2f}", f"{step.cost:,.0f}"))
        if not self.steps:
            return "\n".join([*lines, "one affine layer or none: nothing to contract"])
        rows.append(("", "", "", "", f"{self.cost:,.0f}"))
        return "\n".join([*lines, *format_table(rows, left=3), LEGEND])


def _name(start: int, stop: int) -> str:
    return f"W{stop}" if stop == start + 1 else f"J[{start}:{stop}]"


def plan(shape: ChainShape, mode: str = "auto") -> Plan:
    """The plan for a chain of this shape.

    mode : "forward", "reverse", "mixed" (the cheapest bracketing), or "auto" (a pure order, unless mixed is cheaper).
    Raises OptionError for any other mode. Costs O(L^3).
    """
    return PLANNERS[checked_mode(mode)](shape, mode)


def checked_mode(mode: str) -> str:
    """`mode` itself if there is a planner of that name, else an OptionError that lists the names."""
    if not isinstance(mode, str) or mode not in PLANNERS:
        raise OptionError(f"mode must be one of {', '.join(map(repr, PLANNERS))}, got {mode!r}")
    return mode


def step_cost(shape: ChainShape, start: int, middle: int, stop: int) -> float:
    """Cost of `J[start:stop] = J[middle:stop] D_middle J[start:middle]` in multiply-adds.

    Vector lanes run along a side that is contiguous in memory in the right-hand operand: the columns when a cotangent
    matrix meets a weight, the rows when a tangent matrix does (the kernel works on the transposed product), and either
    for two weights. Two accumulated matrices cost a transposition of the smaller one.
    """
    rows, inner, columns = shape.sizes[stop], shape.sizes[middle], shape.sizes[start]
    left_is_weight, right_is_weight = stop == middle + 1, middle == start + 1
    along_columns = rows * round_up(columns, shape.lanes)
    along_rows = round_up(rows, shape.lanes) * columns
    if left_is_weight == right_is_weight:
        area = min(along_columns, along_rows)
    else:
        area = along_columns if right_is_weight else along_rows
    transposition = 0 if left_is_weight or right_is_weight else inner * min(rows, columns)
    return shape.live[middle] * inner * area + transposition


def _plan(shape: ChainShape, mode: str, order: str, splits: list[tuple[int, int, int]]) -> Plan:
    return Plan(shape, mode, order, tuple(Step(*split, step_cost(shape, *split)) for split in splits))


def _forward(shape: ChainShape, mode: str) -> Plan:
    return _plan(shape, mode, "forward", [(0, k, k + 1) for k in range(1, shape.n_layers)])


def _reverse(shape: ChainShape, mode: str) -> Plan:
    n = shape.n_layers
    return _plan(shape, mode, "reverse", [(k - 1, k, n) for k in range(n - 1, 0, -1)])


def _mixed(shape: ChainShape, mode: str) -> Plan:
    """The cheapest bracketing: the best way to make each span from two shorter ones, shortest spans first."""
    n = shape.n_layers
    best: dict[tuple[int, int], tuple[float, int]] = {(i, i + 1): (0.0, i) for i in range(n)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k, j][0] + step_cost(shape, i, k, j), k) for k in range(i + 1, j)
            )  # fmt: skip

    def splits(i: int, j: int) -> list[tuple[int, int, int]]:
        if j <= i + 1:
            return []
        k = best[i, j][1]
        return [*splits(i, k), *splits(k, j), (i, k, j)]

    return _plan(shape, mode, "mixed", splits(0, n))


def _auto(shape: ChainShape, mode: str) -> Plan:
    # On a tie the first wins: a pure order needs less memory than two matrices that meet.
    candidates = (_reverse(shape, mode), _forward(shape, mode), _mixed(shape, mode))
    return min(candidates, key=lambda candidate: candidate.cost)


PLANNERS: dict[str, Callable[[ChainShape, str], Plan]] = {
    "auto": _auto,
    "forward": _forward,
    "reverse": _reverse,
    "mixed": _mixed,
}
