"""The planner against brute force for chains with blocks, and what stays undone beside a block."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastjac.kernels.target import lanes
from fastjac.planning.cost import PACK_ROWS, moving_cycles
from fastjac.planning.plan import ORDERS, plan
from fastjac.planning.product import product_of
from fastjac.planning.steps import BlockShape, ChainShape, ProductShape
from tests.graph_by_nodes import network_of
from tests.graph_families import graph_named
from tests.single_steps import contraction, passage

DENSE_ENDS = (False, False)


def residual(size, inner, ends=DENSE_ENDS):
    """A block of two products that are not at both ends."""
    products = (
        ProductShape((size, inner), (1.0, 1.0), (True, False)),
        ProductShape((inner, size), (1.0, 1.0), (False, True)),
    )
    return BlockShape(products, size, ends)


@st.composite
def shapes(draw):
    """Chains of 1 to 6 layers and blocks, at least one block among them."""
    n = draw(st.integers(1, 6))
    sizes = draw(st.tuples(*[st.integers(1, 100)] * (n + 1)))
    inner = draw(st.tuples(*[st.sampled_from([None, 3, 50, 400])] * n).filter(any))
    ends = st.tuples(st.booleans(), st.booleans())
    blocks = tuple(size and residual(sizes[k], size, draw(ends)) for k, size in enumerate(inner))
    live = draw(st.tuples(*[st.sampled_from([0.5, 1.0])] * (n + 1)))
    binary = draw(st.tuples(*[st.booleans()] * (n + 1)))
    seed = draw(st.sampled_from([None, *(k for k in {0, n - 1} if blocks[k] is None)]))
    return ChainShape(sizes, live, binary, 8, seed, blocks=blocks)


def cheapest(shape):
    """The least cost of any bracketing, by trying all of them.

    A block is passed through by what is made on one side of it, or its own Jacobian is made, of tangents or of cotangents.
    """

    @cache
    def made(start, stop, way):
        """All costs of having a span lie one way, without turning it round."""
        if stop == start + 1:
            own = passage(shape, start, start, stop, way)
            return np.array([own.cycles if own else 0.0])
        found = [np.empty(0)]
        for middle in range(start + 1, stop):
            step = contraction(shape, start, middle, stop, way)
            left, right = (turned if way else either)(middle, stop, way), (either if way else turned)(start, middle, way)
            found.append(step.cycles + np.add.outer(left, right).ravel())
            passed = passage(shape, start, middle, stop, way)
            if passed:
                found.append(passed.cycles + turned(*((start, middle) if way else (middle, stop)), way))
        return np.concatenate(found)

    def turned(start, stop, way):
        """All costs of having it lie this way, if need be turned round."""
        moving = moving_cycles(shape.sizes[start] * shape.sizes[stop])
        return np.concatenate([made(start, stop, way), made(start, stop, not way) + moving])

    def either(start, stop, _):
        return np.concatenate([made(start, stop, False), made(start, stop, True)])

    return either(0, shape.n_layers, None).min()


@given(shapes())
@settings(max_examples=60, deadline=None)
def test_the_mixed_plan_is_the_cheapest_of_all(shape):
    assert plan(shape, "mixed").cost == pytest.approx(cheapest(shape), rel=1e-12)


def test_the_mixed_plans_of_graphs_are_the_cheapest_of_all():
    tried = 0
    for seed in range(60):
        net = network_of(graph_named(f"blocks_between_cuts {seed}"))
        shape = product_of(net._runners.chain).shape(lanes(net.dtype))
        if any(shape.blocks) and shape.n_layers <= 6:
            tried += 1
            assert net.plan("mixed").cost == pytest.approx(cheapest(shape), rel=1e-12), f"{seed}:\n{net.plan('mixed')}"
    assert tried > 20


@given(shapes(), st.sampled_from(sorted(ORDERS)))
def test_every_step_takes_what_is_there_and_the_last_gives_the_whole(shape, mode):
    there = {(k, k + 1) for k in range(shape.n_layers) if shape.block(k) is None}
    for step in plan(shape, mode).steps:
        operands = {(step.start, step.middle), (step.middle, step.stop)}
        if step.through:
            # A block that rows pass through is no matrix, and its own Jacobian is made of none.
            operands = {(step.start, step.middle) if step.transposed else (step.middle, step.stop)}
        assert step.middle == step.start or operands <= there
        there = there - operands | {(step.start, step.stop)}
    assert there == {(0, shape.n_layers)}


@given(shapes(), st.sampled_from(["forward", "reverse"]))
def test_a_pure_order_makes_no_jacobian_of_a_block_but_the_first(shape, mode):
    for number, step in enumerate(plan(shape, mode).steps):
        assert step.start == 0 if mode == "forward" else step.stop == shape.n_layers
        assert step.middle > step.start or number == 0


@given(shapes(), st.sampled_from(sorted(ORDERS)))
def test_only_a_weight_is_packed_or_met_by_a_stack(shape, mode):
    for step in plan(shape, mode).steps:
        weights = [k for k in (step.start, step.stop - 1) if shape.block(k) is None]
        assert weights or not (step.drops or (step.stacked and not step.through))


@pytest.mark.parametrize("ends", [(False, False), (True, False), (False, True), (True, True)])
def test_units_are_dropped_before_a_block_only_if_weights_alone_read_them(ends):
    n = PACK_ROWS
    block = residual(n, 400, ends)
    forward = ChainShape((n,) * 4, (0.5,) * 4, (True,) * 4, 16, blocks=(None, None, block))
    backward = ChainShape((n,) * 4, (0.5,) * 4, (True,) * 4, 16, blocks=(block, None, None))
    assert contraction(forward, 0, 1, 2, True).drops == ends[0]
    assert contraction(backward, 1, 2, 3, False).drops == ends[1]


def test_the_jacobian_of_a_block_is_no_weight():
    n = PACK_ROWS
    for blocks in ((None, residual(n, 400), None), (None, None, None)):
        shape = ChainShape((n,) * 4, (0.5,) * 4, (True,) * 4, 16, blocks=blocks)
        # The boundary behind it, or before it, has dead units, of which only a weight's can be left out.
        steps = contraction(shape, 0, 1, 2, True), contraction(shape, 1, 2, 3, False)
        assert [step.drops for step in steps] == [blocks[1] is None] * 2


@settings(deadline=None, max_examples=60)
@given(shapes())
def test_a_pure_order_passes_blocks_one_way_alone(shape):
    for mode, pushes in (("forward", True), ("reverse", False)):
        assert all(step.transposed == pushes for step in plan(shape, mode).steps if step.through)
