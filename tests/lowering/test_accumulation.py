"""Lowering of plans: every bracketing, every orientation, with dead units dropped and kept, computes the same J."""

from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest

from fastjac import LayerNorm, LogSoftmax, Network, ReLU, ReLU6, Residual, Softmax, Tanh
from fastjac.kernels.tables import CONTRACT, DENSE, JACOBIAN, OUT, PACK
from fastjac.kernels.target import lanes
from fastjac.layers import Affine
from fastjac.lowering.program import lower
from fastjac.planning import chain, contractions
from fastjac.planning.chain import chain_of
from fastjac.planning.contractions import StepTable
from fastjac.planning.plan import plan as make_plan
from fastjac.planning.product import Wanted, product_of
from fastjac.planning.steps import Plan, Split
from fastjac.running.batch import Runner

from .. import naive

SIZES = (5, 9, 3, 17, 2, 7)
LINKS = {
    "relu": [[ReLU()]],
    "tanh": [[Tanh()]],
    "relu and tanh by turns": [[ReLU()], [Tanh()]],
    "tanh and relu by turns": [[Tanh()], [ReLU()]],
    "two diagonals": [[Tanh(), ReLU()]],
    "two binary diagonals": [[ReLU(), ReLU6()]],
    "normalizer": [[Softmax()]],
    "relu and normalizer by turns": [[ReLU()], [Softmax()]],
    "normalizer between diagonals": [[Tanh(), LayerNorm(eps=1e-2), ReLU6()]],
    "two normalizers": [[LayerNorm(), LogSoftmax()]],
    "relu and nothing": [[], [ReLU()], [ReLU()], []],
    "nothing": [[]],
}
"""Layers at the boundaries, both ends included: those of each boundary in turn, and again from the first."""


def all_bracketings(start, stop):
    """Every way to multiply the span, as lists of splits."""
    if stop == start + 1:
        return [[]]
    return [
        [*left, *right, (start, middle, stop)]
        for middle in range(start + 1, stop)
        for left in all_bracketings(start, middle)
        for right in all_bracketings(middle, stop)
    ]


REVERSE, FORWARD = all_bracketings(0, 3)


@cache
def layers_with(link, sizes):
    """A network of these sizes with the link's layers at its boundaries; a boundary of one unit has none."""
    rng = np.random.default_rng(11)

    def layers_at(k):
        return LINKS[link][k % len(LINKS[link])] if sizes[k] > 1 else []

    layers = [*layers_at(0)]
    for k, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        # Most units live, so that no sample's Jacobian is 0 behind a narrow boundary.
        bias = rng.standard_normal(n_out) + 0.5
        layers += [Affine(rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), bias), *layers_at(k)]
    return tuple(layers)


@cache
def inputs_of(n):
    return np.random.default_rng(4).standard_normal((3, n)) + 0.5


@cache
def expected_of(link, sizes):
    """The Jacobians and values of `layers_with(link, sizes)` at `inputs_of(sizes[0])`."""
    layers, x = layers_with(link, sizes), inputs_of(sizes[0])
    jacobian = naive.jacobian(layers, x)
    assert jacobian.any(axis=(1, 2)).all(), "a Jacobian of nothing but zeros shows nothing"
    return jacobian, naive.value(layers, x)


@pytest.fixture(params=[False, True], ids=["dead units kept", "dead units dropped"])
def drops(request, monkeypatch):
    """Whether dead units are dropped wherever they can be, or nowhere."""
    monkeypatch.setattr(contractions, "PACK_ROWS", 1 if request.param else np.inf)
    return request.param


@pytest.fixture(autouse=True)
def _nothing_is_folded(monkeypatch):
    """Affine layers side by side stay apart, so that they are contracted as planned."""
    monkeypatch.setattr(chain, "_is_cheaper_folded", lambda first, second: False)


def lowered(link, sizes, splits, orientations):
    """The program for the chain, by a plan of these splits, each computed this way round."""
    network_chain = chain_of(layers_with(link, sizes), sizes[0], np.dtype(np.float64))
    whole = product_of(network_chain)
    shape = whole.shape(lanes(np.dtype(np.float64)))
    chosen = [Split(*split, way) for split, way in zip(splits, orientations, strict=True)]
    steps = map(StepTable(shape).step, chosen)
    return lower(network_chain, [(whole, Plan(shape, "mixed", "mixed", tuple(steps), 0.0))])


