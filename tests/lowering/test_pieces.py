"""Into how many pieces the steps of a program may be cut."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.tables import AFFINE, COLUMNS, CONTRACT, ROWS
from fastjac.lowering.pieces import MEETING_COST, PIECE_COST, parts_of


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


def test_how_much_faster_threads_can_be():
    """By Amdahl's law, with a meeting behind each step."""
    move = {"operation": AFFINE, "n_in": 1000, "n_out": 1000, "pieces": 10}
    assert parts_of([move], []) == int(5e6 / (5e5 + MEETING_COST))
    assert parts_of([move, move | {"pieces": 1}], []) == 1
    assert parts_of([], []) == 1
