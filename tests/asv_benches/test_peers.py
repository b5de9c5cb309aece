"""Every contender computes the same Jacobian, and one that is not installed is left out."""

import importlib.util

import pytest

from asv_benches import common, jacobian, peers

from .networks import with_data

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def needs(contender):
    missing = not peers.is_installed(contender)
    return pytest.param(contender, marks=pytest.mark.skipif(missing, reason=f"{contender} is not installed"))


# JAX and torch compile for seconds, and take the large networks as they take the small ones.
SMALL = [with_data(name) for name in common.NETWORKS if name not in ("emulator", "autoencoder", "square", "mnist")]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("contender", [needs(contender) for contender in peers.CONTENDERS])
def test_every_order_of_every_contender_agrees(contender, name):
    recipe = common.NETWORKS[name]
    x = recipe.inputs(2, "float64")
    expected = recipe.network("float64").jacobian(x, mode="reverse")
    for order, compute in peers.CONTENDERS[contender](recipe, "float64").items():
        assert common.relative_error(compute(x), expected) < common.tolerance("float64"), order


def test_peer_that_is_not_installed_is_skipped(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotImplementedError, match="JAX is not installed"):
        jacobian.Peers().setup("JAX", "seed-64", "float32")


def test_the_faster_order_is_chosen(monkeypatch):
    orders = {"forward": lambda x: "forward", "reverse": lambda x: "reverse"}
    monkeypatch.setitem(peers.CONTENDERS, "JAX", lambda recipe, dtype: orders)
    seconds = {"forward": 2.0, "reverse": 1.0}
    monkeypatch.setattr(peers, "interleaved", lambda calls, effort, typical: {order: seconds[order] for order in calls})
    choose = peers.prepare.__wrapped__
    assert choose("JAX", "dynamics-1", "float32") is orders["reverse"]
    seconds["reverse"] = 3.0
    assert choose("JAX", "dynamics-1", "float32") is orders["forward"]
    # The forward order is hopeless for 500 inputs and 10 outputs.
    assert choose("JAX", "seed-1", "float32") is orders["reverse"]
