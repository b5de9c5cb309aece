"""Keras's weights without a model: .weights.h5 of Keras 3 and .h5 of Keras 2, with a config or a list of layers."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import fastjac as fj
from fastjac.errors import DtypeError, FormatError, OptionError, UnsupportedLayerError
from fastjac.importers import Options, read

from .agreement import assert_agrees
from .keras_models import scramble
from .keras_old_files import write_tree, write_weights

pytestmark = pytest.mark.usefixtures("keras_float64")


def saved(folder, *stack, n_in=4):
    model = scramble(keras.Sequential([keras.Input((n_in,)), *stack]))
    model.save_weights(folder / "model.weights.h5")
    return model, folder / "model.weights.h5"


def many_dense(count):
    return [layers.Dense(4, "tanh") for _ in range(count)]


def test_dense_layers_come_in_the_order_of_their_numbers(tmp_path):
    model, path = saved(tmp_path, *many_dense(12))
    assert_agrees(fj.load(path, layers=["tanh"] * 12), model, (4,))


def test_layers_of_several_classes_take_turns_as_the_list_does(tmp_path):
    stack = [layers.Dense(5), layers.BatchNormalization(), layers.PReLU(), layers.Dropout(0.5), layers.Dense(4, use_bias=False)]
    stack += [
        layers.LayerNormalization(),
        layers.Dense(3),
        layers.BatchNormalization(scale=False, center=False),
        layers.Softmax(),
    ]
    model, path = saved(tmp_path, *stack)
    names = ["affine", "batch_norm", "prelu", "affine", "layer_norm", "affine", ("batch_norm", {"eps": 1e-3}), "softmax"]
    name, imported = read(path, Options(layers=names))
    assert_agrees(imported.network, model, (4,))
    assert name == "Keras models and weights (.h5)"
    sources = [part.source for part in imported.parts]
    assert sources[:4] == ["layers/dense (affine)", "layers/batch_normalization (batch_norm)", "layers/p_re_lu (prelu)",
                           "layers/dense_1 (affine)"]  # fmt: skip


NAMES = {
    "linear": "linear",
    "swish": "swish",
    "exponential": "exponential",
    "softplus": lambda x: keras.ops.log1p(keras.ops.exp(x)),  # which Keras's torch backend cuts at 20
    "squareplus": "squareplus",
}


@pytest.mark.parametrize(("name", "activation"), NAMES.items(), ids=NAMES)
def test_names_mean_what_keras_means(name, activation, tmp_path):
    model, path = saved(tmp_path, layers.Dense(3), layers.Activation(activation))
    assert_agrees(fj.load(path, layers=[name]), model, (4,))


@pytest.mark.parametrize("options", [{}, {"epsilon": 0.1}])
def test_rms_normalization(tmp_path, options):
    model, path = saved(tmp_path, layers.Dense(3), layers.RMSNormalization(**options), layers.Dense(2))
    entry = ("rms_norm", {"eps": 0.1}) if options else "rms_norm"
    assert_agrees(fj.load(path, layers=["affine", entry, "affine"]), model, (4,))


def test_names_inside_of_blocks_mean_what_keras_means(tmp_path):
    model, path = saved(tmp_path, layers.Dense(4), layers.LayerNormalization(), layers.Activation("exponential"))
    net = fj.load(path, layers=[("residual", ["affine", "layer_norm", "exponential", "linear"])])
    assert_agrees(net, lambda x: x + model(x), (4,))
    with pytest.raises(fj.errors.OptionError, match=r"layers\[0\]\[1\]\[1\] 'leaky_relu': the slope is 0.2 by name"):
        fj.load(path, layers=[("residual", ["affine", "leaky_relu", "layer_norm"])])


def test_the_eps_of_normalizations_is_that_of_keras_unless_it_is_reported(tmp_path):
    model, path = saved(tmp_path, layers.Dense(3), layers.LayerNormalization(epsilon=0.1))
    assert fj.load(path, layers=["affine", "layer_norm"])[1].eps == 1e-3
    assert_agrees(fj.load(path, layers=["affine", ("layer_norm", {"eps": 0.1})]), model, (4,))


@pytest.mark.parametrize("name", ["leaky_relu", "hard_sigmoid"])
def test_names_that_leave_something_open_are_refused(name, tmp_path):
    _, path = saved(tmp_path, layers.Dense(3))
    with pytest.raises(OptionError, match=rf"layers\[0\] '{name}': .* slope is .*; write fastjac|which is fastjac.HardSigmoid"):
        fj.load(path, layers=[name])


def test_layers_that_only_the_user_can_order(tmp_path):
    inner = keras.Sequential([layers.Dense(3, "relu")])
    model, path = saved(tmp_path, inner, layers.Dense(2))
    with pytest.raises(
        OptionError, match=r"does not show the order of \['layers/dense', 'layers/sequential/layers/dense'\]; pass"
    ):
        fj.load(path, layers=["relu", "identity"])
    order = ["layers/sequential/layers/dense", "layers/dense"]
    assert_agrees(fj.load(path, layers=["relu", "identity"], order=order), model, (4,))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.second, self.first = layers.Dense(2), layers.Dense(3, "tanh")

    def call(self, x):
        return self.second(self.first(x))


def test_a_subclassed_model_whose_attributes_name_its_groups(tmp_path):
    model = Subclassed()
    model(np.zeros((1, 4)))
    scramble(model).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(OptionError, match="does not show the order of"):
        fj.load(tmp_path / "model.weights.h5", layers=["tanh", "identity"])
    order = ["first", "layers/dense"]  # Keras files an attribute behind "layers" in the alphabet by its class
    assert_agrees(fj.load(tmp_path / "model.weights.h5", layers=["tanh", "identity"], order=order), model, (4,))


def test_groups_that_order_leaves_out_are_reported(tmp_path):
    _, path = saved(tmp_path, layers.Dense(3), layers.Dense(2))
    network, parts = (lambda found: (found.network, found.parts))(read(path, Options(layers=["tanh"], order=["layers/dense"]))[1])
    assert network.widths == (4, 3, 3)
    assert (parts[-1].source, parts[-1].note) == ("layers/dense_1 (weights)", "left out: order does not name it")


def test_weights_of_the_optimizer_and_of_metrics_are_left_out(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dropout(0.5, seed=1), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        assert "optimizer/vars/2" in file
        file["metrics/mean/vars/0"] = np.float32(3.0)
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    assert_agrees(fj.load(tmp_path / "model.weights.h5", layers=["relu", "identity"]), model, (4,))


def test_weights_of_keras_2_whose_file_lists_the_layers_in_order(tmp_path):
    first, norm, second = layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)
    model = scramble(keras.Sequential([keras.Input((4,)), first, norm, layers.ReLU(), second]))
    arrays = {
        name: dict(zip("abcd", one.get_weights(), strict=False)) for name, one in zip("zyx", [first, norm, second], strict=True)
    }
    write_weights(tmp_path / "weights.h5", {"input": {}, **arrays}, "2.4.0")
    net = fj.load(tmp_path / "weights.h5", layers=["affine", "batch_norm", "relu", "affine"])
    assert_agrees(net, model, (4,))


def test_numbers_that_old_files_leave_out(tmp_path):
    kernels = np.random.default_rng(0).normal(size=(3, 2, 2))
    slots = {name: {"vars": [kernel]} for name, kernel in zip(["dense", "dense_2", "dense_10"], kernels, strict=True)}
    write_tree(tmp_path / "model.weights.h5", {"_layer_checkpoint_dependencies": slots})
    net = fj.load(tmp_path / "model.weights.h5", layers=["identity"] * 3)
    np.testing.assert_array_equal(np.stack([layer.weight.T for layer in net]), kernels)


def test_a_shared_prelu_takes_n_in(tmp_path):
    _, path = saved(tmp_path, layers.PReLU(shared_axes=[1]))
    assert fj.load(path, layers=["prelu"], n_in=4).n_in == 4


def test_weights_alone_ask_for_what_they_need(tmp_path):
    _, path = saved(tmp_path, *many_dense(8))
    message = r"the file holds weights alone \(layers/dense \(4, 4\) \(4,\), .* and 2 more\); specify their layers: config=model"
    with pytest.raises(OptionError, match=message):
        fj.load(path)


BAD_LISTS = {
    "a string": ("relu", DtypeError, r'layers must be a list such as \["relu", "softmax"\], got \'relu\''),
    "too short": (
        ["relu"],
        FormatError,
        r"layers lists 1 layers with weights, there are 2: layers/dense \(4, 3\) \(3,\), layers/",
    ),
    "too long": (["affine", "affine", "affine"], FormatError, "layers lists 3 layers with weights, there are 2"),
    "another kind": (["affine", "batch_norm"], OptionError, "the file does not show the order of"),
    "an unknown name": (["relu", "mine"], OptionError, r"layers\[3\] 'mine': it is none of affine, "),
    "an unknown option": (["affine", ("affine", {"eps": 1.0})], OptionError, "affine takes no options, got eps=1.0"),
}


@pytest.mark.parametrize(("names", "error", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_list_that_does_not_fit_is_reported(names, error, message, tmp_path):
    _, path = saved(tmp_path, layers.Dense(3), layers.Dense(2))
    with pytest.raises(error, match=message):
        fj.load(path, layers=names)


BAD_ORDERS = {
    "a string": ("layers/dense", DtypeError, "order must be a list of the groups' names"),
    "another name": (["layers/dense", "mine"], OptionError, "order must name groups, each at most once; the groups are"),
    "twice": (["layers/dense", "layers/dense"], OptionError, "each at most once"),
}


@pytest.mark.parametrize(("order", "error", "message"), BAD_ORDERS.values(), ids=BAD_ORDERS)
def test_an_order_that_does_not_fit_is_reported(order, error, message, tmp_path):
    _, path = saved(tmp_path, layers.Dense(3), layers.Dense(2))
    with pytest.raises(error, match=message):
        fj.load(path, layers=["relu", "relu"], order=order)


def test_arrays_whose_meaning_is_open_are_refused(tmp_path):
    _, path = saved(tmp_path, layers.Dense(3), layers.BatchNormalization(scale=False))
    with pytest.raises(
        FormatError, match=r"group 'layers/batch_normalization': batch_norm takes 2 or 4 arrays here, it holds 3; pass"
    ):
        fj.load(path, layers=["affine", "batch_norm"])
    _, path = saved(tmp_path, layers.PReLU())
    with pytest.raises(OptionError, match="group 'layers/p_re_lu' is no affine layer"):
        fj.load(path, layers=["identity"], order=["layers/p_re_lu"])


def test_a_config_of_keras_3_as_text_and_parsed(tmp_path):
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(3, activation=layers.PReLU()), layers.BatchNormalization(scale=False)]
    )
    inner(np.zeros((1, 3)))  # Keras builds the weights of a layer that is an activation only here
    model, path = saved(tmp_path, layers.Dense(3), inner, layers.Normalization(), layers.Dense(2, "softmax"))
    text = model.to_json()
    for config in (text, json.loads(text), {"module": "keras", "class_name": "Sequential", "config": model.get_config()}):
        assert_agrees(fj.load(path, config=config), model, (4,))


BAD_CONFIGS = {
    "no JSON": ("{", FormatError, "config: the given text is not valid JSON"),
    "get_config alone": (
        {"name": "a", "layers": []},
        OptionError,
        "config: it must be what model.to_json.. gives, with class_name",
    ),
    "no version": (
        {"class_name": "Sequential", "config": {}},
        OptionError,
        "does not state which Keras wrote it; add keras_version",
    ),
    "another version": (
        {"class_name": "Sequential", "config": {}, "keras_version": "0.1"},
        FormatError,
        "written by Keras '0.1'",
    ),
    "objects": ({"class_name": object()}, DtypeError, "it must be what model.to_json.. gives, as text or parsed; it is no JSON"),
    "another model": ({"class_name": "Mine", "config": {}, "module": "m"}, UnsupportedLayerError, "the model's class is m.Mine"),
    "no layers": (
        {"class_name": "Sequential", "config": {}, "module": "keras"},
        FormatError,
        "the given config does not describe",
    ),
}


@pytest.mark.parametrize(("config", "error", "message"), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_config_that_does_not_hold_is_reported(config, error, message, tmp_path):
    _, path = saved(tmp_path, layers.Dense(3))
    with pytest.raises(error, match=message):
        fj.load(path, config=config)


def test_a_config_of_another_model_is_reported(tmp_path):
    _, path = saved(tmp_path, layers.Dense(3))
    other = keras.Sequential([keras.Input((4,)), layers.Dense(5)])
    with pytest.raises(FormatError, match=r"asks for 2 weight arrays of shapes \(4, 5\), \(5,\), the model holds 2 of shapes"):
        fj.load(path, config=other.to_json())


def test_options_that_the_file_does_not_take_are_refused(tmp_path):
    _, path = saved(tmp_path, layers.Dense(3))
    with pytest.raises(OptionError, match="leave external_data out; it takes layers and order and n_in"):
        fj.load(path, layers=["relu"], external_data=True)
    with pytest.raises(OptionError, match="leave layers out; it takes config"):
        fj.load(path, layers=["relu"], config="{}")


def test_a_group_that_holds_itself_is_refused(tmp_path):
    _, path = saved(tmp_path, layers.Dense(3))
    with h5py.File(path, "r+") as file:
        file["layers/again"] = file["layers"]
    with pytest.raises(FormatError, match="it has 101 groups within groups; fastjac reads files of up to 100"):
        fj.load(path, layers=["relu"])
