"""Rows pushed and pulled through blocks: every way equals the naive twin, and what needs no step has none."""

from collections import Counter

import numpy as np
import pytest

import fastjac as fj
from fastjac.graphs.conversion import graph_of
from fastjac.graphs.graph import Graph
from fastjac.graphs.nodes import maximum
from fastjac.kernels.tables import APPLY, CLEAR, CONTRACT, COPY, DENSE, PACK, SUM
from fastjac.lowering.program import lower
from fastjac.planning.cuts import chain_of_graph
from fastjac.planning.plan import plan
from fastjac.planning.product import Wanted, product_of
from fastjac.running.runners import Runners
from tests import naive_graph

FLOAT64 = np.dtype(np.float64)
NAMES = {CONTRACT: "contract", COPY: "copy", PACK: "pack", APPLY: "apply", CLEAR: "clear", SUM: "sum"}
MODES = ("forward", "reverse", "mixed")


def affine(n_out, n_in, seed=0):
    return fj.Affine(np.random.default_rng([seed, n_out, n_in]).standard_normal((n_out, n_in)) / np.sqrt(n_in))


def graph(size, function):
    """The graph of a function of one Input."""
    x = fj.Input(size)
    return graph_of(x, function(x))


def residual(x, inner=9, activation=None, seed=0):
    """`x + V f(W x)`."""
    hidden = affine(inner, x.size, seed)(x)
    return x + affine(x.size, inner, seed)((activation or fj.Tanh())(hidden))


def table(graph: Graph, mode, wanted=None):
    """The program of a graph's Jacobian, or of another product."""
    chain = chain_of_graph(graph, FLOAT64)
    product = product_of(chain, wanted or Wanted())
    return lower(chain, [(product, plan(product.shape(8), mode))])


def counts(graph: Graph, mode, wanted=None):
    """How many steps of each kind there are."""
    return Counter(NAMES[operation] for operation in table(graph, mode, wanted).steps["operation"].tolist())


def assert_equals_naive_twin(graph: Graph, samples=5):
    net_in, net_out = sum(graph.input_sizes), sum(graph.output_sizes)
    x = np.random.default_rng(1).standard_normal((samples, net_in))
    expected, runners = naive_graph.jacobian(graph, x), Runners(graph, FLOAT64)
    for mode in MODES:
        y, out = np.empty((samples, net_out)), np.full((samples, net_out, net_in), np.nan)
        runners.get(mode)(x, np.empty((0, 0)), y, out)
        np.testing.assert_allclose(out, expected, rtol=1e-11, atol=1e-11 * np.abs(expected).max())
        np.testing.assert_allclose(y, naive_graph.value(graph, x), rtol=1e-11, atol=1e-11)


