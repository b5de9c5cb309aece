"""One input, one answer: the same bits in every batch, at every position, with any number of threads, with and without out."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastjac as fj
from tests.random_networks import random_network

MODES = ("auto", "forward", "reverse", "mixed")
DTYPES = (np.float32, np.float64)


def relu_net(dtype: type, widths: tuple[int, ...] = (50, 100, 70, 10)) -> fj.Network:
    """A ReLU network whose live units differ from sample to sample, with a softmax at its end."""
    rng = np.random.default_rng(0)
    layers: list[fj.layers.Layer] = []
    for n_in, n_out in pairwise(widths):
        weight = rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
        layers += [fj.Affine(weight.astype(dtype), (rng.standard_normal(n_out) - 1).astype(dtype)), fj.ReLU()]
    layers[-1] = fj.Softmax()
    return fj.Network(layers)


def everything(net: fj.Network, x: np.ndarray, mode: str, threads: int | None = None) -> tuple[np.ndarray, ...]:
    """Values, Jacobians and products for a batch x, from tangents that depend on nothing but the network."""
    rng = np.random.default_rng(1)
    v = np.broadcast_to(rng.standard_normal((net.n_in, 3)), (len(x), net.n_in, 3))
    u = np.broadcast_to(rng.standard_normal((2, net.n_out)), (len(x), 2, net.n_out))
    y, jacobian = net.value_and_jacobian(x, mode=mode, threads=threads)
    return y, jacobian, net(x), net.pushforward(x, v)[1], net.pullback(x, u)[1], net.jvp(x, v[..., 0])[1], net.vjp(x, u[:, 0])[1]


def assert_same_bits(actual: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> None:
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_batches_of_one_three_and_64_agree(mode: str, dtype: type) -> None:
    net = relu_net(dtype)
    x = np.random.default_rng(2).standard_normal((64, net.n_in))
    whole = everything(net, x, mode)
    for size in (1, 3):
        for start in range(0, 64, size):
            rows = slice(start, start + size)
            assert_same_bits(everything(net, x[rows], mode), tuple(part[rows] for part in whole))


@pytest.mark.parametrize("seed", range(24))
def test_random_networks_agree_in_any_batch(seed: int) -> None:
    network = random_network(seed)
    net = fj.Network(network.layers)
    x = np.random.default_rng(seed).standard_normal((64, net.n_in))
    for dtype in DTYPES:
        whole = everything(net.astype(dtype), x, MODES[seed % 4], threads=2)
        for rows in (slice(0, 1), slice(17, 18), slice(63, 64), slice(30, 33), slice(None, None, -1)):
            assert_same_bits(everything(net.astype(dtype), x[rows], MODES[seed % 4], threads=1), tuple(p[rows] for p in whole))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_one_and_two_threads_agree(mode: str, dtype: type) -> None:
    net = relu_net(dtype)
    x = np.random.default_rng(3).standard_normal((1001, net.n_in))
    alone = net.value_and_jacobian(x, mode=mode, threads=1)
    for threads in (2, 3, None):
        assert_same_bits(net.value_and_jacobian(x, mode=mode, threads=threads), alone)


@settings(max_examples=30)
@given(rows=st.lists(st.integers(0, 63), min_size=1, max_size=150), dtype=st.sampled_from(DTYPES), mode=st.sampled_from(MODES))
def test_any_selection_of_inputs_in_any_order(rows: list[int], dtype: type, mode: str) -> None:
    net = relu_net(dtype, (20, 33, 17, 5))
    x = np.random.default_rng(4).standard_normal((64, net.n_in))
    whole = net.value_and_jacobian(x, mode=mode)
    assert_same_bits(net.value_and_jacobian(x[rows], mode=mode), tuple(part[rows] for part in whole))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_out_and_leading_shape_do_not_matter(mode: str, dtype: type) -> None:
    net = relu_net(dtype)
    x = np.random.default_rng(5).standard_normal((24, net.n_in))
    expected = net.jacobian(x, mode=mode)
    out = np.full_like(expected, np.nan)
    assert net.jacobian(x, mode=mode, out=out) is out
    assert_same_bits((out,), (expected,))
    nested = net.jacobian(x.reshape(2, 3, 4, -1), mode=mode)
    assert_same_bits((nested.reshape(expected.shape),), (expected,))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_repeated_call_and_a_rebuilt_network_agree(dtype: type) -> None:
    net = relu_net(dtype)
    x = np.random.default_rng(6).standard_normal((7, net.n_in))
    first = everything(net, x, "auto")
    assert_same_bits(everything(net, x, "auto"), first)
    assert_same_bits(everything(fj.Network(net.layers), x, "auto"), first)
    assert_same_bits(everything(net[:], x, "auto"), first)


def test_neighbours_with_nan_and_inf_do_not_matter() -> None:
    net = relu_net(np.float64)
    x = np.random.default_rng(7).standard_normal((9, net.n_in))
    clean = net.value_and_jacobian(x)
    x[3, 5], x[4, 0], x[6] = np.nan, np.inf, -np.inf
    kept = [0, 1, 2, 5, 7, 8]
    assert_same_bits(tuple(p[kept] for p in net.value_and_jacobian(x)), tuple(p[kept] for p in clean))


def test_python_threads_may_share_a_network() -> None:
    net = relu_net(np.float64)
    x = np.random.default_rng(8).standard_normal((16, 40, net.n_in))
    expected = [net.jacobian(batch, threads=1) for batch in x]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for jacobian, alone in zip(pool.map(lambda batch: net.jacobian(batch, threads=2), x), expected, strict=True):
                assert_same_bits((jacobian,), (alone,))


FORK = """
import multiprocessing, numpy as np
from tests.test_determinism import relu_net

def jacobian(_):
    return net.jacobian(x, threads=2)

net = relu_net(np.float64)
x = np.random.default_rng(9).standard_normal((500, net.n_in))
expected = jacobian(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    results = pool.map_async(jacobian, range(4)).get(timeout=60)
print(all(np.array_equal(result, expected) for result in results))
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this platform cannot fork")
def test_forked_children_compute_the_same() -> None:
    """In a process of its own, because a child that dies must not take pytest's with it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", FORK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "True", done.stderr
