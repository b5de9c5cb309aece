"""A network's lowered programs: made once, kept while they are among the latest, made again after that."""

import sys

import numpy as np
import pytest

from fastjac import Affine, Network, ReLU, Residual, Softmax, Tanh
from fastjac.graphs.graph import path
from fastjac.planning.product import Wanted
from fastjac.running.runners import MOST_RUNNERS, Runners


@pytest.fixture
def runners():
    return Runners(path((Affine(np.eye(4)), ReLU(), Affine(np.eye(4))), (4,) * 4), np.dtype(np.float64))


def tangents(width):
    return Wanted(seed="tangents", width=width)


def test_a_program_is_lowered_once(runners):
    for key in ((None,), ("forward",), ("reverse",), ("forward", tangents(2)), ("reverse", Wanted(seed="cotangents", width=2))):
        assert runners.get(*key) is runners.get(*key)
    assert runners.get("forward") is not runners.get("reverse")
    assert runners.get("forward", tangents(2)) is not runners.get("forward", tangents(3))


def test_the_latest_are_kept(runners):
    latest = [runners.get("forward", tangents(k)) for k in range(1, 3 * MOST_RUNNERS)][-MOST_RUNNERS:]
    assert [runners.get("forward", tangents(k)) for k in range(2 * MOST_RUNNERS, 3 * MOST_RUNNERS)] == latest
    assert len(runners.kept) == MOST_RUNNERS


def test_values_lie_along_the_lanes_only_where_they_are_found_sooner_so():
    """A wide output is turned round for nothing, but a short softmax takes far less time along the lanes."""
    layers = (Affine(np.ones((2, 1))), Tanh(), Affine(np.ones((207, 2))))
    wide = Runners(path(layers, (1, 2, 2, 207)), np.dtype(np.float32))
    short = Runners(path((*layers[:2], Affine(np.ones((5, 2))), Softmax()), (1, 2, 2, 5, 5)), np.dtype(np.float64))
    for found, along in ((wide, False), (short, True)):
        assert found.get("auto").program.layout["lane_samples"][0]
        assert bool(found.get(None).program.layout["lane_samples"][0]) == along


def test_values_lie_along_the_lanes_where_the_jacobian_does():
    for width, along in ((17, True), (5000, False)):
        layers = (Affine(np.ones((width, 3))), Tanh(), Affine(np.ones((2, width))))
        found = Runners(path(layers, (3, width, width, 2)), np.dtype(np.float64))
        samples = {int(found.get(mode).program.layout["lane_samples"][0]) for mode in (None, "auto")}
        assert len(samples) == 1
        assert (samples != {0}) == along


def test_parts_of_a_chain_make_the_whole():
    """The part behind a boundary begins with what stands there, and takes the values of the part before it."""
    rng = np.random.default_rng(0)
    layers = [Affine(rng.standard_normal((3, 4))), Softmax(), Affine(rng.standard_normal((5, 3))), Tanh()]
    net, x, nothing = Network(layers), rng.standard_normal((6, 4)), np.empty((0, 0))
    values, right, y, left = np.empty((6, 3)), np.empty((6, 3, 4)), np.empty((6, 5)), np.empty((6, 5, 3))
    net._runners.get("auto", span=(0, 1))(x, nothing, values, right)
    net._runners.get("auto", span=(1, 2))(values, nothing, y, left)
    np.testing.assert_allclose(values, x @ layers[0].weight.T, rtol=1e-14)
    np.testing.assert_allclose(y, net(x), rtol=1e-14)
    np.testing.assert_allclose(left @ right, net.jacobian(x), rtol=1e-12, atol=1e-14)


def test_more_widths_of_tangents_than_are_kept_give_right_answers():
    net = Network([Affine(np.eye(4)), ReLU(), Affine(np.eye(4))])
    for k in [*range(1, 3 * MOST_RUNNERS), 1]:
        tangents = np.arange(4.0 * k).reshape(4, k)
        np.testing.assert_array_equal(net.pushforward(np.ones(4), tangents)[1], tangents)


def calls_to_lower(n_blocks):
    """How many functions are called until so many blocks and layers in a row are a program."""
    layers = [
        layer for _ in range(n_blocks) for layer in (Residual([Affine(np.eye(3)), ReLU()]), Affine(np.ones((3, 3))), ReLU())
    ]
    runners, n_calls = Network(layers)._runners, 0

    def count(frame, event, argument):
        nonlocal n_calls
        n_calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        runners.get("auto")
    finally:
        sys.setprofile(before)
    return n_calls


def test_twice_as_many_layers_take_twice_as_many_calls_to_plan_and_to_lower():
    calls_to_lower(50)  # loads the kernels
    assert calls_to_lower(50) < 2.2 * calls_to_lower(25)
