"""Calls of every kind on several networks, with the answers to expect: what threads and processes are given to do."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import NamedTuple

import numpy as np

from fastjac import Affine, Network, ReLU, Softmax, Tanh
from tests import naive

WIDTHS = ((5, 50, 50, 5), (20, 70, 3), (40, 60, 4, 60, 40))
BATCHES = (1, 3, 200)
PIECES = 1000
"""Inputs of a call that reads singular values off J, on threads that it starts."""


class Call(NamedTuple):
    """A public method of a network with its arguments; it pickles."""

    net: Network
    method: str
    arguments: tuple

    def answers(self, threads=None):
        """What the method returns, as a tuple of arrays."""
        result = getattr(self.net, self.method)(*self.arguments, threads=threads)
        return result if isinstance(result, tuple) else (result,)

    def expected(self):
        """The naive twin of `answers`."""
        x = self.arguments[0]
        y, jacobian = naive.value(self.net, x), naive.jacobian(self.net, x)
        if self.method == "jvp":
            return y, np.einsum("...ij,...j", jacobian, self.arguments[1])
        if self.method == "vjp":
            return y, np.einsum("...ij,...i", jacobian, self.arguments[1])
        if self.method == "singular_values":
            return (np.linalg.svd(jacobian, compute_uv=False),)
        return {"__call__": (y,), "jacobian": (jacobian,), "value_and_jacobian": (y, jacobian)}[self.method]


def mixed_calls():
    """Every method on networks of either precision, for one input, a few and many."""
    rng = np.random.default_rng(0)
    return [
        Call(net, method, arguments)
        for net in (network(rng, widths, dtype) for widths in WIDTHS for dtype in (np.float32, np.float64))
        for batch in BATCHES
        for method, arguments in _methods(rng, net, rng.standard_normal((batch, net.n_in)).astype(net.dtype))
    ]


def network(rng, widths, dtype):
    """A random network of hidden ReLU and tanh layers, with a softmax at its end."""
    layers = []
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        weight = rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
        layers += [Affine(weight.astype(dtype), rng.standard_normal(n_out).astype(dtype)), (ReLU(), Tanh())[number % 2]]
    return Network([*layers[:-1], Softmax()])


def _methods(rng, net, x):
    yield "__call__", (x,)
    yield "jacobian", (x,)
    yield "value_and_jacobian", (x,)
    yield "jvp", (x, rng.standard_normal(x.shape))
    yield "vjp", (x, rng.standard_normal((len(x), net.n_out)))
    if len(x) == max(BATCHES) and net.n_in == WIDTHS[-1][0]:
        yield "singular_values", (rng.standard_normal((PIECES, net.n_in)),)


def answer(call, threads=2):
    """`call.answers`, as a function that every kind of pool can send to its workers."""
    return call.answers(threads)


def answers_from_threads(calls, n_threads):
    """For each of `n_threads` threads that start at once, the answers to all calls, which each begins at another one."""
    barrier = Barrier(n_threads)

    def go_round(thread):
        barrier.wait()
        order = np.roll(np.arange(len(calls)), thread)
        found = {number: answer(calls[number], (None, 1, 2, 4)[(thread + number) % 4]) for number in order}
        return [found[number] for number in range(len(calls))]

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(go_round, range(n_threads)))


def assert_right(calls, results):
    """Each result has the bits of an undisturbed call, which agrees with the naive twin."""
    for call, result in zip(calls, results, strict=True):
        tolerance = 1e-4 if call.net.dtype == np.float32 else 1e-11
        for actual, alone, naive_answer in zip(result, call.answers(threads=1), call.expected(), strict=True):
            np.testing.assert_array_equal(actual, alone)
            np.testing.assert_allclose(actual, naive_answer, rtol=tolerance, atol=tolerance)


def assert_all_right(calls, results):
    """What every thread has found, from `answers_from_threads`, is right."""
    first, *others = results
    assert_right(calls, first)
    for other in others:
        for result, expected in zip(other, first, strict=True):
            assert [array.tobytes() for array in result] == [array.tobytes() for array in expected]
