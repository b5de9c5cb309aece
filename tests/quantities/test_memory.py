"""What is read off the Jacobians of a large batch takes little memory besides its result."""

from pathlib import Path

import pytest

from tests.lowering.test_memory import MB, measure

EXTRA_PEAK = """
    net = network(rng, (784, 128, 64, 10), np.float32)
    x = rng.random((5_000, 784), np.float32)
    calls = [net.jacobian_norm, net.fisher, lambda x: net.gram(x, side="outputs")]
    for call in calls:
        call(x[:500])
    before = memory("VmHWM")
    for call in calls:
        call(x)
    print(memory("VmHWM") - before, net.jacobian(x[:1]).nbytes * len(x))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux shows a process its memory in /proc")
def test_extra_peak_of_a_large_batch():
    extra, jacobians = measure(EXTRA_PEAK)
    assert jacobians > 140 * MB
    # Each thread has a piece of J of 4 MB and some copies of it, and a few sums of 5 MB wait to be added.
    assert extra <= 64 * MB
