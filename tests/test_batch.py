"""Threads: the same answers by every way of running, from many threads, and in forked children."""

import multiprocessing
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from fastjac import Affine, Network, ReLU, Softmax, batch


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


def test_python_threads_give_what_numba_threads_give(net, x, expected, monkeypatch):
    monkeypatch.setattr(batch, "SAFE_LAYERS", ())
    np.testing.assert_array_equal(net.jacobian(x, threads=2), expected)


def test_a_long_call_is_cut_into_several(net, x, expected, monkeypatch):
    net, calls = net.astype(net.dtype), []

    def counting_run(*arguments):
        calls.append(len(arguments[1]))
        run(*arguments)

    run = batch.run
    monkeypatch.setattr(batch, "run", counting_run)
    monkeypatch.setattr(batch, "CALL_COST", 1_000_000)
    np.testing.assert_array_equal(net.jacobian(x, threads=1), expected)
    assert len(calls) >= 3
    assert sum(calls) == len(x)


def test_small_work_stays_on_one_thread(net, monkeypatch):
    monkeypatch.setattr(batch, "run_parallel", None)
    assert net.jacobian(np.zeros((2, 20))).shape == (2, 10, 20)


def test_large_work_is_shared_out_and_the_callers_setting_kept(net, x, expected):
    before = numba.get_num_threads()
    np.testing.assert_array_equal(net.jacobian(x), expected)
    np.testing.assert_array_equal(net.jacobian(x, threads=64), expected)
    assert numba.get_num_threads() == before


def test_many_python_threads_at_once(net, x, expected):
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda threads: net.jacobian(x, threads=threads), [1, 2] * 64))
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_scratch_memory_is_reused(net, x):
    for _ in range(20):
        net.jacobian(x, threads=2)
        net.jacobian(x[:1])
    assert len(net._runner("auto")._idle) <= 2 * 32


def _jacobian_in_child(net, x, connection):
    connection.send(net.jacobian(x, threads=2))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_of_a_parent_that_used_threads(net, x, expected):
    net.jacobian(x, threads=2)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_jacobian_in_child, args=(net, x, sender))
    child.start()
    assert receiver.poll(60), "the forked child hangs"
    np.testing.assert_array_equal(receiver.recv(), expected)
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_concurrent_calls_under_each_threading_layer(layer):
    """In a process of its own, because a threading layer is chosen once."""
    script = """
        from concurrent.futures import ThreadPoolExecutor
        import numpy as np
        from fastjac import Affine, Network, ReLU
        rng = np.random.default_rng(0)
        net = Network([Affine(rng.standard_normal((60, 20))), ReLU(), Affine(rng.standard_normal((10, 60)))])
        x = rng.standard_normal((200, 20))
        expected = net.jacobian(x, threads=1)
        with ThreadPoolExecutor(16) as pool:
            for result in pool.map(lambda _: net.jacobian(x, threads=2), range(200)):
                assert (result == expected).all()
        print("done")
    """
    environment = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    finished = _python(script, environment)
    assert finished.stdout.strip() == "done", finished.stderr


def _python(script, environment):
    import os

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
