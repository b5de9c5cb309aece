"""Ctrl-C stops a long call at once, and the network can be used again."""

import sys

import pytest

from tests.fresh_process import run_script

MOST_SECONDS = 1.0
"""From the signal to the exception on a busy machine; on an idle one it is at most 0.2 s."""
SCRIPT = """
    import os, signal, threading, time
    import numpy as np
    from tests.mixed_calls import network

    # A shell's background jobs ignore SIGINT, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    net = network(np.random.default_rng(0), (64, 512, 512, 512, 4), np.float32)
    few = np.random.default_rng(1).standard_normal((100, 64)).astype(np.float32)
    call = net.{method}
    expected = call(few, threads={threads})
    start = time.monotonic()
    call(few, threads={threads})
    lasts_ten_seconds = np.tile(few, (int(10 / (time.monotonic() - start)), 1))

    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    sent, seconds = [], []
    for delay in (0.05, 0.12, 0.19, 0.26, 0.33):
        timer = threading.Timer(delay, interrupt)
        timer.start()
        try:
            call(lasts_ten_seconds, threads={threads})
        except KeyboardInterrupt:
            seconds.append(time.monotonic() - sent[-1])
        timer.join()
    assert (call(few, threads={threads}) == expected).all()
    print(*seconds)
"""


def seconds_to_stop(method, threads):
    """From each of five signals to the exception that it raises."""
    finished = run_script(SCRIPT.format(method=method, threads=threads), NUMBA_NUM_THREADS="4")
    return [float(word) for word in finished.stdout.split()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole process groups")
@pytest.mark.parametrize(("method", "threads"), [("jacobian", 1), ("jacobian", 4), ("singular_values", 4)])
def test_a_long_call_stops_at_ctrl_c(method, threads):
    seconds = seconds_to_stop(method, threads)
    assert len(seconds) == 5
    assert max(seconds) < MOST_SECONDS
