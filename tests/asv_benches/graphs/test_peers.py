"""Every contender computes the same Jacobian of every graph, in every order that it offers."""

import numpy as np
import pytest

from asv_benches import common
from asv_benches.graphs import peers
from asv_benches.graphs.recipes import GRAPH_CELLS, GRAPHS
from asv_benches.peers import is_installed
from tests.asv_benches.test_peers import needs

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("contender", [needs(contender) for contender in peers.CONTENDERS])
def test_every_order_of_every_contender_agrees(contender, name):
    recipe = GRAPHS[name]
    inputs = recipe.inputs(2, "float64")
    network = recipe.network("float64")
    expected = peers.whole(network.jacobian(inputs if len(inputs) > 1 else inputs[0], mode="reverse"))
    assert expected.shape == (2, network.n_out, network.n_in)
    for order, jacobian in peers.CONTENDERS[contender](recipe, "float64").items():
        found = jacobian(*inputs)
        assert isinstance(found, tuple) == (len(inputs) > 1), order
        assert common.relative_error(peers.whole(found), expected) < common.tolerance("float64"), order


def test_prepared_call_gives_the_blocks_of_the_cell():
    state, action = peers.prepare.__wrapped__("fastjac", GRAPH_CELLS["critic-1024"], "float32")()
    assert (state.shape, action.shape) == ((1024, 1, 24), (1024, 1, 6))
    np.testing.assert_array_equal(peers.whole((state, action)), np.concatenate([state, action], axis=2))


def test_hopeless_order_is_not_tried(monkeypatch):
    tried = []
    monkeypatch.setattr(peers, "fastest", lambda calls: tried.extend(calls) or tried[0])
    order = {"forward": lambda *x: "forward", "reverse": lambda *x: "reverse"}
    monkeypatch.setitem(peers.CONTENDERS, "JAX", lambda recipe, dtype: order)
    assert peers.prepare.__wrapped__("JAX", GRAPH_CELLS["critic-1024"], "float32")() == "reverse"
    assert tried == ["reverse"]


def test_contenders_are_those_that_are_installed(monkeypatch):
    assert peers.installed() == [contender for contender in peers.CONTENDERS if is_installed(contender)]
    monkeypatch.setattr(peers, "is_installed", lambda contender: contender != "JAX")
    assert peers.installed() == ["fastjac", "torch.func"]
