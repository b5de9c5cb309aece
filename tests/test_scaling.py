"""Time grows with the batch as a straight line.

On one thread, whose own time is counted, because on a busy machine threads wait for each other and for a core; what a second one
gains is for the benchmarks to show.
"""

import time
from functools import partial

import numpy as np
import pytest

from tests.mixed_calls import network

BLOCK = 100_000
"""Most inputs in one call; all calls write to one array, so that no time goes into fresh memory."""
MOST_SPREAD = 2.0
"""Between the times for one input in a small and in a large batch, which ought to be equal."""


@pytest.fixture(scope="module", params=[(5, 50, 50, 50, 5), (12, 64, 64, 8)], ids=str)
def net(request):
    return network(np.random.default_rng(0), request.param, np.float32)


@pytest.fixture(scope="module")
def run(net):
    """A function that computes the Jacobians of so many inputs, in blocks and on one thread."""
    x = np.random.default_rng(1).standard_normal((BLOCK, net.n_in)).astype(np.float32)
    out = np.empty((BLOCK, net.n_out, net.n_in), np.float32)

    def run(batch):
        size = min(batch, BLOCK)
        for _ in range(batch // size):
            net.jacobian(x[:size], out=out[:size], threads=1)

    run(BLOCK)
    return run


def timings(calls, rounds):
    """The seconds of each call in each round; all are timed in turn, so that a slow minute strikes them alike."""
    return np.array([[_seconds(call) for call in calls] for _ in range(rounds)])


def _seconds(call):
    call()  # a virtual machine may have put aside the memory that a call of another size has left
    start = time.thread_time()
    call()
    return time.thread_time() - start


@pytest.mark.parametrize("largest", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_time_against_batch_is_a_straight_line(run, largest):
    batches = (1_000, 10_000, largest)
    each = np.min(timings([partial(run, batch) for batch in batches], rounds=7), axis=0) / batches
    assert max(each) < MOST_SPREAD * min(each), f"seconds for an input: {dict(zip(batches, each.tolist(), strict=True))}"
