"""Lowering: what is folded, what a program stores, and several products of one network in one program."""

import numba
import numpy as np
import pytest

from fastjac import GELU, Affine, Input, LayerNorm, Network, ReLU, Residual, Scale, Softmax, Tanh
from fastjac import numba as compiled
from fastjac.kernels.call import call, handle_of
from fastjac.kernels.contract import contract, contract_far
from fastjac.kernels.jit import kernel_address
from fastjac.kernels.target import lanes
from fastjac.lowering import program
from fastjac.lowering.memory import Parameters
from fastjac.lowering.program import lower, workspace
from fastjac.planning.chain import chain_of
from fastjac.planning.plan import plan
from fastjac.planning.product import Wanted, product_of
from fastjac.running.batch import Runner

from .. import naive
from ..bits import assert_same_bits
from ..random_networks import random_network


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
    assert net.program().layout["n_primal"][0] == 3  # affine, ReLU, affine
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
    for kind, mode in (("tangents", "forward"), ("cotangents", "reverse")):
        assert net._runners.get(mode, Wanted(seed=kind, width=1)).program.parameters.size < 10 * 3000 * 48


TASKS = ((None, 0, "reverse"), ("tangents", 5, "forward"), (None, 0, "mixed"), ("cotangents", 2, "reverse"), (None, 0, "forward"))
"""Seed, its width and mode of each product of one program."""


def tasks_of(network_chain):
    products = [product_of(network_chain, Wanted(seed=seed, width=width)) for seed, width, _ in TASKS]
    modes = [mode for _, _, mode in TASKS]
    width = lanes(network_chain.dtype)
    return [(product, plan(product.shape(width), mode)) for product, mode in zip(products, modes, strict=True)]


def seeds_of(product, samples):
    """Random seeds (samples, seed_size), or an empty array where the product has none."""
    if None not in product.leaves:
        return np.empty((0, 0))
    place = product.leaves.index(None)
    return np.random.default_rng(5).standard_normal((samples, product.sizes[place] * product.sizes[place + 1]))


