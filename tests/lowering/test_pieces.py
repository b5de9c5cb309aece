"""Into how many pieces the steps of a program may be cut."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.contract import SHALLOW
from fastjac.kernels.tables import AFFINE, COLUMNS, CONTRACT, DENSE, ROWS
from fastjac.kernels.target import lanes
from fastjac.lowering.pieces import MEETING_COST, PIECE_COST, Division, division_of


def network(*widths):
    rng = np.random.default_rng(0)
    return fj.Network([layer for n, m in pairwise(widths) for layer in (fj.Affine(rng.standard_normal((m, n))), fj.Tanh())][:-1])


def products(net, mode):
    program = net._runners.get(mode).program
    return [step for step in program.steps if step["operation"] == CONTRACT]


@pytest.mark.parametrize(
    ("widths", "mode", "cut"),
    [
        ((6, 512, 512, 800), "forward", COLUMNS),  # six rows of tangents, and a weight of as many columns as the layer has units
        ((784, 256, 256, 10), "reverse", COLUMNS),
        ((300, 300, 300), "reverse", ROWS),
        ((500, 300, 400), "reverse", ROWS),
    ],
)
def test_a_product_is_cut_with_its_larger_operand(widths, mode, cut):
    steps = products(network(*widths), mode)
    assert {int(step["cut"]) for step in steps} == {cut}
    assert all(step["pieces"] > 1 for step in steps)


def test_rows_that_are_stacked_stay_together():
    stacked = [step for step in products(network(400, 300, 300, 1), "reverse") if step["stacked"]]
    assert stacked
    assert {int(step["cut"]) for step in stacked} == {COLUMNS}


def test_a_piece_is_worth_a_meeting():
    program = network(20, 50, 60, 30).program()
    assert set(program.steps["pieces"]) == set(program.primal["pieces"]) == {1}
    assert program.layout["parts"][0] == 1
    large = network(500, 2000, 100).program()
    assert large.layout["parts"][0] > 1
    affine = large.primal[large.primal["operation"] == AFFINE]
    assert (affine["pieces"] > 1).all()
    assert (affine["n_in"] * affine["n_out"] * 5 >= affine["pieces"] * PIECE_COST).all()


def test_how_many_threads_can_share_the_work_and_what_they_cannot_share():
    move = {"operation": AFFINE, "n_in": 1000, "n_out": 1000, "pieces": 10}
    assert division_of([move], []) == Division(10, round(1000 * MEETING_COST / 5e6))
    assert division_of([move, move | {"pieces": 1}], []) == Division(10, round(500 + 1000 * MEETING_COST / 5e6))
    assert division_of([], []) == Division(1, 0)


def test_columns_that_lie_in_no_panels_are_cut_in_whole_tiles():
    """The weights behind a ReLU are packed for each sample, and so lie row by row."""
    rng = np.random.default_rng(0)
    affines = [fj.Affine(rng.standard_normal(shape)) for shape in ((1024, 784), (1024, 1024), (100, 1024))]
    net = fj.Network([affines[0], fj.ReLU(), affines[1], fj.ReLU(), affines[2]], dtype=np.float32)
    packed = [step for step in products(net, "reverse") if step["columns_live"] >= 0]
    assert packed
    assert all(step["pieces"] <= -(-step["columns"] // lanes(net.dtype)) for step in packed)


@pytest.mark.parametrize("waist", [1, 2, 3, 4])
def test_long_rows_of_few_products_are_cut_by_rows(waist):
    """So that they stay long; the weight lies row by row, as such rows are taken."""
    for n_in, n_out in ((900, 300), (60000, 10)):
        (step,) = products(network(n_in, waist, n_out), "reverse")
        assert (int(step["cut"]) == ROWS) == (waist <= SHALLOW)
        assert (int(step["b_panel"]) == DENSE) == (waist <= SHALLOW)
        assert step["pieces"] >= 5
