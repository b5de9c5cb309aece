"""A flat network gives the bits of the network, with its parts one after another, at the same cost."""

import numpy as np

import fastjac as fj
from fastjac.flat import flat
from tests.bits import assert_same_bits

RNG = np.random.default_rng(0)
X, U = fj.Input(3), fj.Input(2)
H = fj.Tanh()(fj.Affine(RNG.standard_normal((9, 5)))(fj.concatenate([X, U])))
NET = fj.Network(inputs=(X, U), outputs=(X + fj.Affine(RNG.standard_normal((3, 9)))(H), H), dtype=np.float64)


def test_a_network_of_several_inputs_and_outputs():
    one = flat(NET)
    x, u = RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2))
    assert (one.inputs, one.outputs, one.dtype) == ((5,), (12,), NET.dtype)
    y, jacobian = one.value_and_jacobian(np.concatenate([x, u], axis=1))
    parts, blocks = NET.value_and_jacobian((x, u))
    assert_same_bits([y, jacobian], [np.concatenate(parts, -1), np.concatenate([np.concatenate(row, -1) for row in blocks], -2)])
    assert one.plan().multiply_adds == NET.plan().multiply_adds
    narrow = fj.Network(inputs=X, outputs=(2.0 * X, X[:1]), dtype=np.float32)
    assert (flat(narrow)(x).shape, flat(narrow).dtype) == ((7, 4), np.float32)


def test_a_network_of_one_vector_is_itself():
    net = fj.Network([fj.Tanh()], n_in=3)
    assert flat(net) is net
