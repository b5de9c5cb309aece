"""Blocks and their edges: sums over them, from either end, are the Jacobian."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.layers import Affine, Multiply
from fastjac.planning.block import Block, BlockStep, Pair, Selection, Slopes, Stack, Sum, Units, selected
from fastjac.planning.cuts import items_of
from fastjac.planning.operators import Diagonal
from tests.graph_families import graph_named
from tests.naive_block import matrix_of, values_of

TANH, RELU = Diagonal((fj.Tanh(),), 3), Diagonal((fj.ReLU(),), 3)
WEIGHT = Affine(np.arange(9.0).reshape(3, 3))


def block_of(*steps):
    """The block of size 3 of operators and the values that each takes."""
    return Block(tuple(BlockStep(operator, operands) for operator, *operands in steps), 3)


def edges(block):
    return [(edge.source, edge.target, edge.map) for edge in block.edges]


def test_sizes():
    block = block_of((WEIGHT, 0), (Stack(6), 0, 1), (Selection((0, 5)), 2))
    assert (block.sizes, block.n_in, block.n_out) == ((3, 3, 6, 2), 3, 2)


def test_edges_of_parts():
    block = block_of((Stack(6), 0, 0), (Selection((0, 5)), 1), (Selection((2, 3)), 1), (Stack(4), 2, 3))
    assert edges(block) == [
        (0, 1, Units(0, 0, 3)),
        (0, 1, Units(0, 3, 3)),
        (1, 2, Units(0, 0, 2, (0, 5))),
        (1, 3, Units(2, 0, 2)),
        (2, 4, Units(0, 0, 2)),
        (3, 4, Units(0, 2, 2)),
    ]


def test_what_is_only_added_to_a_sum_has_no_edges_of_its_own():
    block = block_of((WEIGHT, 0), (Sum(3), 0, 1), (TANH, 2))
    assert [(source, target) for source, target, _ in edges(block)] == [(0, 2), (0, 2), (2, 3)]
    assert {target for _, target, map_ in edges(block) if map_ is WEIGHT} == {2}


def test_a_sum_of_sums_is_one():
    block = block_of((WEIGHT, 0), (Sum(3), 0, 1), (RELU, 0), (Sum(3), 2, 3))
    assert {target for _, target, _ in edges(block)} == {4}


def test_what_is_read_elsewhere_too_keeps_its_edges():
    block = block_of((WEIGHT, 0), (Sum(3), 0, 1), (Pair(Multiply(), 3), 2, 1))
    assert (0, 1, WEIGHT) in edges(block)
    assert [map_.operand for *_, map_ in edges(block) if isinstance(map_, Slopes)] == [0, 1]


def test_a_selection_of_units_that_follow_one_another_is_a_run():
    assert selected((4, 5, 6)) == Units(4, 0, 3)
    assert selected((4, 5, 5)) == Units(0, 0, 3, (4, 5, 5))
    assert selected((2,)) == Units(2, 0, 1)


@pytest.mark.parametrize("name", [f"random {seed}" for seed in range(12)])
def test_sums_over_edges_are_the_jacobian_from_either_end(name):
    blocks = [item for item in items_of(graph_named(name), np.dtype(np.float64)) if isinstance(item, Block)]
    assert blocks, "a graph without a block tests nothing"
    for block in blocks:
        x = np.random.default_rng(0).standard_normal(block.n_in)
        values = values_of(block, x)
        found = [(edge.source, edge.target, matrix_of(block, edge, values)) for edge in block.edges]
        tangents, cotangents = {0: np.eye(block.n_in)}, {len(block.steps): np.eye(block.n_out)}
        for source, target, matrix in found:
            tangents[target] = tangents.get(target, 0.0) + matrix @ tangents[source]
        for source, target, matrix in reversed(found):
            cotangents[source] = cotangents.get(source, 0.0) + cotangents[target] @ matrix
        step = 1e-6
        differences = [values_of(block, x + step * e)[-1] - values_of(block, x - step * e)[-1] for e in np.eye(block.n_in)]
        size = max(1.0, np.abs(cotangents[0]).max())
        np.testing.assert_allclose(tangents[len(block.steps)], cotangents[0], rtol=1e-10, atol=1e-10 * size)
        np.testing.assert_allclose(np.transpose(differences) / (2 * step), cotangents[0], rtol=1e-4, atol=1e-4 * size)
