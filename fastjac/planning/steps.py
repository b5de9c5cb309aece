"""A plan as data: what it depends on, its steps, and how a plan prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..table import format_sizes, format_table

LEGEND = (
    "Wk: the k-th affine layer, from 1; Bk: the k-th block; J[i:j]: Jacobian of layers i+1 to j, with slopes;\n"
    "cycles: predicted, of one core, for one sample's J without its values;\n"
    "live: share of inner units whose derivative is not 0;\n"
    "stacked: the rows of several samples in one product, over units live in any; alone: each sample over its own live units;\n"
    "lanes: many samples side by side in the vector registers, all units multiplied"
)

Order = Literal["forward", "reverse", "mixed"]
"""The names of the orders of accumulation."""
Mode = Literal["auto", Order]
"""The modes that a caller can ask for: an order, or the cheapest one."""
Span = tuple[int, int]


class Split(NamedTuple):
    """A step that is chosen: the boundaries of the spans that it joins, then `transposed` and `through` as in a `Step`."""

    start: int
    middle: int
    stop: int
    transposed: bool
    through: bool = False


@dataclass(frozen=True)
class ProductShape:
    """An affine map of a block, as a product with tangents or with cotangents.

    sizes : its inputs and outputs.
    live : the share of its inputs whose slopes before it are not 0, and of its outputs whose slopes behind it are not 0.
    at_end : whether it takes the block's input, and whether it gives its output.
    """

    sizes: tuple[int, int]
    live: tuple[float, float]
    at_end: tuple[bool, bool]

    def extent(self, forward: bool) -> tuple[float, float]:
        """Live inner units, and columns that are made, where rows are pushed (forward) or pulled."""
        (n_in, n_out), (live_in, live_out) = self.sizes, self.live
        return (live_in * n_in, live_out * n_out) if forward else (live_out * n_out, live_in * n_in)


@dataclass(frozen=True)
class BlockShape:
    """What the time of a block depends on.

    products : its affine maps.  moved : elements of one row that are scaled, added or copied.
    weights_alone : whether all that takes its input is affine, and whether all that gives its output is.
    """

    products: tuple[ProductShape, ...]
    moved: int
    weights_alone: tuple[bool, bool]


@dataclass(frozen=True)
class ChainShape:
    """What a plan depends on.

    sizes : the L + 1 boundary sizes, inputs first.
    live : for each boundary the share of its units whose slope is not 0; only inner boundaries count.
    binary : for each boundary whether every slope there is 0 or 1, so that none needs to be multiplied.
    lanes : how many numbers a vector register holds; the vectorized side of a product is rounded up to it.
    seed : the layer, counted from 0, that is a seed given by the caller, if any: the first or the last.
    unitwise : whether samples may lie along the vector lanes: inside are elementwise maps alone, at most one at a boundary.
    blocks : for each layer its BlockShape if it is a block, else None; empty where no layer is a block.
    """

    sizes: tuple[int, ...]
    live: tuple[float, ...]
    binary: tuple[bool, ...]
    lanes: int = 1
    seed: int | None = None
    unitwise: bool = False
    blocks: tuple[BlockShape | None, ...] = ()

    def block(self, layer: int) -> BlockShape | None:
        """The shape of a layer, counted from 0, that is a block; else None."""
        return self.blocks[layer] if self.blocks else None

    @property
    def n_layers(self) -> int:
        """Number of affine layers."""
        return len(self.sizes) - 1


@dataclass(frozen=True)
class Step:
    """One contraction, `J[start:stop] = J[middle:stop] D_middle J[start:middle]`, or what a block does instead.

    transposed : whether the transposed product is computed, whose vector lanes run along J's rows.
    drops : whether only the units are produced that are live at the boundary where the result is contracted next.
    stacked : whether the rows of several samples are multiplied by the weight together, over the units that are live in any of
        them; else each sample is multiplied alone, over its own live units.
    multiply_adds : the multiply-adds of live units.  cycles : predicted time on one core.
    through : whether one operand is a block, through which the other is pushed, if transposed, or pulled. Where middle is start,
        the identity is passed, which gives the block's own Jacobian.
    """

    start: int
    middle: int
    stop: int
    transposed: bool
    drops: bool
    stacked: bool
    multiply_adds: float
    cycles: float
    through: bool = False


@dataclass(frozen=True)
class Plan:
    """An order of accumulation: `print(plan)` shows it.

    shape : what the plan was made for.  mode : the mode asked for.  order : the order chosen, "forward", "reverse" or "mixed".
    steps : the contractions, each after those it needs.  cost : predicted cycles of one core for one input.
    in_lanes : whether samples lie along the vector lanes, where a batch has enough of them.

    >>> net = fj.Network([fj.Affine(np.ones((3, 4))), fj.Tanh(), fj.Affine(np.ones((2, 3)))])
    >>> net.plan()
    Plan(reverse, 4-3-2, 1 step, 24 multiply-adds)
    >>> net.plan("forward").multiply_adds
    24
    """

    shape: ChainShape
    mode: Mode
    order: Order
    steps: tuple[Step, ...]
    cost: float
    in_lanes: bool = False

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds for one input, with the share of units counted that is expected to be live."""
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
            extent = f"{sizes[step.stop]} x {sizes[step.start]}"
            if step.middle > step.start:
                extent = f"{sizes[step.stop]} x {sizes[step.middle]} x {sizes[step.start]}"
            counts = (f"{step.multiply_adds:,.0f}", f"{step.cycles:,.0f}")
            samples = "lanes" if self.in_lanes else "stacked" if step.stacked else "alone"
            rows.append((str(number), self.product(step), extent, samples, f"{self.shape.live[step.middle]:.2f}", *counts))
        if not self.steps:
            return "\n".join([*lines, "one affine layer or none: nothing to contract"])
        rows.append(("", "", "", "", "", f"{self.multiply_adds:,.0f}", f"{self.cost:,.0f}"))
        return "\n".join([*lines, *format_table(rows, left=4), LEGEND])

    def product(self, step: Step) -> str:
        """What a step multiplies, such as "J[0:2] = W2 W1"."""
        inner = f" {self._name(step.start, step.middle)}" if step.middle > step.start else ""
        return f"{self._name(step.start, step.stop)} = {self._name(step.middle, step.stop)}{inner}"

    def _name(self, start: int, stop: int) -> str:
        if stop > start + 1:
            return f"J[{start}:{stop}]"
        return f"B{stop}" if self.shape.block(start) else f"W{stop}"
