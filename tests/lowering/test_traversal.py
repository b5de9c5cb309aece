"""What rows meet in a block, from either end."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.layers import Affine, Multiply
from fastjac.lowering.traversal import Traversal
from fastjac.planning.block import Block, BlockStep, Pair, Selection, Slopes, Stack, Sum, Units
from fastjac.planning.cost import PACK_ROWS
from fastjac.planning.operators import Diagonal

FIRST, LAST = Affine(np.zeros((5, 3))), Affine(np.zeros((3, 5)))
RELU, TANH = Diagonal((fj.ReLU(),), 5), Diagonal((fj.Tanh(),), 5)
RESIDUAL = ((FIRST, 0), (RELU, 1), (LAST, 2), (Sum(3), 0, 3))


def traversal(steps, forward, rows=PACK_ROWS):
    """Rows through the block of size 3 of operators and the values that each takes."""
    block = Block(tuple(BlockStep(operator, operands) for operator, *operands in steps), 3)
    return Traversal(block.edges, block.sizes, forward, rows)


def test_terms_from_either_end():
    # Value 3 is only a part of the sum, which has no rows of its own.
    forward, backward = traversal(RESIDUAL, True), traversal(RESIDUAL, False)
    assert [[term.source for term in terms] for terms in forward.terms] == [[], [0], [1], [], [2, 0]]
    assert [[term.source for term in terms] for terms in backward.terms] == [[1, 4], [2], [4], [], []]
    assert forward.order == backward.order[::-1] == [0, 1, 2, 3, 4]


def test_a_product_is_added_to_columns_and_slopes_to_a_product():
    way = traversal([(FIRST, 0), (TANH, 1), (LAST, 2), (Diagonal((fj.Tanh(),), 3), 0), (Sum(3), 4, 3, 0)], True)
    assert [type(term.map) for term in way.in_order(5)] == [Units, Affine, Slopes]
    assert not way.ends_in_product(5)
    assert traversal(RESIDUAL, True).ends_in_product(4)


def test_a_partition_has_its_columns_one_beside_another():
    parts = [(Selection((0,)), 0), (Selection((1, 2)), 0), (Stack(3), 1, 2)]
    assert traversal(parts, True).is_partition(3)
    assert traversal(parts, False).is_partition(0)
    assert not traversal([*parts[:2], (Stack(3), 2, 1), (Sum(3), 3, 0)], False).is_partition(0)


def test_slopes_and_normalizers_change_rows_where_they_lie():
    assert traversal(RESIDUAL, True).last_in_place(1) == 2
    assert traversal(RESIDUAL, True).last_in_place(0) == 0
    assert traversal([(FIRST, 0), (TANH, 1), (Pair(Multiply(), 5), 2, 1)], True).last_in_place(1) == 1


@pytest.mark.parametrize(("rows", "keeps"), [(PACK_ROWS, True), (PACK_ROWS - 1, False)])
def test_live_units_alone_are_made_for_many_rows_that_only_weights_read(rows, keeps):
    assert (traversal(RESIDUAL, True, rows).kept(1, FIRST) is RELU) == keeps
    smooth = [(FIRST, 0), (TANH, 1), *RESIDUAL[2:]]
    assert traversal(smooth, True, rows).kept(1, FIRST) is None
    read_by_a_join = [*RESIDUAL[:2], (Pair(Multiply(), 5), 2, 2), (LAST, 3)]
    assert traversal(read_by_a_join, True, rows).kept(1, FIRST) is None


@pytest.mark.parametrize(("rows", "skips"), [(1, False), (2, True)])
def test_a_single_row_does_not_skip_dead_units(rows, skips):
    assert traversal(RESIDUAL, True, rows).skips(2, Slopes(RELU, sparse=True)) == skips
    assert traversal([(FIRST, 0), (LAST, 1)], True, rows).reads_weights_alone() == skips
    assert not traversal(RESIDUAL, True, rows).reads_weights_alone()
