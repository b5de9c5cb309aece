"""Memory: a large batch needs little beyond its result, and neither calls nor networks leave anything behind."""

from pathlib import Path

import pytest

from tests.fresh_process import run_script

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux shows a process its memory in /proc")

MB = 2**20
MOST_GROWTH = 2 * MB
"""What an allocator may do by itself; 200,000 calls that each leave 11 bytes pass it."""
MEMORY = """
    import numpy as np
    from pathlib import Path
    from tests.mixed_calls import network

    def memory(name):
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024

    rng = np.random.default_rng(0)
"""
EXTRA_PEAK = """
    net = network(rng, {widths}, np.float32)
    x = rng.random(({batch}, net.n_in), np.{dtype})
    net.jacobian(x[:1000], threads={threads})
    # Stands in for the result, on top of all that was used before.
    stand_in = np.ones(({batch}, net.n_out, net.n_in), np.float32)
    before = memory("VmHWM")
    del stand_in
    jacobian = net.jacobian(x, threads={threads})
    print(memory("VmHWM") - before, jacobian.nbytes)
"""
OUT_WITH_GAPS = """
    net = network(rng, (784, 128, 64, 10), np.float32)
    x = rng.random((12_000, 784), np.float32)
    net.jacobian(x[:1000])
    out = np.ones((12_000, 10, 800), np.float32)[..., :784]
    before = memory("VmHWM")
    net.jacobian(x, out=out)
    print(memory("VmHWM") - before)
"""
SMALL_CALLS = """
    nets = [network(rng, widths, dtype) for widths in ((5, 20, 5), (12, 64, 64, 8)) for dtype in (np.float32, np.float64)]
    inputs = [[rng.random((batch, net.n_in)) for batch in (1, 7)] for net in nets]

    def call_often(count):
        for turn in range(count // 20):
            for net, (one, few) in zip(nets, inputs):
                net.jacobian(one[0])
                net(one[0])
                net.value_and_jacobian(few)
                net.jvp(one, one)
                net.vjp(few, few[0, : net.n_out], threads=2 if turn % 10 == 0 else 1)

    call_often(20_000)
    before = memory("VmRSS")
    call_often({count})
    print(memory("VmRSS") - before)
"""
NETWORKS = """
    def make_and_drop(count):
        for _ in range(count):
            net = network(rng, (50, 100, 50), np.float64)
            net.jacobian(rng.random((3, 50)))
            net.vjp(rng.random((3, 50)), rng.random(50))

    make_and_drop(50)
    before = memory("VmRSS")
    make_and_drop(500)
    print(memory("VmRSS") - before)
"""


def measure(script, **values):
    return map(int, run_script(MEMORY + script.format(**values), timeout=1200).stdout.split())


@pytest.mark.parametrize(
    ("widths", "batch", "dtype", "threads"),
    [
        pytest.param((784, 128, 64, 10), 12_000, "float32", 1, id="wide"),
        pytest.param((784, 128, 64, 10), 12_000, "float32", 2, id="wide, on two threads"),
        pytest.param((5, 16, 5), 3_500_000, "float32", 1, id="so narrow that the values are a fifth of the Jacobian"),
        pytest.param((5, 16, 5), 3_500_000, "float64", 2, id="inputs of another dtype, on two threads"),
    ],
)
def test_extra_peak_of_a_large_batch(widths, batch, dtype, threads):
    extra, result = measure(EXTRA_PEAK, widths=widths, batch=batch, dtype=dtype, threads=threads)
    assert result > 300 * MB
    assert extra <= max(64 * MB, 0.05 * result)


def test_extra_peak_with_an_out_that_kernels_cannot_write_to():
    (extra,) = measure(OUT_WITH_GAPS)
    assert extra <= 64 * MB


@pytest.mark.parametrize("count", [200_000, pytest.param(10_000_000, marks=pytest.mark.long)])
def test_small_calls_leave_nothing_behind(count):
    (growth,) = measure(SMALL_CALLS, count=count)
    assert growth <= MOST_GROWTH


def test_networks_leave_nothing_behind():
    """Each takes 80 kB for its weights and as much for its programs."""
    (growth,) = measure(NETWORKS)
    assert growth <= MOST_GROWTH
