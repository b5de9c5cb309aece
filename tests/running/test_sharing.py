"""How samples are shared out: every sample once, Ctrl-C soon, and 1 to 64 threads busy to the end."""

import heapq

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastjac.caches import Caches
from fastjac.pages import PAGE_BYTES
from fastjac.running import sharing
from fastjac.running.sharing import CALL_COST, Call, Work, calls, is_shared, samples_alone

ACAS_XU = Work(60_000, 52_000, 48, 48, 1)
MNIST = Work(1_600_000, 4_500_000, 48, 42, 7, 0.02)
AUTOENCODER = Work(170_000_000 * 0.4, 1_700_000, 18, 1, 30, 0.01)
TANH_512 = Work(670_000_000, 7_300_000, 12, 1, 40, 0.001)

OUTER = Work(15_000, 2_000, 48, 48, 1, result_bytes=7_000)

blocks = st.integers(1, 8).map(lambda sixths: 6 * sixths)
groups = st.integers(1, 48)
shares = st.floats(0.0, 1.0)
widths = st.sampled_from([2, 4, 8, 16])
results = st.integers(0, 10**7)
works = st.builds(
    Work, st.floats(1.0, 1e11), st.integers(4, 10**9), blocks, groups, st.integers(1, 200), shares, st.just(1), widths, results
) | st.builds(
    Work,
    st.floats(1.0, 1e5),
    st.integers(4, 10**6),
    blocks,
    groups,
    st.just(1),
    shares,
    st.sampled_from([4, 8, 16, 32]),
    widths,
    results,
)


@given(works, st.integers(0, 10**6), st.integers(1, 64), st.none() | st.integers(1, 64))
@example(TANH_512, 17, 16, None)
def test_every_sample_is_computed_once_and_in_order(work, n, most_threads, threads):
    found = calls(work, n, most_threads, threads)
    stops = [0, *(call.stop for call in found)]
    assert [call.first for call in found] == stops[:-1]
    assert stops[-1] == n
    for call in found:
        samples = call.stop - call.first
        assert 1 <= call.threads <= min(most_threads, threads or most_threads)
        assert call.threads <= call.chunks <= (work.parts if call.together else samples)
        assert not call.together or (call.threads == call.chunks > 1 and samples <= work.group)


@given(works, st.integers(1, 10**6), st.integers(1, 64))
@example(TANH_512, 400, 2)
def test_a_call_ends_soon_or_cannot_be_shorter(work, n, threads):
    for call in calls(work, n, threads):
        samples = call.stop - call.first
        assert samples * work.cost <= CALL_COST * threads * 1.0001 or samples <= call.threads


@given(works, st.integers(1, 10**6), st.integers(2, 64))
def test_few_samples_are_one_call_on_one_thread(work, n, threads):
    expected = [Call(0, n, 1, 1)]
    assert (n > samples_alone(work)) or calls(work, n, threads) == expected


def test_small_work_is_shared_only_where_that_is_asked_for():
    assert calls(ACAS_XU, 8, 16) == [Call(0, 8, 1, 1)]
    assert calls(ACAS_XU, 8, 4, threads=4) == [Call(0, 8, 4, 4)]


def busy(work, n, threads, seconds_per_cost=1 / 4e10, handing_out=1e-6):
    """The share of time in which threads work, if each takes the next chunk as soon as it is free, as `kernels.share` does."""
    span = 0.0
    for call in calls(work, n, threads, threads):
        samples = call.stop - call.first
        free = [0.0] * call.threads
        for chunk in range(call.chunks):
            if call.together:
                whole = samples * work.cost * sharing.TOGETHER_LOSS
                cost = whole * (work.serial + (1 - work.serial) / call.chunks) + sharing.TOGETHER_COST
            else:
                cost = work.cost * (samples * (chunk + 1) // call.chunks - samples * chunk // call.chunks)
            heapq.heapreplace(free, free[0] + cost * seconds_per_cost + handing_out)
        span += max(free)
    return n * work.cost * seconds_per_cost / (span * threads)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64])
def test_all_threads_are_busy_for_heavy_samples_and_for_light_ones(threads):
    for n in (threads, threads + 1, 2 * threads, 3 * threads + 1, 1000):
        assert busy(TANH_512, n, threads) > 0.75
    for n in (4 * threads, 256, 1000):
        assert busy(AUTOENCODER, max(n, threads), threads) > 0.6
    assert busy(ACAS_XU, 100_000, threads) > 0.9


def test_one_heavy_sample_takes_all_threads_and_a_light_one_none():
    assert calls(TANH_512, 1, 16) == [Call(0, 1, 16, 16, together=True)]
    assert calls(TANH_512, 1, 64) == [Call(0, 1, 40, 40, together=True)]
    assert calls(TANH_512, 1, 16, threads=1) == [Call(0, 1, 1, 1)]
    assert calls(ACAS_XU, 1, 16, threads=16) == [Call(0, 1, 1, 1)]
    assert is_shared(TANH_512)
    assert not is_shared(ACAS_XU)


def test_samples_of_an_incomplete_round_are_computed_together_where_that_is_sooner():
    assert calls(TANH_512, 17, 16) == [Call(0, 16, 16, 16), Call(16, 17, 16, 16, together=True)]
    assert calls(TANH_512, 15, 16) == [Call(0, 15, 15, 15)]
    assert calls(TANH_512._replace(parts=1), 17, 16) == [Call(0, 17, 9, 9)]


def test_few_samples_of_large_weights_are_computed_together_and_many_are_dealt_out(monkeypatch):
    """Each thread then reads a part of the weights alone, which takes longer than a few samples' arithmetic."""
    monkeypatch.setattr(sharing, "caches", lambda: Caches(32 * 1024, 2**20))
    assert calls(MNIST, 4, 2) == [Call(0, 4, 2, 2, together=True)]
    assert not any(call.together for call in calls(MNIST, 1000, 2))


def test_samples_are_dealt_out_where_much_of_the_work_must_be_done_by_one_thread():
    assert calls(TANH_512._replace(serial=0.95), 17, 16) == [Call(0, 17, 9, 9)]
    assert calls(AUTOENCODER._replace(serial=0.1), 16, 16) == [Call(0, 16, 16, 16)]


def test_what_is_over_before_a_thread_wakes_is_brief_unless_threads_are_asked_for():
    (call,) = calls(ACAS_XU, 100, 2)
    assert call.brief
    assert not any(call.brief for call in calls(ACAS_XU, 100, 2, threads=2) + calls(ACAS_XU, 10_000, 2))


def test_where_registers_are_narrow_threads_pay_sooner():
    """A multiply-add takes 4 times as long in registers of 4 numbers as in those of 16."""
    narrow = ACAS_XU._replace(lanes=4)
    assert (samples_alone(ACAS_XU), samples_alone(narrow)) == (16, 3)
    assert [call.threads for work in (ACAS_XU, narrow) for call in calls(work, 8, 2)] == [1, 2]
    assert [bool(call.brief) for work in (ACAS_XU, narrow) for call in calls(work, 100, 2)] == [True, False]


def test_chunks_of_large_results_are_large_and_those_of_small_ones_fit_a_block():
    (large,), unsized = calls(OUTER, 4_000, 2), OUTER._replace(result_bytes=0)
    assert 4_000 * OUTER.result_bytes / large.chunks > 0.9 * PAGE_BYTES
    assert calls(unsized, 4_000, 2)[0].chunks > 4 * large.chunks
    assert calls(OUTER, 1_000, 2) == calls(unsized, 1_000, 2)
    assert calls(OUTER, 4_000, 64, 64) == calls(unsized, 4_000, 64, 64)
