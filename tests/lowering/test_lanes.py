"""Samples along the vector lanes, in narrow networks: right, and with the bits of each sample alone."""

import itertools

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.target import lanes
from fastjac.planning import cost as cost_module
from fastjac.planning import plan as plan_module
from fastjac.planning.cost import LANE_VECTORS
from tests import naive
from tests.bits import assert_same_bits

WIDTHS = ((1, 4, 1), (3, 17, 2), (2, 11, 17, 16), (5, 20, 20, 20, 3), (3, 12, 7), (9, 7, 6), (1, 20, 42))
ENDS = {
    "nothing": [],
    "diagonal": [fj.Tanh()],
    "dead units": [fj.ReLU()],
    "two diagonals": [fj.Tanh(), fj.Sigmoid()],
    "normalizer": [fj.Softmax()],
    "both": [fj.Tanh(), fj.LogSoftmax()],
}
INNER = {"smooth": fj.Tanh(), "half dead": fj.ReLU(), "dead and scaled": fj.HardSwish(), "with options": fj.ELU(0.7)}


@pytest.fixture(autouse=True)
def _lanes_wherever_they_can_be(monkeypatch):
    monkeypatch.setattr(plan_module, "LANES_GAIN", np.inf)


def network(widths, inner, end, dtype, bias=True):
    rng = np.random.default_rng(sum(widths))
    layers = []
    for n_in, n_out in itertools.pairwise(widths):
        weight = rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)
        layers += [fj.Affine(weight, rng.standard_normal(n_out) if bias else None), inner]
    return fj.Network(layers[:-1] + end, dtype=dtype)


def in_lanes(net, mode="auto"):
    return int(net.program(mode).layout["lane_samples"][0])


def assert_bits_of_each_alone(net, x, mode="auto", threads=1):
    y, jacobian = net.value_and_jacobian(x, mode, threads=threads)
    alone = [net.value_and_jacobian(row, mode) for row in x]
    assert_same_bits(y, np.stack([values for values, _ in alone]))
    assert_same_bits(jacobian, np.stack([result for _, result in alone]))
    assert_same_bits(net.jacobian(x, mode, threads=threads), jacobian)
    assert_same_bits(net(x, threads=threads), y)
    return jacobian


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("widths", WIDTHS, ids=lambda widths: "-".join(map(str, widths)))
def test_a_batch_has_the_jacobians_and_the_bits_of_its_samples(widths, inner, end):
    taken = 0
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        net = network(widths, INNER[inner], ENDS[end], dtype)
        x = np.random.default_rng(0).standard_normal((2 * LANE_VECTORS * lanes(np.dtype(dtype)) + 3, widths[0])).astype(dtype)
        for mode in ("forward", "reverse"):
            taken += in_lanes(net, mode) > 0
            assert net.plan(mode).in_lanes == (in_lanes(net, mode) > 0)
            jacobian = assert_bits_of_each_alone(net, x, mode)
            np.testing.assert_allclose(jacobian, naive.jacobian(net.layers, x), rtol=tolerance, atol=tolerance)
    assert taken or len(ENDS[end]) > 1 or (ENDS[end] and widths[0] >= min(widths[1:-1])), "nothing lay along the lanes"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_samples_on_any_number_of_threads(dtype):
    net = network((3, 17, 17, 2), fj.PReLU(np.linspace(-1.0, 1.0, 17)), [fj.Softmax()], dtype)
    samples = in_lanes(net)
    assert samples == LANE_VECTORS * lanes(np.dtype(dtype))
    x = np.random.default_rng(1).standard_normal((7 * samples + 5, 3)).astype(dtype)
    whole = assert_bits_of_each_alone(net, x)
    for n in (1, samples - 1, samples, samples + 1, 4 * samples, len(x)):
        for threads in (1, 2, 3):
            assert_same_bits(net.jacobian(x[:n], threads=threads), whole[:n])


def test_without_biases_and_without_activations():
    net = fj.Network([fj.Affine(np.ones((6, 2))), fj.Tanh(), fj.Affine(np.ones((2, 6)))])
    assert in_lanes(net)
    x = np.random.default_rng(2).standard_normal((40, 2))
    np.testing.assert_allclose(assert_bits_of_each_alone(net, x), naive.jacobian(net.layers, x), rtol=1e-13)


