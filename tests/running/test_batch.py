"""How a batch is run: the same answers by every way of running, in as many calls and threads as it is worth."""

import numba
import numpy as np
import pytest

from fastjac import Affine, Network, ReLU, Softmax
from fastjac.running import batch, crew, sharing


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(0)
    layers = [Affine(rng.standard_normal((60, 20))), ReLU(), Affine(rng.standard_normal((10, 60))), Softmax()]
    return Network(layers)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).standard_normal((301, 20))


@pytest.fixture(scope="module")
def expected(net, x):
    return net.jacobian(x, threads=1)


def test_a_call_that_finds_the_crew_in_use_does_its_work_alone(net, x, expected, monkeypatch):
    refused = []
    monkeypatch.setattr(crew.crew, "share", lambda *arguments: refused.append(arguments))
    np.testing.assert_array_equal(net.jacobian(x, threads=2), expected)
    assert len(refused) == (crew.crew.most_threads > 1)


def test_a_long_call_is_cut_into_several(net, x, expected, monkeypatch):
    net, calls = net.astype(net.dtype), []

    def counting_call(*arguments):
        calls.append(len(arguments[1]))
        call(*arguments)

    call = batch.call
    monkeypatch.setattr(batch, "call", counting_call)
    monkeypatch.setattr(sharing, "CALL_COST", 1_000_000)
    np.testing.assert_array_equal(net.jacobian(x, threads=1), expected)
    assert len(calls) >= 3
    assert sum(calls) == len(x)


def test_small_work_stays_on_one_thread(net, monkeypatch):
    monkeypatch.setattr(crew.crew, "share", None)
    assert net.jacobian(np.zeros((2, 20))).shape == (2, 10, 20)


def test_large_work_is_shared_out_and_the_callers_setting_kept(net, x, expected):
    before = numba.get_num_threads()
    np.testing.assert_array_equal(net.jacobian(x), expected)
    np.testing.assert_array_equal(net.jacobian(x, threads=64), expected)
    assert numba.get_num_threads() == before


def test_scratch_memory_is_reused(net, x):
    for _ in range(20):
        net.jacobian(x, threads=2)
        net.jacobian(x[:1])
    assert len(net._runners.get("auto")._idle) <= 2 * 32
