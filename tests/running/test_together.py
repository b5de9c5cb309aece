"""Samples that threads compute together: whoever comes, early, late or never, they have the bits that one thread gives them."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.lowering import pieces
from fastjac.running import crew, sharing
from tests.bits import assert_same_bits
from tests.flat_network import FlatNetwork
from tests.graph_families import FAMILIES, graph_named

WIDTHS = ((128, 256, 192, 48), (100, 80, 48), (100, 80, 90, 48), (60, 20, 90), (300, 20, 64, 48), (3, 20, 1100), (70, 90, 1))
"""Where the outputs are fewest, so that links at the ends are applied late, and where a layer between is narrower."""
LINKS = {
    "nothing": [],
    "a diagonal": [fj.Tanh()],
    "a binary diagonal": [fj.ReLU()],
    "a normalizer": [fj.LayerNorm()],
    "a normalizer of two terms and a diagonal": [fj.LayerNorm(), fj.Sigmoid()],
    "a diagonal and a normalizer": [fj.Tanh(), fj.Softmax()],
}
# Any two of the three kinds of link meet.
PAIRWISE = [(first, inner, [*LINKS][(i + j) % len(LINKS)]) for i, first in enumerate(LINKS) for j, inner in enumerate(LINKS)]


def network(widths, first, inner, last, dtype=np.float64):
    """Affine layers with links before, between and behind them."""
    rng = np.random.default_rng(0)
    layers = [*LINKS[first]]
    for k in range(1, len(widths)):
        weight = rng.standard_normal((widths[k], widths[k - 1])) / np.sqrt(widths[k - 1])
        layers += [fj.Affine(weight, rng.standard_normal(widths[k])), *LINKS[last if k == len(widths) - 1 else inner]]
    return fj.Network(layers, dtype=dtype)


@pytest.fixture(autouse=True)
def whatever_can_be_cut_is_cut(monkeypatch):
    """Every step into as many pieces as it has units, and all samples computed together where that is possible."""
    monkeypatch.setattr(pieces, "PIECE_COST", 1)
    monkeypatch.setattr(pieces, "MEETING_COST", 0)
    monkeypatch.setattr(sharing, "TOGETHER_COST", 0)
    monkeypatch.setattr(sharing, "TOGETHER_LOSS", 0)


@pytest.fixture
def calls(monkeypatch):
    """A crew of eight threads on however few cores, and the calls that it serves: samples, threads and chunks."""
    eight, served = crew.Crew(), []
    eight.most_threads = 8
    share = eight.share

    def noting(threads, chunks, handle, x, *arrays):
        served.append((len(x), threads, chunks))
        return share(threads, chunks, handle, x, *arrays)

    monkeypatch.setattr(eight, "share", noting)
    monkeypatch.setattr(crew, "crew", eight)
    return served


@pytest.mark.parametrize(("first", "inner", "last"), PAIRWISE)
def test_values_and_jacobians_of_any_chain(first, inner, last, calls):
    for number, widths in enumerate(WIDTHS):
        net = network(widths, first, inner, last, (np.float32, np.float64)[number % 2])
        x = np.random.default_rng(1).standard_normal((3, net.n_in))
        for mode in ("forward", "reverse", "mixed"):
            expected = net.value_and_jacobian(x, mode, threads=1)
            for n, threads in ((1, 2), (2, 8), (3, 8)):
                found = net.value_and_jacobian(x[:n], mode, threads=threads)
                assert_same_bits(found, [array[:n] for array in expected])
        assert_same_bits([net(x[0], threads=8)], [expected[0][0]])
    assert len(calls) > 3 * len(WIDTHS)


@pytest.mark.parametrize("name", [*(f"random {seed}" for seed in range(12)), *(f"{family} 0" for family in FAMILIES)])
def test_any_graph(name, calls):
    net = FlatNetwork(graph_named(name), np.float64)
    x = np.random.default_rng(1).standard_normal((2, net.n_in))
    for mode in ("forward", "reverse", "mixed"):
        expected, found = (net.value_and_jacobian(x, mode, threads=threads) for threads in (1, 8))
        assert_same_bits(found, expected)


def test_products_with_seeds_and_kept_sweeps(calls):
    net = network((60, 90, 80, 70), "nothing", "a binary diagonal", "a diagonal")
    rng = np.random.default_rng(1)
    x, tangents, cotangents = rng.standard_normal((2, 60)), rng.standard_normal((2, 60, 20)), rng.standard_normal((2, 20, 70))
    for method, seeds in ((net.pushforward, tangents), (net.pullback, cotangents)):
        for each in (seeds, seeds[0]):
            assert_same_bits(method(x, each, threads=8), method(x, each, threads=1))
    lin = net.linearize(x, threads=8)
    assert_same_bits([lin.value, lin.jacobian(threads=8)], net.value_and_jacobian(x, threads=1))
    assert all(threads == chunks > 1 for _, threads, chunks in calls)
    assert len(calls) >= 6


def test_helpers_that_never_come_are_not_waited_for(calls, monkeypatch):
    monkeypatch.setattr(crew.crew, "_wake", lambda helpers: None)
    net = network((3, 100, 80, 4), "nothing", "a diagonal", "a normalizer")
    x = np.random.default_rng(1).standard_normal((2, 3))
    assert_same_bits(net.value_and_jacobian(x, threads=8), net.value_and_jacobian(x, threads=1))
    ((samples, threads, chunks),) = calls
    assert samples == 2
    assert threads == chunks > 1


def test_the_same_memory_serves_one_call_after_another(calls):
    net = network((2, 400, 300, 3), "nothing", "a diagonal", "a diagonal", np.float32)
    x = np.random.default_rng(1).standard_normal((3, 2))
    expected = net.value_and_jacobian(x, threads=1)
    for turn in range(200):
        n, threads = 1 + turn % 3, (2, 3, 8)[turn // 3 % 3]
        assert_same_bits(net.value_and_jacobian(x[:n], threads=threads), [array[:n] for array in expected])
    assert {n for n, threads, chunks in calls if threads == chunks > 1} == {1, 2, 3}
    assert len({threads for _, threads, _ in calls}) == 3


def test_the_samples_of_a_last_round_are_computed_together(monkeypatch, calls):
    """Two threads, three samples: one each, and the third by both."""
    monkeypatch.setattr(sharing, "TOGETHER_LOSS", 1.1)
    net = network((300, 200, 250), "nothing", "a diagonal", "nothing")
    x = np.random.default_rng(1).standard_normal((3, 300))
    expected = net.value_and_jacobian(x, threads=1)
    assert_same_bits(net.value_and_jacobian(x, threads=2), expected)
    assert calls == [(2, 2, 2), (1, 2, 2)]


def test_a_cheap_sample_is_left_to_one_thread(monkeypatch, calls):
    monkeypatch.undo()
    net = network((60, 20, 90), "nothing", "a diagonal", "nothing")
    assert net.jacobian(np.zeros(60), threads=2).shape == (90, 60)
    assert not calls