@pytest.mark.parametrize("inner", [fj.ReLU(), fj.HardSwish(), fj.Tanh()], ids=repr)
@pytest.mark.filterwarnings("ignore:overflow")
def test_nan_and_inf_stay_with_their_sample(inner):
    """Weights so large that tangents overflow on their way: a dead unit is not multiplied by them, and does not make nan."""
    rng = np.random.default_rng(3)
    for scale in (1.0, 1e15):
        weights = [scale * rng.standard_normal(shape) for shape in ((6, 3), (8, 6), (7, 8), (2, 7))]
        layers = [layer for weight in weights for layer in (fj.Affine(weight), inner)][:-1]
        net = fj.Network(layers, dtype=np.float32)
        x = (rng.standard_normal((50, 3)) / scale).astype(np.float32)
        x[5], x[17, 1], x[30] = np.nan, np.inf, -np.inf
        assert in_lanes(net, "reverse")
        for mode in ("forward", "reverse"):
            assert_bits_of_each_alone(net, x, mode)


def test_infinite_weights_and_inputs_that_are_scaled_keep_their_rows():
    weight = np.ones((4, 2))
    infinite = np.where(np.arange(8).reshape(4, 2) == 3, np.inf, weight)
    relu, tanh = fj.ReLU(), fj.Tanh()
    assert in_lanes(fj.Network([fj.Affine(weight), relu, fj.Affine(weight.T)]))
    assert not in_lanes(fj.Network([fj.Affine(infinite), relu, fj.Affine(weight.T)]))
    assert in_lanes(fj.Network([fj.Affine(infinite), tanh, fj.Affine(weight.T)]))
    assert not in_lanes(fj.Network([tanh, fj.Affine(weight), relu, fj.Affine(weight.T)]))
    assert not in_lanes(fj.Network([fj.Affine(weight), fj.LayerNorm(), fj.Affine(weight.T)]))


def test_the_plan_says_so(monkeypatch):
    net = network((3, 17, 2), fj.Tanh(), [], np.float32)
    plan = net.plan()
    assert "  lanes  " in str(plan)
    assert plan.multiply_adds == 17 * 2 * 3
    assert sum(step.cycles for step in plan.steps) <= plan.cost
    monkeypatch.setattr(plan_module, "LANES_GAIN", 0.0)
    assert "  lanes  " not in str(net.plan())


def test_wide_networks_keep_their_rows(monkeypatch):
    monkeypatch.undo()
    assert not network((100, 200, 50), fj.Tanh(), [], np.float32).plan().in_lanes
    assert network((3, 17, 2), fj.Tanh(), [], np.float32).plan().in_lanes


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_rows_of_the_table_hold_each_weight_behind_its_bias(mode):
    net = network((3, 17, 5, 2), fj.PReLU(0.3), [fj.Softmax()], np.float64)
    program = net.program(mode)
    layout = program.layout[0]
    samples, rows = in_lanes(net, mode), program.primal[layout["first_lane"] : layout["last_lane"]]
    affines = [layer for layer in net.layers if isinstance(layer, fj.Affine)]
    for row, affine in zip(rows, affines, strict=True):
        stored = program.parameters[row["weight"] :][: affine.n_out * row["panel"]].reshape(affine.n_out, row["panel"])
        np.testing.assert_array_equal(stored[:, : 1 + affine.weight.shape[1]], np.column_stack([affine.bias, affine.weight]))
    for row in rows[:-1]:
        np.testing.assert_array_equal(program.parameters[row["p"] :][: row["row"] * samples], 0.3)
    assert [bool(row["rank"]) for row in rows] == [False, False, True]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_buffers_and_slopes_have_places_of_their_own(mode):
    net = network((3, 17, 5, 2), fj.Tanh(), [fj.Softmax()], np.float64)
    program = net.program(mode)
    layout = program.layout[0]
    samples, end = in_lanes(net, mode), 2 * int(layout["lane_buffer"] + layout["lane_matrix"])
    for row in program.primal[layout["first_lane"] : layout["last_lane"]]:
        assert row["state"] >= end
        # A softmax has two lines to work in besides.
        end = int(row["state"] + (row["row"] + (2 if row["rank"] else 0)) * samples)
    assert layout["lane_work"] + end <= layout["work_size"]


@pytest.mark.parametrize("end", ENDS)
def test_a_network_so_wide_that_a_block_has_few_samples(end, monkeypatch):
    """What stands behind the last factor has room for as many samples as lie along the lanes."""
    monkeypatch.setattr(cost_module, "LANE_ROOM", 10**9)
    net = network((1, 3000, 20), fj.Tanh(), ENDS[end], np.float32)
    assert in_lanes(net) or len(ENDS[end]) > 1
    assert net.program().layout["block"][0] >= in_lanes(net)
    assert_bits_of_each_alone(net, np.linspace(-1.0, 1.0, 70, dtype=np.float32)[:, None])
