"""The model of time: what no machine can beat, and what must not become cheaper."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastjac.planning.cost import (
    FMA_LATENCY,
    PER_CYCLE,
    STEP,
    contraction_cycles,
    lane_cycles,
    moving_cycles,
    packing_cycles,
    scaling_cycles,
    value_cycles,
)

LANES = (1, 2, 4, 8, 16)
extents = st.integers(1, 400)
any_lanes = st.sampled_from(LANES)
any_sizes = st.lists(st.integers(1, 100), min_size=3, max_size=6).map(tuple)


@given(extents, extents, extents, any_lanes)
def test_a_contraction_takes_at_least_its_multiply_adds_at_full_rate(rows, depth, columns, lanes):
    assert contraction_cycles(rows, depth, columns, lanes) >= rows * depth * columns / (PER_CYCLE * lanes) + STEP


@given(extents, extents, extents, any_lanes)
def test_a_contraction_takes_at_least_one_chain_of_dependent_sums(rows, depth, columns, lanes):
    assert contraction_cycles(rows, depth, columns, lanes) >= FMA_LATENCY * depth


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_a_large_contraction_comes_near_the_full_rate(lanes):
    rows, depth, columns = 240, 1000, 16 * lanes
    assert contraction_cycles(rows, depth, columns, lanes) < 1.1 * rows * depth * columns / (PER_CYCLE * lanes)


@given(extents, extents, extents, any_lanes)
def test_a_longer_inner_index_or_another_column_is_never_cheaper(rows, depth, columns, lanes):
    cycles = contraction_cycles(rows, depth, columns, lanes)
    assert cycles < contraction_cycles(rows, depth + 1, columns, lanes)
    assert cycles <= contraction_cycles(rows, depth, columns + 1, lanes)


@given(extents, extents, extents, any_lanes)
def test_twice_as_many_rows_are_never_cheaper(rows, depth, columns, lanes):
    """One more row can be: tiles of 5 rows may be wider than those of 6, and fit better."""
    assert contraction_cycles(rows, depth, columns, lanes) <= contraction_cycles(2 * rows, depth, columns, lanes)


@given(extents, extents, extents, st.sampled_from(LANES[1:]))
def test_a_column_costs_nothing_where_its_vector_is_not_full(rows, depth, vectors, lanes):
    first, full = lanes * (vectors - 1) + 1, lanes * vectors
    assert contraction_cycles(rows, depth, first, lanes) == contraction_cycles(rows, depth, full, lanes)


@given(extents, st.floats(0, 1), extents, any_lanes)
def test_cycles_grow_in_proportion_to_the_live_units(rows, live, columns, lanes):
    dense, sparse, none = (contraction_cycles(rows, share * 100, columns, lanes) for share in (1.0, live, 0.0))
    assert none <= sparse <= dense
    assert sparse - none == pytest.approx(live * (dense - none), rel=1e-9, abs=1e-6)
    assert none > STEP


@given(extents, extents, any_lanes)
def test_moving_scaling_and_packing_cost_more_for_more(rows, columns, lanes):
    assert moving_cycles(0) == scaling_cycles(0, lanes) == STEP
    assert STEP < moving_cycles(rows) < moving_cycles(rows + 1)
    assert STEP < scaling_cycles(rows, lanes) < scaling_cycles(rows + 1, lanes)
    packing = packing_cycles(rows, columns, lanes)
    assert STEP < packing < packing_cycles(rows + 1, columns, lanes)
    assert packing < packing_cycles(rows, columns + lanes, lanes)
    assert packing <= packing_cycles(rows, columns + 1, lanes)


@given(any_sizes, any_lanes)
def test_values_take_at_least_their_multiply_adds_at_full_rate(sizes, lanes):
    least = sum(n_in * n_out for n_in, n_out in pairwise(sizes)) / (PER_CYCLE * lanes)
    assert value_cycles(sizes, lanes) >= least
    assert lane_cycles(sizes, True, lanes)[0] >= least


@given(any_sizes, any_lanes)
def test_along_the_lanes_every_row_meets_every_weight_but_the_first(sizes, lanes):
    pushed = sizes[0] * sum(n_in * n_out for n_in, n_out in list(pairwise(sizes))[1:])
    assert lane_cycles(sizes, True, lanes)[1] >= pushed / (PER_CYCLE * lanes)


@given(any_sizes, any_lanes)
def test_to_push_along_the_lanes_costs_what_to_pull_through_the_mirrored_network_does(sizes, lanes):
    pushed, pulled = lane_cycles(sizes, True, lanes)[1], lane_cycles(sizes[::-1], False, lanes)[1]
    assert pushed == pytest.approx(pulled, rel=1e-12)
