"""The graphs of the suite: right sizes, the same inputs in both dtypes, none of them near a kink."""

import numpy as np
import pytest

import fastjac as fj
from asv_benches import common
from asv_benches.graphs import in_numpy, kinks
from asv_benches.graphs.recipes import GRAPH_CELLS, GRAPHS, GraphRecipe
from asv_benches.graphs.walk import output

SIZES = {
    "residual-dynamics": ((12,), 12, 5_772),
    "resnet": ((256,), 256, 789_504),
    "critic": ((24, 6), 1, 73_985),
    "swiglu": ((64,), 64, 49_728),
    "deeponet": ((100, 2), 1, 15_041),
    "densenet": ((32,), 10, 11_978),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_has_its_sizes_and_is_no_chain(name):
    network = GRAPHS[name].network("float32")
    assert (network.inputs, network.n_out, network.n_parameters) == SIZES[name]
    assert network.dtype == np.float32
    assert not GRAPHS[name].graph("float32").is_path


@pytest.mark.parametrize("dtype", common.DTYPES)
@pytest.mark.parametrize("name", GRAPHS)
def test_walk_gives_the_values_of_the_network(name, dtype):
    inputs = GRAPHS[name].inputs(5, dtype)
    found = output(in_numpy, GRAPHS[name].graph(dtype))(*inputs)
    network = GRAPHS[name].network(dtype)
    expected = network(inputs if len(inputs) > 1 else inputs[0])
    assert common.relative_error(found, expected) < common.tolerance(dtype)


def test_inputs_are_the_same_in_both_dtypes_and_clear_of_kinks():
    recipe = GRAPHS["densenet"]
    (x,) = recipe.inputs(256, "float64")
    assert x.shape == (256, 32)
    np.testing.assert_array_equal(recipe.inputs(256, "float32")[0], x)
    assert kinks.kink_distance(recipe.graph("float64"), [x]).min() > kinks.KINK_MARGIN


def test_distance_is_the_share_of_what_was_summed():
    x = fj.Input(2)
    network = fj.Network(inputs=x, outputs=x + fj.ReLU()(fj.Affine([[1.0, -1.0], [2.0, 0.0]], [0.0, -1.0])(x)))
    # The first unit receives 3 - 2 = 1 of 5, the second 6 - 1 = 5 of 7; then 1 - 1 = 0 of 2.
    np.testing.assert_allclose(kinks.kink_distance(network._graph, [np.array([[3.0, 2.0], [1.0, 1.0]])]), [0.2, 0.0])


def test_graph_whose_inputs_all_lie_on_kinks_is_refused():
    def on_kink(random):
        x = fj.Input(1)
        one = fj.Affine([[0.0]], [1.0])(x)
        return fj.Network(inputs=x, outputs=x + fj.ReLU()(fj.Affine([[1.0]], [-1.0])(one)))

    with pytest.raises(RuntimeError, match="0 of 300 inputs are clear of the graph's kinks, and 3 are needed"):
        GraphRecipe(on_kink, batches=(3,), seed=0).inputs(3, "float64")


def test_cells_are_graphs_at_their_batch_sizes():
    assert list(GRAPH_CELLS) == [
        "residual-dynamics-1",
        "residual-dynamics-4096",
        "resnet-64",
        "critic-1024",
        "swiglu-64",
        "deeponet-1024",
        "densenet-256",
    ]
    (x,) = GRAPH_CELLS["resnet-64"].inputs("float32")
    assert (x.shape, x.dtype) == ((64, 256), np.float32)
