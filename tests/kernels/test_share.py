"""Chunks of a call: each is run once, by a thread that may take part, whoever comes early, late or not at all."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastjac.kernels.call import HANDLE_WORDS, KERNEL, MEETING, N_IN, N_OUT, OUT_SIZE, WORK_STRIDE, call
from fastjac.kernels.jit import address_of_compiled, jit
from fastjac.kernels.meeting import meeting_words
from fastjac.kernels.memory import view
from fastjac.kernels.run import SIGNATURE
from fastjac.kernels.share import JOB_WORDS, TAKEN, TICKET, serve, share
from fastjac.lowering.memory import aligned_zeros

HELPERS = 7
VALUE = 1000
"""What a kernel adds to y, besides the number of its thread: more than all threads' numbers, so that writing it twice shows."""


@jit
def record(addresses, task, arrays, n, memory, team):
    """Counts in `out` how often each sample, or each share of them, is run; `y` takes the number of the (first) thread."""
    _, _, y, out, _ = arrays
    if team[0] != 0:
        view(0.0, out, team[1] + 1)[team[1]] += 1
    else:
        counts = view(0.0, out, n)
        for sample in range(n):
            counts[sample] += 1
    if y != 0 and team[1] == 0:
        values = view(0.0, y, n)
        for sample in range(n):
            values[sample] += VALUE + memory[0]


def handle_for():
    """A handle of `record`, to whom the first thread's scratch is 0, the second one's is 1, and so on."""
    handle = np.zeros(HANDLE_WORDS, np.int64)
    handle[[KERNEL, N_IN, N_OUT, OUT_SIZE, WORK_STRIDE]] = address_of_compiled(record, SIGNATURE), 1, 1, 1, 1
    return handle


def run(job, threads, chunks, n, together=False):
    """How often each of n samples, or each share of them, was run, and the number of the thread that gave each sample's value."""
    counts, values, handle = np.zeros(max(n, chunks)), np.zeros(n), handle_for()
    meeting = np.zeros(meeting_words(0, chunks), np.int64)
    if together:
        handle[MEETING] = meeting.ctypes.data
    assert share(job, threads, chunks, handle, np.zeros(n), np.empty(0), values, counts)
    return counts[: chunks if together else n], values - VALUE


@pytest.fixture
def job():
    return aligned_zeros(JOB_WORDS, np.dtype(np.int64))


@pytest.fixture
def served_job(job):
    """A job that other threads serve, whatever cores there are, while the test lasts."""
    over = threading.Event()

    def work(number):
        while not over.is_set():
            serve(job, number)
            over.wait(0.001 * number)

    helpers = [threading.Thread(target=work, args=(number,)) for number in range(1, HELPERS + 1)]
    for helper in helpers:
        helper.start()
    yield job
    over.set()
    for helper in helpers:
        helper.join()


@pytest.mark.parametrize("n", [2, 7, 8, 9, 63, 64, 65, 1000])
def test_each_sample_is_run_once_by_a_caller_alone(job, n):
    for chunks in (1, 2, 3, n // 2, n - 1, n):
        counts, numbers = run(job, 8, max(1, chunks), n)
        assert (counts == 1).all()
        assert (numbers == 0).all()


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_each_sample_is_run_once_by_threads_that_may(served_job, threads):
    rng = np.random.default_rng(0)
    for _ in range(1000):
        n = int(rng.integers(2, 500))
        counts, numbers = run(served_job, threads, int(rng.integers(1, n + 1)), n)
        assert (counts == 1).all()
        assert ((numbers >= 0) & (numbers < threads)).all()


def test_helpers_take_part(served_job):
    """However busy the machine, they do so soon."""
    end = time.monotonic() + 60
    while not run(served_job, 8, 10_000, 10_000)[1].any():
        assert time.monotonic() < end


def test_jobs_after_a_pause_in_which_helpers_have_left(served_job):
    for number in range(200):
        time.sleep(0.0001 * (number % 7))
        counts, _ = run(served_job, 8, 100, 100)
        assert (counts == 1).all()


@pytest.mark.parametrize("shares", [2, 3, 8])
def test_each_share_of_samples_is_run_once(served_job, shares):
    for n in (1, 2, 50) * 100:
        counts, numbers = run(served_job, 8, shares, n, together=True)
        assert (counts == 1).all()
        assert ((numbers >= 0) & (numbers <= HELPERS)).all()


def test_a_caller_that_finds_the_job_taken_does_nothing(job):
    job[TAKEN] = 1
    before, counts = job.copy(), np.zeros(9)
    assert not share(job, 2, 3, handle_for(), np.zeros(9), np.empty(0), np.zeros(9), counts)
    assert not counts.any()
    assert (job == before).all()


def test_a_job_is_free_again_after_a_call(job):
    for _ in range(3):
        run(job, 2, 5, 20)
        assert job[TAKEN] == 0


def test_callers_at_once_are_served_or_refused(served_job):
    """Whoever is refused finds nothing done, and can do it alone."""

    def call_often(_):
        for _ in range(1000):
            x, counts = np.zeros(50), np.zeros(50)
            if not share(served_job, 8, 10, handle, x, np.empty(0), np.zeros(50), counts):
                assert not counts.any()
                call(handle, x, np.empty(0), np.zeros(50), counts)
            assert (counts == 1).all()
        return True

    handle = handle_for()
    with ThreadPoolExecutor(4) as callers:
        assert all(callers.map(call_often, range(4)))


def test_a_helper_finds_nothing_when_all_is_done(job):
    counts, _ = run(job, 8, 10, 50)
    ticket = job[TICKET]
    serve(job, 1)
    assert job[TICKET] == ticket
    assert (counts == 1).all()