class TestSteps:
    @pytest.mark.parametrize(("seed", "mode"), [("tangents", "forward"), ("cotangents", "reverse")])
    def test_a_residual_sum_has_none_of_its_own(self, seed, mode):
        """A product starts from what it is added to, and slopes are multiplied as a product is stored."""
        two, wanted = graph(6, lambda x: residual(residual(x), seed=1)), Wanted(seed=seed, width=3)
        # The caller's seed is copied to the workspace, and what the last product makes to the caller's result.
        assert counts(two, mode, wanted) == {"contract": 4, "copy": 2}
        steps = table(two, mode, wanted).steps
        products = steps[steps["operation"] == CONTRACT]
        assert (products["start_place"] != DENSE).tolist() == [False, True] * 2
        assert (products["state"] != DENSE).tolist() == [True, False] * 2

    def test_the_first_product_of_an_identity_is_the_weight(self):
        one = graph(6, residual)
        assert counts(one, "forward")["contract"] == counts(one, "reverse")["contract"] == 1

    def test_columns_of_a_concatenation_are_written_where_they_lie(self):
        heads = graph(5, lambda x: fj.concatenate([fj.Tanh()(affine(4, 5)(x)), affine(3, 9)(fj.Tanh()(affine(9, 5, 1)(x)))]))
        # Tangents are turned round before the block and behind it.
        assert counts(heads, "forward", Wanted(seed="tangents", width=2)) == {"contract": 3, "copy": 2}

    def test_columns_of_a_slice_are_read_and_written_where_they_lie(self):
        halves = graph(8, lambda x: affine(4, 3)(fj.Tanh()(x[:3])) + affine(4, 5)(fj.Tanh()(x[3:])))
        assert counts(halves, "reverse", Wanted(seed="cotangents", width=2)) == {"contract": 2}

    def test_live_units_are_packed_for_many_rows_and_skipped_for_few(self):
        wide = graph(40, lambda x: residual(x, 200, fj.ReLU()))
        narrow = graph(4, lambda x: residual(x, 200, fj.ReLU()))
        assert counts(wide, "forward", Wanted(seed="tangents", width=24))["pack"] == 1
        assert counts(narrow, "forward", Wanted(seed="tangents", width=4))["pack"] == 0
        steps = table(narrow, "forward", Wanted(seed="tangents", width=4)).steps
        assert np.count_nonzero(steps["live"][steps["operation"] == CONTRACT] != DENSE) == 1

    @pytest.mark.parametrize(("width", "weight", "n_lists"), [(1, 1.0, 0), (4, 1.0, 1), (5, 1.0, 2), (5, np.inf, 1)])
    def test_units_that_a_factor_closes_are_skipped_where_no_weight_is_infinite(self, width, weight, n_lists):
        """The units of the ReLU itself are skipped for fewer rows; a single row goes over all, with those of other samples."""
        out = fj.Affine(np.full((3, 50), weight))
        gated = graph(6, lambda x: out(fj.ReLU()(affine(50, 6)(x)) * affine(50, 6, 1)(x)))
        steps = table(gated, "reverse", Wanted(seed="cotangents", width=width)).steps
        assert np.count_nonzero(steps["live"][steps["operation"] == CONTRACT] != DENSE) == n_lists

    @pytest.mark.parametrize(("width", "stacks"), [(1, True), (4, True), (5, False)])
    def test_few_rows_of_many_samples_are_stacked(self, width, stacks):
        steps = table(graph(6, residual), "reverse", Wanted(seed="cotangents", width=width)).steps
        # The first product reads the caller's seed, in which samples may not follow one another.
        stacked = steps["stacked"][steps["operation"] == CONTRACT]
        assert stacked[-1].astype(bool) == stacks


SHAPES = {
    "a block whose Jacobian meets a waist": lambda x: affine(30, 4)(
        fj.ReLU()(residual(fj.ReLU()(affine(4, 40)(x)), 500, fj.Tanh()))
    ),
    "units that die before a skip": lambda x: residual(fj.ReLU()(affine(30, 20)(fj.Tanh()(affine(20, 40)(x)))), 300, fj.ReLU()),
    "units that die behind a skip": lambda x: affine(40, 20)(fj.Tanh()(affine(20, 30)(fj.ReLU()(residual(affine(30, 40)(x)))))),
    "units that die before weights alone": lambda x: (
        (h := fj.ReLU()(affine(30, 20)(fj.Tanh()(affine(20, 40)(x)))))
        and affine(50, 60)(fj.Tanh()(affine(60, 30)(h))) + affine(50, 30, 1)(h)
    ),
    "units that die behind weights alone": lambda x: affine(30, 50)(
        fj.ReLU()(affine(50, 40)(fj.Tanh()(x)) + affine(50, 40, 1)(fj.Sigmoid()(x)))
    ),
    "blocks side by side with a normalizer between": lambda x: residual(fj.LayerNorm()(residual(fj.Softmax()(x)))),
    "a slice and a gather": lambda x: fj.concatenate([fj.Tanh()(x[::-1]), x[[3, 3, 0]], x[5:30]]) * 2.0,
    "a branch within a branch": lambda x: residual(x * fj.Sigmoid()(residual(x))) + x[::-1],
    "units that a factor closes": lambda x: (
        affine(30, 50)(fj.ReLU()(affine(50, 40)(x)) * affine(50, 40, 1)(x)) * fj.ReLU()(x[:30])
    ),
    "units that the larger one closes": lambda x: affine(30, 50)(maximum(affine(50, 40)(x), affine(50, 40, 1)(x))),
    "units that a part of a factor closes": lambda x: affine(30, 20)(
        fj.concatenate([fj.ReLU()(x), x])[30:50] * affine(20, 40)(x)
    ),
    "one unit through a waist": lambda x: affine(40, 1)(fj.Tanh()(affine(1, 40)(x))) + x,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_mode_equals_the_naive_twin(shape):
    assert_equals_naive_twin(graph(40, SHAPES[shape]))
