"""Every contender computes the same Jacobian, and one that is not installed is left out."""

import importlib.util
from functools import partial

import numpy as np
import pytest

from asv_benches import common, jacobian, peers
from asv_benches.recipe import ACTIVATIONS, Recipe

from .networks import with_data

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def needs(contender):
    missing = not peers.is_installed(contender)
    return pytest.param(contender, marks=pytest.mark.skipif(missing, reason=f"{contender} is not installed"))


CONTENDERS = [needs(contender) for contender in peers.CONTENDERS]
LARGE = ("emulator", "autoencoder", "square", "mnist")


def assert_every_order_agrees(contender, recipe, batch):
    x = recipe.inputs(batch, "float64")
    expected = recipe.network("float64").jacobian(x, mode="reverse")
    for order, compute in peers.CONTENDERS[contender](recipe, "float64").items():
        found = compute(x)
        assert found.shape == expected.shape, order
        assert common.relative_error(found, expected) < common.tolerance("float64"), order
        assert not np.shares_memory(found[:1], found[1:]), order


# JAX and torch compile for seconds, and take the large networks as they take the small ones.
@pytest.mark.parametrize("name", [with_data(name) for name in common.NETWORKS if name not in LARGE])
@pytest.mark.parametrize("contender", CONTENDERS)
def test_every_order_of_every_contender_agrees(contender, name):
    assert_every_order_agrees(contender, common.NETWORKS[name], 2)


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("contender", [needs("expert NumPy"), needs("expert torch")])
def test_every_order_of_an_expert_agrees_on_large_networks(contender, name):
    assert_every_order_agrees(contender, common.NETWORKS[name], 2)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("contender", CONTENDERS)
def test_every_activation_of_every_contender_agrees(contender, activation):
    assert_every_order_agrees(contender, Recipe((3, 7, 5, 4), activation, softmax=True, batches=(3,), seed=1), 3)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_single_affine_layer_has_a_jacobian_for_each_sample(contender, softmax):
    assert_every_order_agrees(contender, Recipe((3, 4), "relu", softmax, batches=(3,), seed=1), 3)


def test_a_batch_in_pieces_gives_the_same():
    recipe = common.NETWORKS["dynamics"]
    x = recipe.inputs(7, "float64")
    for jacobian_of in peers.with_numpy(recipe, "float64").values():
        np.testing.assert_allclose(peers.in_pieces(jacobian_of, 3)(x), jacobian_of(x), rtol=1e-12, atol=1e-15)


def test_factors_larger_than_the_limit_are_computed_in_pieces(monkeypatch):
    monkeypatch.setattr(peers, "FACTOR_BYTES", 1_000_000)
    pieces = partial(peers.n_pieces, common.CELLS["dynamics-4096"], "float32")
    # The widest boundary has 64 units: 4096 * 12 * 64 numbers forward, 4096 * 8 * 64 in reverse.
    assert (pieces("forward"), pieces("reverse"), pieces("auto")) == (13, 9, 1)


def test_peer_that_is_not_installed_is_skipped(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotImplementedError, match="JAX is not installed"):
        jacobian.Peers().setup("JAX", "seed-64", "float32")


@pytest.fixture
def orders(monkeypatch):
    """A contender whose calls take as long as this says; what the orders return is their name."""
    seconds = {"forward": 2.0, "reverse": 1.0}
    clock = [0.0]

    def order(name, x):
        clock[0] += seconds[name]
        return name

    monkeypatch.setitem(peers.CONTENDERS, "JAX", lambda recipe, dtype: {name: partial(order, name) for name in seconds})
    monkeypatch.setattr(peers.time, "perf_counter", lambda: clock[0])
    return seconds


def chosen():
    return peers.prepare.__wrapped__("JAX", common.CELLS["dynamics-1"], "float32").jacobian(None)


def test_the_faster_order_is_chosen(monkeypatch, orders):
    looked = {"forward": 2.0, "reverse": 3.0}
    monkeypatch.setattr(peers, "interleaved", lambda calls, effort, typical: {order: looked[order] for order in calls})
    assert chosen() == "forward"
    looked["reverse"] = 1.0
    assert chosen() == "reverse"


def test_an_order_that_is_clearly_slower_is_called_once_more_and_no_further(monkeypatch, orders):
    monkeypatch.setattr(peers, "interleaved", None)
    orders["forward"] = 3.5
    assert chosen() == "reverse"
    orders["reverse"] = 11.0
    assert chosen() == "forward"