@pytest.mark.parametrize("samples", [1, 7, 50])
def test_each_task_of_a_program_computes_what_a_program_of_its_own_does(samples):
    rng = np.random.default_rng(0)
    layers = [Affine(rng.standard_normal((30, 20))), ReLU(), Affine(rng.standard_normal((25, 30)))]
    layers += [LayerNorm(), Affine(rng.standard_normal((40, 25))), Softmax()]
    network_chain = chain_of(tuple(layers), 20, np.dtype(np.float64))
    x, tasks = rng.standard_normal((samples, 20)), tasks_of(network_chain)
    together = lower(network_chain, tasks)
    assert len(together.layout) == len(TASKS)
    work, lists = workspace(together, 1)
    for number, (product, order) in enumerate(tasks):
        seed, out_size = seeds_of(product, samples), product.sizes[-1] * product.sizes[0]
        found, alone = ([np.full((samples, size), np.nan) for size in (40, out_size)] for _ in range(2))
        call(handle_of(together, number, work, lists), x, seed, *found)
        Runner(lower(network_chain, [(product, order)]), 1.0)(x, seed, *alone, 1)
        assert_same_bits(found, alone)
        np.testing.assert_allclose(found[0], naive.value(layers, x), rtol=1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse", "mixed"])
@pytest.mark.parametrize("seed", range(24))
def test_what_a_workspace_held_before_does_not_matter(seed, mode):
    """Padding, and the room of units that were dropped, is computed on but never reaches a result."""
    net = Network(random_network(seed).layers)
    x = np.random.default_rng(seed).standard_normal((9, net.n_in))
    expected = net.value_and_jacobian(x, mode, threads=1)
    for memory in net._runners.get(mode)._idle:
        memory.work[:] = np.nan
        memory.lists[:, net.program(mode).layout[0]["n_identity"] :] = -1
    for size in (9, 1):
        assert_same_bits(net.value_and_jacobian(x[:size], mode, threads=1), (part[:size] for part in expected))


@pytest.mark.parametrize(
    ("layers", "needed", "all_moves"),
    [
        ([Affine(np.ones((3, 2)))], 0, 1),
        ([Affine(np.ones((3, 2))), Tanh(), Affine(np.ones((4, 3)))], 2, 3),
        ([Affine(np.ones((3, 2))), Tanh(), Affine(np.ones((4, 3))), Softmax()], 4, 4),
        ([Affine(np.ones((3, 2))), Residual([Tanh(), Affine(np.ones((3, 3)))])], 3, 5),
    ],
)
def test_a_jacobian_needs_the_sweep_up_to_the_last_state(layers, needed, all_moves):
    """What follows makes the values alone; a J without values does not compute them, and finds the same bits."""
    net = Network(layers)
    layout = net.program("auto").layout[0]
    assert (layout["state_primal"], layout["n_primal"]) == (needed, all_moves)
    x = np.random.default_rng(0).standard_normal((7, 2))
    assert_same_bits([net.jacobian(x)], net.value_and_jacobian(x)[1:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [(2**24 + 1,), (2**24 + 1, 0, 2**31 - 2)])
def test_the_numbers_of_units_are_stored_exactly(units, dtype):
    """2^24 + 1 is no number of float32: as one, it would stand for the unit before it."""
    parameters = Parameters(np.dtype(dtype))
    parameters.add(np.ones(3))
    place = parameters.add_units(units)
    assert tuple(parameters.array()[place:].view(np.int32)[: len(units)]) == units


@pytest.mark.slow  # It takes 1.4 GB.
def test_units_behind_the_first_2_to_the_24_are_taken_in_float32():
    x = Input(2**24 + 2)
    net = Network(inputs=x, outputs=Tanh()(x[[-1, 0]]), dtype=np.float32)
    there = np.zeros(x.size, np.float32)
    there[-1] = 1.0
    y, gradient = net.vjp(there, [1, 0])
    np.testing.assert_allclose(y, [np.tanh(1.0), 0.0], rtol=1e-6)
    assert np.flatnonzero(gradient).tolist() == [2**24 + 1]


def test_a_program_without_a_task_computes_values():
    rng = np.random.default_rng(0)
    layers = (Affine(rng.standard_normal((6, 4))), Tanh())
    x, y = rng.standard_normal((5, 4)), np.empty((5, 6))
    program = lower(chain_of(layers, 4, np.dtype(np.float64)))
    assert len(program.layout) == 1
    Runner(program, 1.0)(x, np.empty((0, 0)), y, np.empty((0, 0)), 1)
    np.testing.assert_allclose(y, naive.value(layers, x), rtol=1e-14)


@numba.njit
def _jacobians_from_a_users_loop(program, x, jac, scratch):
    for i in range(len(x)):
        compiled.jacobian(program, x[i], jac[i], scratch)


def test_a_program_is_an_argument_of_jitted_code():
    rng = np.random.default_rng(0)
    net = Network([Affine(rng.standard_normal((6, 4))), Tanh(), Affine(rng.standard_normal((3, 6)))])
    x, out, program = rng.standard_normal((5, 4)), np.empty((5, 3, 4)), net.program()
    _jacobians_from_a_users_loop(program, x, out, compiled.scratch(program))
    assert_same_bits([out], [net.jacobian(x)])


def test_a_scale_behind_an_activation_is_not_folded_forward_past_it():
    layers = [Affine(np.eye(2)), GELU(), Scale(2.0, 1.0), Softmax()]
    net = Network(layers)
    np.testing.assert_allclose(net([0.3, -1.0]), naive.value(layers, np.array([0.3, -1.0])), rtol=1e-14)


@pytest.mark.parametrize("activation", [Tanh(), ReLU()], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_that_the_caches_do_not_hold_are_asked_for_ahead(monkeypatch, dtype, activation):
    """With the same bits, for every way of taking the samples."""
    rng = np.random.default_rng(0)
    layers = [Affine(rng.standard_normal((90, 30))), activation, Affine(rng.standard_normal((70, 90))), activation]
    layers.append(Affine(rng.standard_normal((4, 70))))
    near, far = (Network(layers, dtype=dtype) for _ in range(2))
    x = rng.standard_normal((53, 30))
    expected = [net_of(near, x) for net_of in (Network.__call__, Network.jacobian)]
    assert near.program().layout["contract"][0] == kernel_address(contract, near.dtype)
    monkeypatch.setattr(program, "FAR_WEIGHTS", 2 * (90 * 30 + 70 * 90 + 4 * 70) * near.dtype.itemsize - 1)
    assert_same_bits([net_of(far, x) for net_of in (Network.__call__, Network.jacobian)], expected)
    assert far.program().layout["contract"][0] == kernel_address(contract_far, far.dtype)
