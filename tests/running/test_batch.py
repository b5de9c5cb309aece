"""How a batch is run: the same answers by every way of running, in as many calls and threads as it is worth."""

import numba
import numpy as np
import pytest

from fastjac import Affine, Network, ReLU, Residual, Softmax, Tanh
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.running import batch, crew, sharing
from tests.bits import assert_same_bits


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(0)
    layers = [Affine(rng.standard_normal((60, 20))), ReLU(), Affine(rng.standard_normal((10, 60))), Softmax()]
    return Network(layers)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).standard_normal((301, 20))


@pytest.fixture(scope="module")
def expected(net, x):
    return net.jacobian(x, threads=1)


def test_a_call_that_finds_the_crew_in_use_does_its_work_alone(net, x, expected, monkeypatch):
    refused = []
    monkeypatch.setattr(crew.crew, "share", lambda *arguments: refused.append(arguments))
    np.testing.assert_array_equal(net.jacobian(x, threads=2), expected)
    assert len(refused) == (crew.crew.most_threads > 1)


def test_a_long_call_is_cut_into_several(net, x, expected, monkeypatch):
    net, calls = net.astype(net.dtype), []

    def counting_call(*arguments):
        calls.append(len(arguments[1]))
        call(*arguments)

    call = batch.call
    monkeypatch.setattr(batch, "call", counting_call)
    monkeypatch.setattr(sharing, "CALL_COST", 1_000_000)
    np.testing.assert_array_equal(net.jacobian(x, threads=1), expected)
    assert len(calls) >= 3
    assert sum(calls) == len(x)


def test_small_work_stays_on_one_thread(net, monkeypatch):
    monkeypatch.setattr(crew.crew, "share", None)
    assert net.jacobian(np.zeros((2, 20))).shape == (2, 10, 20)


def test_large_work_is_shared_out_and_the_callers_setting_kept(net, x, expected):
    before = numba.get_num_threads()
    np.testing.assert_array_equal(net.jacobian(x), expected)
    np.testing.assert_array_equal(net.jacobian(x, threads=64), expected)
    assert numba.get_num_threads() == before


def test_scratch_memory_is_reused(net, x):
    for _ in range(20):
        net.jacobian(x, threads=2)
        net.jacobian(x[:1])
    assert len(net._runners.get("auto")._idle) <= 2 * 32


def rows_of(shape):
    return np.random.default_rng(2).standard_normal(shape)


CONSTANT = {
    "one layer": Network([Affine(rows_of((3, 4)), rows_of(3))]),
    "float32": Network([Affine(rows_of((3, 4)), rows_of(3))], dtype=np.float32),
    "not folded": Network([Affine(rows_of((2, 4))), Affine(rows_of((5, 2)))]),
    "a block": Network([Residual([Affine(rows_of((4, 4)))])]),
}
LEADS = [(), (1,), (7,), (1, 1), (2, 3), (0,), (3000,)]


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("lead", LEADS)
def test_a_constant_jacobian_has_the_bits_of_one_that_is_computed(name, lead):
    net = CONSTANT[name]
    x = rows_of((*lead, 4)).astype(net.dtype)
    for choice in ({}, {"mode": "forward"}, {"wrt": [2, 0]}, {"of": 1}, {"wrt": slice(None)}):
        computed = net.jacobian(x, threads=1, **choice)
        found = net.jacobian(x, **choice)
        assert (found.shape, found.dtype) == (computed.shape, net.dtype)
        assert_same_bits(found, computed)
        assert_same_bits(net.jacobian(x, out=np.empty_like(computed), **choice), computed)


@pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 3)])
def test_a_constant_jacobian_is_computed_once_and_each_caller_owns_a_copy(lead, monkeypatch):
    net = Network([Affine(rows_of((3, 4)), rows_of(3))])
    expected = np.broadcast_to(net.layers[0].weight, (*lead, 3, 4))
    net.jacobian(np.zeros(4))
    monkeypatch.setattr(batch, "call", None)
    monkeypatch.setattr(batch, "call_alone", None)
    for _ in range(2):
        jacobian = net.jacobian(np.zeros((*lead, 4)))
        assert_same_bits(jacobian, expected.copy())
        jacobian[...] = np.nan


def test_a_constant_jacobian_is_the_same_at_any_x():
    net = CONSTANT["one layer"]
    expected = net.jacobian(np.zeros((2, 4)))
    for x in (np.full((2, 4), np.nan), np.full((2, 4), np.inf), [[1, 2, 3, 4], [True, 0, 0, 0]], np.zeros((4, 2), np.int8).T):
        assert_same_bits(net.jacobian(x), expected)
    for x, kind in ((np.zeros((2, 3)), ShapeError), (np.float64(1.0), ShapeError), (np.zeros((2, 4), complex), DtypeError)):
        with pytest.raises(kind):
            net.jacobian(x)
    for wrong in ({"mode": "sideways"}, {"mode": ["auto"]}, {"mode": None}, {"threads": 0}, {"wrt": 4}, {"of": [0, 0]}):
        with pytest.raises(OptionError):
            net.jacobian(np.zeros((2, 4)), **wrong)


def test_what_depends_on_x_or_takes_a_seed_is_not_constant():
    nets = [Network([Affine(np.eye(2)), *behind]) for behind in ([Tanh()], [Softmax()], [])]
    for net in nets:
        x = np.arange(float(net.n_in))
        net.jacobian(x)
        net.pushforward(x, np.eye(net.n_in))
        net(x)
    assert [runner.is_constant for net in nets[:2] for runner in net._runners.kept.values()] == [False] * 6
    kept = nets[2]._runners.kept
    assert [key for key, runner in kept.items() if runner.is_constant] == ["auto"]


@pytest.mark.parametrize("kind", ["float32", "transposed", "read-only", "three axes"])
def test_few_samples_that_kernels_cannot_take_as_they_lie(net, kind):
    x = np.random.default_rng(3).standard_normal((6, 20)).astype(np.float32).astype(np.float64)
    expected = np.stack([net.jacobian(row) for row in x])
    given = {"float32": x.astype(np.float32), "transposed": np.asfortranarray(x), "read-only": x.copy(), "three axes": x[None]}[
        kind
    ]
    given.flags.writeable = kind != "read-only"
    assert_same_bits(net.jacobian(given).reshape(expected.shape), expected)
    out = np.zeros((*given.shape[:-1], 10, 40))[..., ::2]
    assert net.jacobian(given, out=out) is out
    assert_same_bits(out.reshape(expected.shape).copy(), expected)
