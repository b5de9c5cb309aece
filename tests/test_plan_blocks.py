"""The planner against brute force where blocks stand among the layers: every bracketing, every pass, every way round."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastjac as fj
from fastjac import plan as plan_module
from fastjac.cost import moving_cycles
from fastjac.kernels.target import lanes
from fastjac.plan import plan, step_of
from fastjac.product import product_of
from fastjac.steps import BlockShape, ChainShape, Order, ProductShape, Step
from tests.graph_by_nodes import network_of
from tests.graph_families import graph_named

SPLITS: dict[Order, Callable[[int, int], Iterable[int]]] = {
    "forward": lambda start, stop: [stop - 1],
    "reverse": lambda start, stop: [start + 1],
    "mixed": lambda start, stop: range(start + 1, stop),
}
"""Where each order may split a span."""
MOST_LEAVES = 6


def own_may_be_made(shape: ChainShape, order: Order, layer: int, transposed: bool) -> bool:
    """A pure order makes a block's own Jacobian at the end where it begins alone."""
    ends = {"forward": (0, True), "reverse": (shape.n_layers - 1, False)}
    return order == "mixed" or (layer, transposed) == ends[order]


def every_cost(shape: ChainShape, order: Order) -> np.ndarray:
    """The costs of all ways to make the whole product.

    A span of two or more leaves is the product of two spans, or one of them passed through the other, which is a block: pushed
    (and then it lies transposed before and after) or pulled. A span lies as it was made; what is read along its rows must lie
    so, or be turned. A weight lies either way for nothing, and a block alone is made of tangents (transposed) or cotangents.
    """

    @cache
    def computed(start: int, stop: int, transposed: bool) -> np.ndarray:
        if stop == start + 1:
            if shape.block(start) is None:
                return np.zeros(1)
            own = plan_module._through(shape, start, start, stop, transposed)
            return np.array([own.cycles] if own_may_be_made(shape, order, start, transposed) else [])
        found = [np.empty(0)]
        for middle in SPLITS[order](start, stop):
            operands = {True: (start, middle), False: (middle, stop)}
            product = step_of(shape, start, middle, stop, transposed)
            if product is not None:
                vectors = operands[not transposed]
                ends = np.add.outer(lying(*vectors, transposed), either(*operands[transposed])).ravel()
                found.append(product.cycles + ends)
            through = plan_module._through(shape, start, middle, stop, transposed)
            if through is not None:
                found.append(through.cycles + lying(*operands[transposed], transposed))
        return np.concatenate(found)

    def lying(start: int, stop: int, transposed: bool) -> np.ndarray:
        """All costs of a span that lies this way round, by itself or because it is turned."""
        turned = 0.0 if is_weight(start, stop) else moving_cycles(shape.sizes[start] * shape.sizes[stop])
        return np.concatenate([computed(start, stop, transposed), computed(start, stop, not transposed) + turned])

    def either(start: int, stop: int) -> np.ndarray:
        return np.concatenate([computed(start, stop, way) for way in (False, True)])

    def is_weight(start: int, stop: int) -> bool:
        return stop == start + 1 and shape.block(start) is None

    return either(0, shape.n_layers)


@st.composite
def shapes_with_blocks(draw: Any) -> ChainShape:
    """Up to 6 leaves, of which some are blocks of up to 3 affine maps; any sizes and links, a seed at neither end or at one."""
    n = draw(st.integers(1, MOST_LEAVES))
    sizes = draw(st.tuples(*[st.integers(1, 200)] * (n + 1)))
    live = draw(st.tuples(*[st.sampled_from([0.1, 0.5, 1.0])] * (n + 1)))
    binary = draw(st.tuples(*[st.booleans()] * (n + 1)))
    blocks = [draw(block_shapes(sizes[k], sizes[k + 1])) if draw(st.booleans()) else None for k in range(n)]
    ends = [end for end in {0, n - 1} if blocks[end] is None]
    seed = draw(st.sampled_from([None, *ends])) if n > 1 else None
    return ChainShape(sizes, live, binary, draw(st.sampled_from([1, 4, 8, 16])), seed, blocks=tuple(blocks))


@st.composite
def block_shapes(draw: Any, n_in: int, n_out: int) -> BlockShape:
    """Maps one after another, from the block's input to its output."""
    between = [n_in, *draw(st.lists(st.integers(1, 200), max_size=2)), n_out]
    share, last = st.sampled_from([0.5, 1.0]), len(between) - 2
    products = tuple(
        ProductShape((between[k], between[k + 1]), (draw(share), draw(share)), (k == 0, k == last)) for k in range(last + 1)
    )
    return BlockShape(products, draw(st.integers(0, 400)))


@given(shapes_with_blocks(), st.sampled_from(sorted(SPLITS)))
@settings(max_examples=150)
def test_every_planner_finds_the_cheapest_of_all_ways(shape: ChainShape, order: Order) -> None:
    chosen = plan(shape, order)
    assert chosen.cost == pytest.approx(every_cost(shape, order).min(), rel=1e-12)
    assert chosen.cost >= sum(step.cycles for step in chosen.steps) * (1 - 1e-12)


@given(shapes_with_blocks(), st.sampled_from(["auto", *sorted(SPLITS)]))
def test_every_step_takes_what_is_there_and_the_last_gives_the_whole(shape: ChainShape, mode: Any) -> None:
    there = {(k, k + 1) for k in range(shape.n_layers) if shape.block(k) is None}
    for step in plan(shape, mode).steps:
        there -= taken(step)
        assert (step.start, step.stop) not in there
        there.add((step.start, step.stop))
    assert there == {(0, shape.n_layers)}


def taken(step: Step) -> set[tuple[int, int]]:
    """The matrices that a step uses up; a block that rows pass through is none."""
    if step.middle == step.start:
        return set()
    if step.through:
        return {(step.start, step.middle) if step.transposed else (step.middle, step.stop)}
    return {(step.start, step.middle), (step.middle, step.stop)}


def test_the_plans_of_graphs_equal_brute_force() -> None:
    tried = 0
    for seed in range(60):
        net: fj.Network = network_of(graph_named(f"blocks_between_cuts {seed}"))
        shape = product_of(net._runners.chain).shape(lanes(net.dtype))
        if any(shape.blocks) and shape.n_layers <= MOST_LEAVES:
            tried += 1
            for order in SPLITS:
                chosen = net.plan(order)
                assert chosen.cost == pytest.approx(every_cost(shape, order).min(), rel=1e-12), f"{seed}:\n{chosen}"
    assert tried > 20
