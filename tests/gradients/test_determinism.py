"""One batch, one gradient: the same bits whatever threads run, and whatever else the process does meanwhile."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.share import TAKEN
from fastjac.running import crew as crew_module
from fastjac.running.crew import Crew
from tests.bits import assert_same_bits
from tests.gradients import seeded
from tests.random_networks import random_network

DTYPES = (np.float32, np.float64)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def chain(dtype: type) -> fj.Network:
    """A network with a waist and dead units, whose gradient takes all kinds of sums."""
    rng = np.random.default_rng(0)
    hidden = fj.ReLU(), fj.Tanh(), fj.LayerNorm(rng.uniform(0.5, 1.5, 20))
    return fj.Network([*seeded.alternating(rng, (18, 30, 6, 20, 15), *hidden), fj.Softmax()], dtype=dtype)


def gradient(net: fj.Network, n: int, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of a loss of n samples that depend on nothing but n."""
    rng = np.random.default_rng(n)
    x, by_y = rng.standard_normal((n, net.n_in)), rng.standard_normal((n, net.n_out))
    found = net.jacobian_vjp(x)[2](by_y, rng.standard_normal((n, net.n_out, net.n_in)), threads=threads)
    return found.x, found.parameters


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Crew:
    """Eight threads on however few cores."""
    crew = Crew()
    crew.most_threads = 8
    monkeypatch.setattr(crew_module, "crew", crew)
    return crew


@both_dtypes
@pytest.mark.parametrize("n", [1, 2, 7, 48, 49, 500, 1001])
def test_any_number_of_threads(n: int, dtype: type, crew: Crew) -> None:
    net = chain(dtype)
    alone = gradient(net, n, threads=1)
    assert np.isfinite(alone[1]).all()
    for threads in (1, 2, 3, 8, None):
        assert_same_bits(gradient(net, n, threads), alone)


@both_dtypes
@pytest.mark.parametrize("seed", range(10))
def test_random_networks(seed: int, dtype: type) -> None:
    net = fj.Network(random_network(seed).layers, dtype=dtype)
    n = 150 if net.n_in * net.n_out < 3000 else 12
    alone = gradient(net, n, threads=1)
    for threads in (2, None):
        assert_same_bits(gradient(net, n, threads), alone)


@both_dtypes
def test_networks_of_the_same_parameters(dtype: type) -> None:
    net = chain(dtype)
    for other in (fj.Network(net.layers), net.with_parameters(net.parameters()), net[:]):
        assert_same_bits(gradient(other, 100), gradient(net, 100))


def test_the_gradient_by_one_input_has_the_bits_that_it_has_in_any_batch() -> None:
    net, rng = chain(np.float64), np.random.default_rng(1)
    x, by_y, by_jacobian = (rng.standard_normal((200, *core)) for core in ((18,), (15,), (15, 18)))
    whole = net.jacobian_vjp(x)[2](by_y, by_jacobian).x
    for rows in (slice(0, 1), slice(17, 20), slice(199, 200), slice(None, None, -1)):
        assert_same_bits((net.jacobian_vjp(x[rows])[2](by_y[rows], by_jacobian[rows]).x,), (whole[rows],))


def test_a_crew_that_serves_another_call(crew: Crew) -> None:
    net = chain(np.float64)
    alone = gradient(net, 500, threads=1)
    crew._job[TAKEN] = 1
    assert_same_bits(gradient(net, 500, threads=4), alone)
    crew._job[TAKEN] = 0
    assert_same_bits(gradient(net, 500, threads=4), alone)


def test_a_crew_that_has_grown_since_the_last_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a forked child that may use more threads than its parent: the network's memory is for fewer."""
    net, crews = chain(np.float64), [Crew(), Crew()]
    alone = gradient(net, 1001, threads=1)
    for crew, crew.most_threads in zip(crews, (2, 8), strict=True):
        monkeypatch.setattr(crew_module, "crew", crew)
        for _ in range(5):
            assert_same_bits(gradient(net, 1001, threads=8), alone)


def test_many_python_threads_at_once() -> None:
    """Their calls of every kind meet in one crew and share each network's memory."""
    nets = [chain(dtype) for dtype in DTYPES]
    calls = [(net, n, threads) for net in nets for n in (1, 30, 300) for threads in (1, 2, None)]
    expected = [gradient(net, n, threads=1) for net, n, _ in calls]
    fresh = [chain(dtype) for dtype in DTYPES]
    with ThreadPoolExecutor(12) as pool:
        first = [pool.submit(gradient, net, 30) for net in fresh * 6]
        futures = [[pool.submit(gradient, *call) for call in calls] for _ in range(6)]
        others = [pool.submit(net.parameter_jacobian, np.ones((100, 18)), threads=2) for net in nets * 10]
        for found in futures:
            for future, alone in zip(found, expected, strict=True):
                assert_same_bits(future.result(), alone)
        for future, net in zip(others, nets * 10, strict=True):
            assert_same_bits((future.result(),), (net.parameter_jacobian(np.ones((100, 18)), threads=1),))
        for future, net in zip(first, fresh * 6, strict=True):
            assert_same_bits(future.result(), gradient(net, 30, threads=1))
