"""Lowering: memory that does not overlap, weights stored once, and every bracketing of a chain computing the same J."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastjac import GELU, Affine, LayerNorm, LogSoftmax, Network, ReLU, ReLU6, Scale, Softmax, Tanh, chain
from fastjac.batch import Runner
from fastjac.chain import chain_of, product_of
from fastjac.kernels.memory import call_address
from fastjac.kernels.run import compiled_address
from fastjac.kernels.target import lanes
from fastjac.memory import Arena, Parameters, aligned_zeros
from fastjac.plan import Plan, Step, step_cost
from fastjac.program import lower, workspace

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
def test_every_bracketing_with_every_link_gives_the_same_jacobian(link, splits, monkeypatch):
    layers = chain_of_links(link)
    if link == "nothing":
        # One that would be folded into a smaller product must stay apart here.
        monkeypatch.setattr(chain, "_is_cheaper_folded", lambda first, second: False)
    network_chain = chain_of(tuple(layers), SIZES[0], np.dtype(np.float64))
    product = product_of(network_chain)
    shape = product.shape(lanes(np.dtype(np.float64)))
    steps = tuple(Step(*split, step_cost(shape, *split)) for split in splits)
    runner = Runner(lower(network_chain, product, Plan(shape, "mixed", "mixed", steps)), 1.0)
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
        Scale(rng.standard_normal(4)),
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


@pytest.mark.parametrize(("mean", "deviation"), [(30.0, 1.0), (300.0, 0.7), (101325.0, 300.0)])
def test_normalization_of_inputs_far_from_zero_keeps_its_digits_in_float32(mean, deviation):
    rng = np.random.default_rng(0)
    layers = [
        Scale(1.0, np.full(8, -mean)),
        Scale(1 / deviation),
        Affine(rng.standard_normal((32, 8))),
        Tanh(),
        Affine(rng.standard_normal((4, 32))),
    ]
    x = (mean + deviation * rng.standard_normal((50, 8))).astype(np.float32)
    expected = naive.jacobian(layers, x.astype(np.float64))
    found = Network(layers, dtype=np.float32).jacobian(x)
    assert np.abs(found - expected).max() / np.abs(expected).max() < 2e-5


def test_affine_layers_side_by_side_are_folded_where_that_is_cheaper():
    rng = np.random.default_rng(0)

    def affine(n_out, n_in):
        return Affine(rng.standard_normal((n_out, n_in)), rng.standard_normal(n_out))

    wide, narrow = [affine(50, 4), affine(3, 50)], [affine(2, 40), affine(40, 2)]
    for layers, n_steps in ((wide, 1), (narrow, 2)):
        net = Network([*layers, Tanh()])
        assert len(net.program().primal) == n_steps + 1
        x = rng.standard_normal((3, net.n_in))
        np.testing.assert_allclose(net(x), naive.value([*layers, Tanh()], x), rtol=1e-12)
        expected = naive.jacobian([*layers, Tanh()], x)
        np.testing.assert_allclose(net.jacobian(x), expected, atol=1e-13 * np.abs(expected).max())


def test_parameters_that_are_nan_or_infinite_raise_no_warning():
    net = Network([Scale(np.array([0.0, 1.0])), Affine(np.array([[np.inf, 1.0], [np.nan, 2.0]])), Affine(np.eye(2)), ReLU()])
    with np.errstate(all="raise"):
        assert np.isnan(net(np.array([1.0, 1e-300]))).all()
        net.astype(np.float32)(np.array([1.0, 1e-300]))


def test_products_of_a_network_without_affine_layers_form_no_square_matrix():
    net = Network([Softmax()], n_in=3000)
    x, v = np.random.default_rng(0).standard_normal((2, 3000))
    y, tangent = net.jvp(x, v)
    np.testing.assert_allclose(tangent, y * (v - y @ v), atol=1e-15)
    np.testing.assert_allclose(net.vjp(x, v)[1], tangent, atol=1e-15)
    assert all(runner.program.parameters.size < 10 * 3000 * 48 for runner in net._runners.values())


def test_a_network_keeps_few_programs():
    net = Network([Affine(np.eye(4)), ReLU(), Affine(np.eye(4))])
    for k in range(1, 40):
        tangents = np.ones((4, k))
        np.testing.assert_array_equal(net.pushforward(np.ones(4), tangents)[1], tangents)
    assert len(net._runners) <= 8


@numba.njit
def _run_from_a_users_loop(kernel, program, x, seed, y, out, work, lists):
    for i in range(len(x)):
        call_address(kernel, (program, x[i : i + 1], seed, y[i : i + 1], out[i : i + 1], work, lists))


def test_a_program_is_an_argument_of_jitted_code():
    rng = np.random.default_rng(0)
    net = Network([Affine(rng.standard_normal((6, 4))), Tanh(), Affine(rng.standard_normal((3, 6)))])
    x = rng.standard_normal((5, 4))
    y, out, seed = np.empty((5, 3)), np.empty((5, 12)), np.empty((0, 0))
    work, lists = (array[0] for array in workspace(net.program(), 1))
    arguments = (net.program(), x, seed, y, out, work, lists)
    _run_from_a_users_loop(compiled_address(*arguments), *arguments)
    np.testing.assert_array_equal(out.reshape(5, 3, 4), net.jacobian(x))


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
