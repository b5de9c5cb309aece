"""Samples with the slopes of the one before them get its Jacobian, which has the bits of their own."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.call import call, handle_of
from fastjac.lowering.program import workspace
from tests.bits import assert_same_bits

PIECEWISE_LINEAR = {
    "relu": fj.ReLU(),
    "leaky relu": fj.LeakyReLU(0.1),
    "prelu": fj.PReLU(np.linspace(-1.0, 1.0, 20)),
    "relu6": fj.ReLU6(),
    "hard tanh": fj.HardTanh(),
    "hard sigmoid": fj.HardSigmoid(),
    "hard shrink": fj.HardShrink(),
    "soft shrink": fj.SoftShrink(),
    "threshold": fj.Threshold(0.1, 0.3),
    "sparse sigmoid": fj.SparseSigmoid(),
}
CURVED = {"tanh": fj.Tanh(), "hard swish": fj.HardSwish(), "elu": fj.ELU(), "softmax": fj.Softmax(), "layer norm": fj.LayerNorm()}


def network(activation, dtype=np.float64):
    rng = np.random.default_rng(3)
    layers = []
    for n_out, n_in in ((20, 3), (20, 20), (4, 20)):
        weight = rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)
        layers += [fj.Affine(weight, rng.standard_normal(n_out)), activation]
    return fj.Network(layers[:-1], dtype=dtype)


def walk(n, dtype=np.float64):
    """Inputs on a line in steps so fine that most lie in the region of the one before, then some that jump."""
    rng = np.random.default_rng(4)
    x = np.linspace(-1.0, 1.0, n)[:, None] * rng.standard_normal(3) + rng.standard_normal(3)
    x[n // 2 :: 7] = rng.standard_normal(x[n // 2 :: 7].shape)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", PIECEWISE_LINEAR)
def test_a_copied_jacobian_has_the_bits_of_its_own(activation, dtype):
    net = network(PIECEWISE_LINEAR[activation], dtype)
    assert net.program().layout["piecewise_linear"][0]
    x = walk(200, dtype)
    for mode in ("forward", "reverse", "mixed"):
        alone = np.stack([net.jacobian(row, mode) for row in x])
        assert len(np.unique(alone, axis=0)) < len(x), "no sample shares its Jacobian, so nothing is tested"
        for threads in (1, 2):
            assert_same_bits(net.jacobian(x, mode, threads=threads), alone)


@pytest.mark.parametrize("activation", CURVED)
def test_a_curved_map_shares_no_jacobian(activation):
    net = network(CURVED[activation])
    assert not net.program().layout["piecewise_linear"][0]
    x = np.repeat(walk(10), 2, axis=0)
    assert_same_bits(net.jacobian(x), np.stack([net.jacobian(row) for row in x]))


def test_slopes_that_differ_in_the_sign_of_zero_or_are_nan_are_no_surprise():
    net = fj.Network([fj.Affine(np.eye(3)), fj.PReLU(np.array([0.0, -0.0, 0.5])), fj.Affine(np.ones((2, 3)))])
    x = np.array([[1, 1, 1], [-1, -1, -1], [-1, -1, -1], [np.nan, 1, 1], [np.nan, 1, 1], [np.inf, -np.inf, 0], [1, 1, 1]], float)
    assert_same_bits(net.jacobian(x), np.stack([net.jacobian(row) for row in x]))


def test_seeds_of_their_own_are_not_shared():
    net, x = network(fj.ReLU()), np.repeat(walk(5), 4, axis=0)
    rng = np.random.default_rng(5)
    tangents, cotangents = rng.standard_normal((20, 3, 2)), rng.standard_normal((20, 2, 4))
    jacobians = net.jacobian(x)
    np.testing.assert_allclose(net.pushforward(x, tangents)[1], jacobians @ tangents, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(net.pullback(x, cotangents)[1], cotangents @ jacobians, rtol=1e-12, atol=1e-12)
    for seed in (tangents[0], tangents[:1]):
        np.testing.assert_allclose(net.pushforward(x, seed)[1], jacobians @ tangents[0], rtol=1e-12, atol=1e-12)


def test_a_network_without_activations_has_one_jacobian():
    weight = np.random.default_rng(6).standard_normal((2, 3))
    jacobians = fj.Network([fj.Affine(weight)]).jacobian(walk(100))
    assert_same_bits(jacobians, np.broadcast_to(weight, (100, 2, 3)).copy())


def test_a_twin_is_copied_and_not_computed():
    net = network(fj.ReLU())
    # Without any steps nothing is computed, so what appears in a result was copied.
    layout = net.program().layout.copy()
    layout["last_step"] = layout["first_step"]
    program = net.program()._replace(layout=layout)
    x = walk(3)[[0, 0, 2, 2, 2, 0]]
    assert not np.array_equal(net.jacobian(x[0]), net.jacobian(x[2]))
    out = np.arange(6.0)[:, None, None] + np.zeros((6, 4, 3))
    work, lists = workspace(program, 1)
    call(handle_of(program, 0, work, lists), x, np.empty((0, 0)), np.empty((0, 0)), out)
    np.testing.assert_array_equal(out[:, 0, 0], [0, 0, 2, 2, 2, 5])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 5), (40, 60), (80, 100)])
@pytest.mark.parametrize("count", [2, 3, 47, 48, 49, 150])
def test_many_twins_of_any_size_are_copied(rows, columns, count):
    """Small ones several at a time, and the last copy is not written beyond."""
    rng = np.random.default_rng(7)
    net = fj.Network([fj.Affine(rng.standard_normal((rows, columns))), fj.ReLU()])
    x = np.concatenate([np.tile(rng.standard_normal(columns), (count, 1)), -np.ones((2, columns))])
    memory = np.full((count + 3, rows, columns), 5.0)
    net.jacobian(x, out=memory[:-1], threads=1)
    assert_same_bits(memory[:-1], np.stack([net.jacobian(row) for row in x]))
    assert (memory[-1] == 5.0).all()
