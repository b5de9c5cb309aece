"""The networks of the suite: right sizes, clear of kinks, the same for everyone; trained ones where their files lie."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest

from asv_benches import common, nnet
from asv_benches.recipe import KINK_MARGIN, Recipe

from .networks import AVAILABLE, with_data

MULTIPLY_ADDS = {  # of one value: the size of all weights
    "seed": 51_000,
    "acasxu": 13_000,
    "acasxu-real": 13_000,
    "dynamics": 5_376,
    "mnist": 268_800,
    "emulator": 2_069_504,
    "autoencoder": 417_792,
    "square": 393_216,
}


@pytest.mark.parametrize("dtype", common.DTYPES)
@pytest.mark.parametrize("name", AVAILABLE)
def test_network_builds(name, dtype):
    recipe = common.NETWORKS[name]
    network = recipe.network(dtype)
    assert network.dtype == dtype
    assert (network.n_in, network.n_out) == (recipe.widths[0], recipe.widths[-1])
    assert sum(layer.arrays["weight"].size for layer in network if layer.arrays) == MULTIPLY_ADDS[name]


@pytest.mark.parametrize("name", ["acasxu", with_data("acasxu-real")])
def test_inputs_stay_clear_of_kinks_and_are_the_same_in_both_dtypes(name):
    recipe = common.NETWORKS[name]
    x = recipe.inputs(4096, "float64")
    assert x.shape == (4096, 5)
    np.testing.assert_array_equal(recipe.inputs(4096, "float32"), x)
    hidden = x
    for weight, bias in recipe.parameters("float64")[:-1]:
        summed = np.abs(hidden) @ np.abs(weight).T + np.abs(bias)
        hidden = hidden @ weight.T + bias
        assert (np.abs(hidden) / summed).min() > KINK_MARGIN
        hidden = np.maximum(hidden, 0.0)


def test_dead_layer_is_no_kink():
    """What a layer receives from units that are all dead is its bias, exactly."""
    dead = (np.array([[0.0]]), np.array([-1.0])), (np.array([[3.0]]), np.array([1e-9])), (np.array([[1.0]]), np.array([0.0]))
    recipe = ByHand((1, 1, 1, 1), "relu", False, (5,), 0, dead)
    np.testing.assert_array_equal(recipe.kink_distance(np.ones((2, 1))), [1.0, 1.0])
    assert recipe.inputs(5, "float32").shape == (5, 1)


def test_network_whose_inputs_all_lie_on_kinks_is_refused():
    one, less_one = (np.array([[0.0]]), np.array([1.0])), (np.array([[1.0]]), np.array([-1.0]))
    with pytest.raises(RuntimeError, match=r"0 of 300 inputs are clear of the kinks of .*, and 3 are needed"):
        ByHand((1, 1, 1, 1), "relu", False, (3,), 0, (one, less_one, one)).inputs(3, "float64")


@dataclass(frozen=True)
class ByHand(Recipe):
    by_hand: tuple = field(hash=False)

    def weights(self):
        return self.by_hand


def test_cells_are_networks_at_their_batch_sizes():
    assert len(common.CELLS) == 21
    assert common.CELLS["seed-1024"] == common.Cell("seed", common.NETWORKS["seed"], 1024)
    assert set(common.BATCH_CELLS) < set(common.CELLS)


def test_hopeless_order_is_left_out():
    orders = {name: recipe.hopeless_order for name, recipe in common.NETWORKS.items()}
    assert orders["seed"] == orders["mnist"] == "forward"
    assert orders["emulator"] == "reverse"
    assert not any(orders[name] for name in ("acasxu", "acasxu-real", "dynamics", "autoencoder", "square"))
    assert common.worthwhile_modes(common.NETWORKS["emulator"]) == ("auto", "forward", "mixed")


def test_relative_error_sees_a_wrong_entry():
    reference = np.array([[1.0, 2.0], [3.0, 4.0]])
    wrong = reference.copy()
    wrong[0, 0] += 0.004
    assert common.relative_error(wrong, reference) == pytest.approx(0.001)
    assert common.relative_error(wrong, np.zeros((2, 2))) == 4.0


# --- trained networks -----------------------------------------------------------------------------------------------------

NNET = """// A network of widths 2-3-1.
// Its header says nothing that is used here.
2,2,1,3,
2,3,1,
0,
-1.0,-1.0,
1.0,1.0,
0.0,0.0,0.0,
1.0,1.0,1.0,
1.5,-2.0e-1,
0.25,4.0,
-3.0,0.5,
0.1,
0.2,
-0.3,
7.0,8.0,9.0,
-1.0,
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTJAC_DATA", str(tmp_path))
    (tmp_path / "small.nnet").write_text(NNET)
    return tmp_path


