"""Lowering: memory that does not overlap, weights stored once, and every bracketing of a chain computing the same J."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastjac import GELU, Affine, LayerNorm, LogSoftmax, Network, ReLU, ReLU6, Scale, Softmax, Tanh
from fastjac.batch import Runner
from fastjac.chain import chain_of, product_of
from fastjac.kernels.target import lanes
from fastjac.memory import Arena, Parameters, aligned_zeros
from fastjac.plan import Plan, Step, step_cost
from fastjac.program import lower

from . import naive

SIZES = (5, 9, 3, 17, 2, 7)
LINKS = {
    "relu": [ReLU()],
    "tanh": [Tanh()],
    "two diagonals": [Tanh(), ReLU()],
    "normalizer": [Softmax()],
    "normalizer between diagonals": [Tanh(), LayerNorm(eps=1e-2), ReLU6()],
    "two normalizers": [LayerNorm(), LogSoftmax()],
    "nothing": [],
}


def all_bracketings(start, stop):
    """Every way to multiply the span, as lists of splits."""
    if stop == start + 1:
        return [[]]
    return [
        [*left, *right, (start, middle, stop)]
        for middle in range(start + 1, stop)
        for left in all_bracketings(start, middle)
        for right in all_bracketings(middle, stop)
    ]


def chain_of_links(link, sizes=SIZES):
    """A network with the same link at every boundary, both ends included."""
    rng = np.random.default_rng(3)
    layers = [*LINKS[link]]
    for n_in, n_out in pairwise(sizes):
        layers += [Affine(rng.standard_normal((n_out, n_in)), rng.standard_normal(n_out)), *LINKS[link]]
    return layers


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("splits", all_bracketings(0, len(SIZES) - 1), ids=str)
def test_every_bracketing_with_every_link_gives_the_same_jacobian(link, splits):
    layers = chain_of_links(link)
    chain = chain_of(tuple(layers), SIZES[0], np.dtype(np.float64))
    product = product_of(chain)
    shape = product.shape(lanes(np.dtype(np.float64)))
    steps = tuple(Step(*split, step_cost(shape, *split)) for split in splits)
    runner = Runner(lower(chain, product, Plan(shape, "mixed", "mixed", steps)), 1.0)
    x = np.random.default_rng(4).standard_normal((3, SIZES[0]))
    y, out = np.empty((3, SIZES[-1])), np.empty((3, SIZES[-1] * SIZES[0]))
    runner(x, np.empty((3, 0)), y, out, 1)
    expected = naive.jacobian(layers, x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(out.reshape(expected.shape) / scale, expected / scale, atol=1e-13)
    np.testing.assert_allclose(y, naive.value(layers, x), rtol=1e-12, atol=1e-14)


def test_a_scale_beside_an_affine_layer_is_folded_into_it():
    rng = np.random.default_rng(0)
    layers = [
        Scale(rng.standard_normal(4), rng.standard_normal(4)),
        Affine(rng.standard_normal((3, 4)), rng.standard_normal(3)),
        Scale(rng.standard_normal(3), 2.0),
        ReLU(),
        Affine(rng.standard_normal((2, 3))),
    ]
    net = Network(layers)
    assert len(net.program().primal) == 3  # affine, ReLU, affine
    x = rng.standard_normal((5, 4))
    np.testing.assert_allclose(net(x), naive.value(layers, x), rtol=1e-13)
    np.testing.assert_allclose(net.jacobian(x), naive.jacobian(layers, x), rtol=1e-13)


def test_a_scale_behind_an_activation_is_not_folded_forward_past_it():
    layers = [Affine(np.eye(2)), GELU(), Scale(2.0, 1.0), Softmax()]
    net = Network(layers)
    np.testing.assert_allclose(net([0.3, -1.0]), naive.value(layers, np.array([0.3, -1.0])), rtol=1e-14)


def test_equal_arrays_are_stored_once():
    parameters = Parameters(np.dtype(np.float32))
    first = parameters.add(np.arange(6.0).reshape(2, 3))
    assert parameters.add(np.arange(6.0).reshape(2, 3)) == first
    assert parameters.add(np.arange(6.0).reshape(3, 2)) != first
    assert parameters.array().dtype == np.float32


def test_a_program_stores_each_weight_only_in_the_orientations_it_reads():
    rng = np.random.default_rng(0)
    layers = [Affine(rng.standard_normal((64, 64))), ReLU()] * 2 + [Affine(rng.standard_normal((64, 64)))]
    net = Network(layers)
    # Two distinct weights. Forward order pushes through the transposed ones, which the primal sweep reads too; reverse
    # order pulls through the first as it is.
    forward, reverse = (net.program(mode).parameters.size // 64**2 for mode in ("forward", "reverse"))
    assert (forward, reverse) == (2, 3)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_aligned_zeros_start_on_a_cache_line(size):
    array = aligned_zeros(size, np.dtype(np.float32))
    assert array.ctypes.data % 64 == 0
    assert array.shape == (size,)
    assert not array.any()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=30))
def test_arena_never_hands_out_a_region_twice(requests):
    arena, taken = Arena(100), {}
    for size, give_back in requests:
        offset = arena.take(size)
        assert offset >= 100
        assert arena.end >= offset + size
        for other, other_size in taken.items():
            assert offset + size <= other or other + other_size <= offset
        taken[offset] = size
        if give_back:
            oldest = next(iter(taken))
            arena.free(oldest)
            del taken[oldest]


def test_arena_reuses_what_was_given_back():
    arena = Arena(0)
    first = arena.take(10)
    arena.take(10)
    arena.free(first)
    assert arena.take(10) == first
    assert arena.end == 20
