"""Memory of the pullback: its own result and little more, and nothing left behind by many calls."""

from pathlib import Path

import pytest

from tests.lowering.test_memory import MB, MOST_GROWTH, measure

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux shows a process its memory in /proc")

BLOCK = 4 * MB
"""What is kept of a block on each thread, with room for what an allocator does by itself."""
SETTLED = """
    fillers = []

    def settled():
        # Fills up to the highest peak so far, so that all that comes now raises it.
        fillers.append(np.ones(max(0, memory("VmHWM") - memory("VmRSS")), np.uint8))
        return memory("VmHWM")
"""
PULLBACK = """
    net = network(rng, {widths}, np.{dtype})
    few = rng.random((100, net.n_in))
    net.jacobian_vjp(few)[2](*net.value_and_jacobian(few))
    x = rng.random(({batch}, net.n_in)).astype(net.dtype)
    y, jacobian, pullback = net.jacobian_vjp(x)
    by_y, by_jacobian = np.ones_like(y), np.ones_like(jacobian)
    before = settled()
    gradient = pullback(by_y, by_jacobian)
    print(memory("VmHWM") - before, y.nbytes + jacobian.nbytes)
"""
PARAMETER_PRODUCTS = """
    net = network(rng, (20, 50, 50, 10), np.float64)
    x, v, u = rng.random((30_000, 20)), rng.random(net.n_parameters), rng.random((30_000, 10))
    for product, seed in ((net.parameter_jvp, v), (net.parameter_vjp, u), (net.gauss_newton_product, v)):
        product(x[:100], seed[:100] if seed is u else seed)
    before = settled()
    for product, seed in ((net.parameter_jvp, v), (net.parameter_vjp, u), (net.gauss_newton_product, v)):
        product(x, seed)
    print(memory("VmHWM") - before, x.nbytes)
"""
SMALL_CALLS = """
    nets = [network(rng, (5, 20, 5), dtype) for dtype in (np.float32, np.float64)]
    x = rng.random((7, 5))

    def call_often(count):
        for _ in range(count):
            for net in nets:
                y, jacobian, pullback = net.jacobian_vjp(x)
                pullback(y, jacobian)
                pullback(y, None, threads=2)
                net.parameter_jvp(x, net.parameters())

    call_often(200)
    before = memory("VmRSS")
    call_often(800)
    print(memory("VmRSS") - before)
"""


@pytest.mark.parametrize(
    ("widths", "batch", "dtype"),
    [
        pytest.param((100, 30, 20), 6_000, "float64", id="wide"),
        pytest.param((5, 16, 5), 500_000, "float32", id="so narrow that inputs are a fifth of the Jacobian"),
        pytest.param((300, 300, 2), 5_000, "float32", id="sums of many parameters"),
    ],
)
def test_extra_peak_of_the_pullback(widths: tuple[int, ...], batch: int, dtype: str) -> None:
    extra, result = measure(SETTLED + PULLBACK, widths=widths, batch=batch, dtype=dtype)
    assert result > 10 * MB
    assert extra <= 2 * result + BLOCK


def test_products_with_the_parameter_jacobian_need_but_a_few_vectors() -> None:
    extra, inputs = measure(SETTLED + PARAMETER_PRODUCTS)
    assert extra <= 6 * inputs + BLOCK


def test_small_calls_leave_nothing_behind() -> None:
    (growth,) = measure(SMALL_CALLS)
    assert growth <= MOST_GROWTH