def assert_correct(program, link, sizes):
    """The program computes values and Jacobians of the chain it was lowered from."""
    jacobian, value = expected_of(link, sizes)
    y, out = np.full_like(value, np.nan), np.full_like(jacobian, np.nan)
    Runner(program, 1.0)(inputs_of(sizes[0]), np.empty((0, 0)), y, out, 1)
    scale = np.abs(jacobian).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(out / scale, jacobian / scale, atol=1e-13)
    np.testing.assert_allclose(y, value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("splits", all_bracketings(0, len(SIZES) - 1), ids=str)
def test_every_bracketing_in_every_orientation_with_every_link_gives_the_same_jacobian(link, splits, drops):
    for orientations in product((False, True), repeat=len(splits)):
        assert_correct(lowered(link, SIZES, splits, orientations), link, SIZES)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("n_out", [1, 2, 17, 300])
@pytest.mark.parametrize("n_in", [1, 2, 17, 300])
@pytest.mark.parametrize("link", ["relu", "relu and normalizer by turns", "tanh"])
def test_a_result_of_any_shape_computed_either_way_round(link, n_in, n_out, transposed, drops):
    sizes = (n_in, 13, 40, n_out)
    for splits in all_bracketings(0, 3):
        for first in (False, True):
            assert_correct(lowered(link, sizes, splits, (first, transposed)), link, sizes)


def test_a_transposed_product_is_turned_round_piece_by_piece_as_it_is_stored():
    program = lowered("nothing", (300, 40, 13, 300), [(0, 1, 2), (0, 2, 3)], (True, True))
    first, last = program.steps
    assert first["turned"] == DENSE
    assert (last["operation"], last["c_place"]) == (CONTRACT, OUT)
    assert last["turned"] != DENSE
    layout = program.layout[0]
    assert (layout["work_size"] - layout["own"]) / layout["group"] < 300 * 300 / 2


@pytest.mark.parametrize("splits", [REVERSE, FORWARD], ids=["reverse", "forward"])
def test_a_step_that_drops_units_packs_its_weight_and_any_other_reads_it_in_place(splits, drops):
    program = lowered("relu and nothing", SIZES[:4], splits, (False, False))
    assert [step["operation"] for step in program.steps] == [PACK, CONTRACT, CONTRACT][not drops :]


@pytest.mark.parametrize(
    ("splits", "transposed", "stored"), [(FORWARD, True, 4), (FORWARD, False, 6), (REVERSE, True, 5), (REVERSE, False, 6)]
)
def test_a_program_stores_each_weight_only_in_the_orientations_it_reads(splits, transposed, stored, monkeypatch):
    """The primal sweep reads the three weights transposed, in panels; products read these, other panels, or rows."""
    monkeypatch.setattr(contractions, "PACK_ROWS", np.inf)
    program = lowered("relu and nothing", (64,) * 4, splits, (transposed,) * 2)
    assert program.parameters.size // 64**2 == stored


@pytest.mark.parametrize("k", [None, 1, 4])
@pytest.mark.parametrize("link", ["tanh", "relu", "relu and nothing", "normalizer"])
def test_no_step_is_stacked_that_the_plan_calls_alone(link, k):
    for sizes in ((2, 13, 40, 3), (3, 3, 3, 3), (1, 20, 30, 1)):
        network_chain = chain_of(layers_with(link, sizes), sizes[0], np.dtype(np.float64))
        for seed in (None,) if k is None else ("tangents", "cotangents"):
            whole = product_of(network_chain, Wanted(seed=seed, width=k or 0))
            order = make_plan(whole.shape(lanes(np.dtype(np.float64))))
            contractions = [step for step in lower(network_chain, [(whole, order)]).steps if step["operation"] == CONTRACT]
            assert all(step.stacked or not made["stacked"] for made, step in zip(contractions, order.steps, strict=True))


def test_few_rows_behind_smooth_links_are_stacked():
    network_chain = chain_of(layers_with("tanh", (7, 13, 40, 3))[1:-1], 7, np.dtype(np.float64))
    whole = product_of(network_chain)
    order = make_plan(whole.shape(lanes(np.dtype(np.float64))), "reverse")
    assert [step.stacked for step in order.steps] == [True, True]
    steps = lower(network_chain, [(whole, order)]).steps
    assert all(step["stacked"] for step in steps if step["operation"] == CONTRACT)


NORMALIZED = {
    "weight": [Affine(np.ones((40, 12))), Softmax()],
    "slopes of a weight": [Affine(np.ones((40, 12))), Tanh(), Softmax()],
    "product": [Affine(np.ones((60, 12))), Tanh(), Affine(np.ones((40, 60))), Softmax()],
    "slopes of a product": [Affine(np.ones((60, 12))), Tanh(), Affine(np.ones((40, 60))), Tanh(), LayerNorm()],
    "block": [Affine(np.ones((40, 12))), Residual([Affine(np.ones((40, 40))), Tanh()]), Softmax()],
}


def steps_of_jacobian(net, mode):
    program = net.program(mode)
    layout = program.layout[JACOBIAN]
    return program.steps[layout["first_step"] : layout["last_step"]]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", NORMALIZED)
def test_a_normalizer_along_rows_writes_another_matrix_than_it_reads(name, mode):
    *_, last = steps_of_jacobian(Network(NORMALIZED[name], dtype=np.float32), mode)
    assert last["rank"]
    assert not last["units_on_columns"]
    assert last["c_place"] == OUT
    assert last["a_place"] != OUT


@pytest.mark.parametrize(("columns", "rows"), [(1, 193), (1, 12), (40, 193)])
@pytest.mark.parametrize("hidden", [[], [Affine(np.ones((5, 5))), Tanh()]])
def test_a_normalizer_takes_few_long_columns_one_by_one(columns, rows, hidden):
    layers = [*(hidden and [Affine(np.ones((5, columns)))]), *hidden, Affine(np.ones((rows, 5 if hidden else columns)))]
    (apply,) = (step for step in steps_of_jacobian(Network([*layers, LayerNorm()]), "forward") if step["rank"])
    assert bool(apply["units_on_columns"]) == (rows > 16 * columns)
