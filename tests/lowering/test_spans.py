"""What lowering reads off a plan: where links are applied, which operand takes them, and where samples may be stacked."""

from dataclasses import replace

import numpy as np
import pytest

from fastjac import Affine, ReLU, Tanh
from fastjac.kernels.tables import WORK
from fastjac.lowering.matrix import Matrix
from fastjac.lowering.spans import can_unite, end_spans, link_goes_right
from fastjac.planning.chain import chain_of
from fastjac.planning.plan import plan
from fastjac.planning.product import product_of
from fastjac.planning.steps import Step

SMOOTH = (Tanh(),)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def product(sizes, first=(), inner=SMOOTH, last=(), weights=None):
    """A chain of these sizes whose weights are ones, but for those that are given by their number."""
    layers = [*first]
    for k in range(len(sizes) - 1):
        layers += [Affine((weights or {}).get(k, np.ones((sizes[k + 1], sizes[k])))), *(inner if k < len(sizes) - 2 else last)]
    return product_of(chain_of(tuple(layers), sizes[0], FLOAT64))


def plan_of(made, mode):
    return plan(made.shape(lanes=8), mode)


def test_the_ends_are_applied_to_the_smallest_matrix_that_reaches_them():
    both = {"first": [Tanh()], "last": [Tanh()]}
    wide, narrow, plain = product((30, 40, 5, 50), **both), product((6, 40, 20, 9), **both), product((6, 40, 9))
    assert end_spans(wide, plan_of(wide, "reverse")) == {(2, 3): [True], (0, 1): [False]}
    assert end_spans(narrow, plan_of(narrow, "reverse")) == {(0, 3): [True, False]}
    assert end_spans(plain, plan_of(plain, "reverse")) == {}


@pytest.mark.parametrize("transposed", [False, True])
def test_a_link_is_applied_to_what_is_accumulated_or_else_to_the_smaller(transposed):
    small, large = Matrix(4, 9, WORK, 0, 16, 1), Matrix(9, 7, WORK, 0, 16, 1)
    assert link_goes_right(None, large, transposed)
    assert not link_goes_right(small, None, transposed)
    assert not link_goes_right(small, large, transposed)
    assert link_goes_right(large, Matrix(7, 4, WORK, 0, 16, 1), transposed)
    assert link_goes_right(None, None, transposed) == transposed


REVERSE = Step(1, 2, 3, transposed=False, drops=False, stacked=True, multiply_adds=0.0, cycles=0.0)
FORWARD = Step(0, 1, 2, transposed=True, drops=False, stacked=True, multiply_adds=0.0, cycles=0.0)


@pytest.mark.parametrize(("step", "read"), [(REVERSE, {1, 2}), (FORWARD, {0, 1})])
def test_a_union_needs_finite_weights_on_both_sides(step, read):
    sizes = (3, 4, 5, 2)
    assert can_unite(product(sizes, inner=[ReLU()]), step, None, FLOAT32)
    for k in range(3):
        for bad, dtype in ((np.inf, FLOAT64), (np.nan, FLOAT64), (1e300, FLOAT32)):
            made = product(sizes, inner=[ReLU()], weights={k: np.full((sizes[k + 1], sizes[k]), bad)})
            assert can_unite(made, step, None, dtype) == (k not in read)
            assert can_unite(made, step, None, FLOAT64) == (k not in read or bad == 1e300)


@pytest.mark.parametrize(("step", "replaced", "shape"), [(REVERSE, 2, (2, 5)), (FORWARD, 0, (4, 3))])
def test_a_union_needs_all_units_of_what_is_made_side_by_side(step, replaced, shape):
    """The weight that the made operand stands for is not read."""
    made = product((3, 4, 5, 2), inner=[ReLU()], weights={replaced: np.full(shape, np.inf)})
    along = Matrix(2, 5, WORK, 0, 1, 8) if step.transposed else Matrix(2, 5, WORK, 0, 8, 1)
    assert can_unite(made, step, along, FLOAT64)
    assert not can_unite(made, step, replace(along, packed=True), FLOAT64)
    assert not can_unite(made, step, along.transpose, FLOAT64)
