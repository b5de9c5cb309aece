"""Dead units that are dropped: any number of them, behind every activation, next to layers that drop none."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from tests import naive
from tests.bits import assert_same_bits

WIDTHS = (30, 45, 70, 37, 26)
"""Both ends are wide enough for dropping to pay."""
CENTRES = {fj.ReLU: 1.0, fj.ReLU6: 3.0, fj.HardTanh: 0.0, fj.LeakyReLU: 1.0, fj.Tanh: 0.0}
"""Where a unit behind each activation is live; at -100 it is dead, or a LeakyReLU has its other slope."""
RUNS = [
    (fj.ReLU, fj.ReLU, fj.ReLU),
    (fj.ReLU6, fj.HardTanh, fj.ReLU),
    (fj.HardTanh, fj.ReLU6, fj.HardTanh),
    (fj.LeakyReLU, fj.ReLU, fj.LeakyReLU),
    (fj.ReLU, fj.LeakyReLU, fj.ReLU6),
    (fj.ReLU, fj.Tanh, fj.HardTanh),
]
LIVE = {
    "none": lambda n, rng: np.zeros(n, bool),
    "all": lambda n, rng: np.ones(n, bool),
    "one": lambda n, rng: np.arange(n) == n // 2,
    "last": lambda n, rng: np.arange(n) == n - 1,
    "half": lambda n, rng: rng.random(n) < 0.5,
    "one vector": lambda n, rng: np.arange(n) < 16,
}
MODES = ("forward", "reverse", "mixed")
DTYPES = (np.float32, np.float64)
each_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(kind.__name__ for kind in run))


def network(run, live, dtype=np.float64):
    """A network with these activations, of whose hidden units those are live that `live(n, rng)` says, whatever the input."""
    rng = np.random.default_rng(0)
    layers = []
    for (n_in, n_out), kind in zip(pairwise(WIDTHS[:-1]), run, strict=True):
        bias = np.where(live(n_out, rng), CENTRES[kind], -100.0)
        # So small a weight that no unit leaves its piece.
        layers += [fj.Affine(rng.uniform(-0.5, 0.5, (n_out, n_in)) / n_in, bias), kind()]
    layers.append(fj.Affine(rng.standard_normal((WIDTHS[-1], WIDTHS[-2]))))
    return fj.Network(layers, dtype=dtype)


def inputs(samples):
    return np.random.default_rng(1).uniform(-1, 1, (samples, WIDTHS[0]))


def varied(run, dtype):
    """A network with these activations, of whose hidden units some are live, others for every input."""
    rng = np.random.default_rng(2)
    layers = []
    for (n_in, n_out), kind in zip(pairwise(WIDTHS), (*run, None), strict=True):
        layers.append(fj.Affine(rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in), rng.standard_normal(n_out)))
        layers += [kind()] if kind else []
    return fj.Network(layers, dtype=dtype)


def test_the_plans_drop_units_in_either_order_where_derivatives_are_0_or_1():
    for mode, boundary in (("forward", 2), ("reverse", 2), ("forward", 3), ("reverse", 1)):
        net = network(RUNS[0], LIVE["half"])
        (step,) = [s for s in net.plan(mode).steps if (s.stop if mode == "forward" else s.start) == boundary]
        assert step.drops
    assert not any(step.drops for step in network((fj.Tanh, fj.LeakyReLU, fj.Tanh), LIVE["half"]).plan("reverse").steps)


@each_run
@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("mode", MODES)
def test_any_number_of_live_units(run, live, mode):
    net, x = network(run, LIVE[live]), inputs(3)
    expected = naive.jacobian(net.layers, x)
    found = net.jacobian(x, mode)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    if live == "none" and fj.LeakyReLU not in run:
        assert not found.any()


@each_run
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_units_that_are_live_for_some_inputs_only(run, mode, dtype):
    net, x = varied(run, dtype), inputs(60).astype(dtype)
    expected = naive.jacobian(net.layers, x)
    found = net.jacobian(x, mode)
    tolerance = {np.float32: 2e-5, np.float64: 1e-13}[dtype]
    assert (np.abs(found - expected).max(axis=(1, 2)) <= tolerance * np.abs(expected).max(axis=(1, 2))).all()
    for rows in (slice(0, 1), slice(59, 60), slice(20, 27)):
        assert_same_bits([net.jacobian(x[rows], mode)], [found[rows]])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_dropping_does_not_change_a_bit(mode, monkeypatch):
    """Live units are multiplied in the same order, whether they lie side by side or not."""
    x = inputs(9)
    dropped = varied(RUNS[0], np.float64).jacobian(x, mode)
    monkeypatch.setattr("fastjac.planning.contractions.PACK_ROWS", np.inf)
    kept = varied(RUNS[0], np.float64)
    assert not any(step.drops for step in kept.plan(mode).steps)
    assert_same_bits([kept.jacobian(x, mode)], [dropped])


@pytest.mark.parametrize("width", [1, 24, 40])
def test_products_with_tangents_and_cotangents(width):
    """Wide seeds drop units too; a seed itself is no weight and is never packed."""
    net, x = varied(RUNS[1], np.float64), inputs(5)
    rng = np.random.default_rng(3)
    tangents, cotangents = rng.standard_normal((WIDTHS[0], width)), rng.standard_normal((width, WIDTHS[-1]))
    jacobian = naive.jacobian(net.layers, x)
    scale = np.abs(jacobian).max() * np.sqrt(WIDTHS[0])
    np.testing.assert_allclose(net.pushforward(x, tangents)[1] / scale, jacobian @ tangents / scale, rtol=0, atol=1e-13)
    np.testing.assert_allclose(net.pullback(x, cotangents)[1] / scale, cotangents @ jacobian / scale, rtol=0, atol=1e-13)