def small(file="small.nnet", widths=(2, 3, 1)):
    return nnet.TrainedRecipe(widths, "relu", softmax=False, batches=(1,), seed=0, file=file, source="nowhere")


def test_nnet_file_is_read(data):
    (w1, b1), (w2, b2) = nnet.read(data / "small.nnet")
    np.testing.assert_array_equal(w1, [[1.5, -0.2], [0.25, 4.0], [-3.0, 0.5]])
    np.testing.assert_array_equal(b1, [0.1, 0.2, -0.3])
    np.testing.assert_array_equal(w2, [[7.0, 8.0, 9.0]])
    np.testing.assert_array_equal(b2, [-1.0])


def test_trained_recipe_is_the_raw_chain(data):
    recipe = small()
    assert recipe.missing is None
    x = recipe.inputs(200, "float64")
    assert -0.5 <= x.min() < -0.45
    assert 0.45 < x.max() <= 0.5
    (w1, b1), (w2, b2) = nnet.read(data / "small.nnet")
    np.testing.assert_allclose(recipe.network("float64")(x), np.maximum(x @ w1.T + b1, 0.0) @ w2.T + b2, rtol=1e-13)


def test_trained_recipe_of_other_widths_is_refused(data):
    with pytest.raises(ValueError, match=r"small.nnet has widths \(2, 3, 1\); the suite expects \(2, 4, 1\)"):
        small(widths=(2, 4, 1)).weights()


def test_trained_recipe_without_its_file_says_what_it_needs(data):
    assert small("other.nnet").missing == f"needs {data / 'other.nnet'}, from nowhere (FASTJAC_DATA names another directory)"


def test_data_lie_beside_the_project_unless_stated_otherwise(monkeypatch):
    monkeypatch.delenv("FASTJAC_DATA", raising=False)
    assert nnet.data_directory().parts[-2:] == ("shared", "data")


def test_cell_without_its_data_is_skipped_by_asv(data):
    with pytest.raises(NotImplementedError, match=r"acasxu-real-64 needs .*, from github.com/kjulian3"):
        common.available_cell("acasxu-real-64")
    assert common.available_cell("seed-64") == common.CELLS["seed-64"]


@pytest.mark.parametrize("name", [with_data("acasxu-real")])
def test_trained_network_is_sparser_than_a_random_one(name):
    trained, random = (
        np.mean([(received > 0).mean() for received in recipe.relu_inputs(recipe.inputs(512, "float64"))])
        for recipe in (common.NETWORKS[name], common.NETWORKS["acasxu"])
    )
    assert trained < 0.3 < 0.4 < random


def test_random_weights_keep_the_scale_of_a_signal():
    weights = Recipe((400, 300, 200), "relu", softmax=False, batches=(1,), seed=1).weights()
    for (weight, bias), (n_in, n_out) in zip(weights, itertools.pairwise((400, 300, 200)), strict=True):
        assert weight.shape == (n_out, n_in)
        assert bias.shape == (n_out,)
        assert weight.std() == pytest.approx(np.sqrt(2.0 / n_in), rel=0.05)
