"""Every layer and option whose name or meaning changed since Keras 1 or 2 agrees with a Keras 3 model of the same meaning."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .agreement import assert_agrees
from .keras_models import scramble
from .keras_old_files import dense_1, dense_2, layer, write_model

pytestmark = pytest.mark.usefixtures("keras_float64")
N = 5
DATA = Path(__file__).parents[2] / ".." / "shared" / "data"


def arrays_of(model, names):
    """The arrays of a Keras 3 model's layers, each list called by the name of the old layer in its place."""
    return {
        name: {f"{name}_{i}": array for i, array in enumerate(model_layer.get_weights())}
        for name, model_layer in zip(names, model.layers, strict=True)
    }


def assert_means(config, model, path, version, shape=(4,), as_bytes=True):
    """The old file with the Keras 3 model's weights agrees with that model."""
    names = [entry["config"]["name"] for entry in layers_of(config) if entry["class_name"] != "InputLayer"]
    write_model(path, config, arrays_of(scramble(model), names), version, as_bytes)
    net = fastjac.load(path)
    assert_agrees(net, model, shape)
    return net


def layers_of(config):
    return config["config"] if isinstance(config["config"], list) else config["config"]["layers"]


def between(old_layer, new_layer):
    """Both between two Dense layers."""
    old = [dense_2("first", N, batch_input_shape=[None, 4]), old_layer, dense_2("last", 3)]
    new = [keras.Input((4,)), layers.Dense(N), new_layer, layers.Dense(3)]
    return {"class_name": "Sequential", "config": {"name": "model", "layers": old}}, keras.Sequential(new)


def hard_sigmoid_2():
    return keras.Sequential([layers.Rescaling(0.2, 0.5), layers.ReLU(max_value=1.0)])


def ndarray(value):
    """A number as Keras 2 without TensorFlow saved NumPy's."""
    return {"type": "ndarray", "value": value}


def numpy_2_12(value):
    """A number as Keras 2.12 saved NumPy's in .keras files."""
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


OF_KERAS_2 = {
    "LeakyReLU, alpha": (lambda: layer("LeakyReLU", "a", alpha=0.3), lambda: layers.LeakyReLU(0.3)),
    "leaky_relu by name": (lambda: layer("Activation", "a", activation="leaky_relu"), lambda: layers.LeakyReLU(0.2)),
    "ReLU of Keras 2.2.0": (lambda: layer("ReLU", "a", max_value=1.5), lambda: layers.ReLU(1.5)),
    "ReLU of Keras 2.2.4": (
        lambda: layer("ReLU", "a", max_value=ndarray(1.5), negative_slope=ndarray(0.1), threshold=ndarray(0.0)),
        lambda: layers.ReLU(1.5, 0.1),
    ),
    "ReLU of Keras 2.12": (
        lambda: layer("ReLU", "a", max_value=None, negative_slope=numpy_2_12(0.0), threshold=numpy_2_12(0.3)),
        lambda: layers.ReLU(threshold=0.3),
    ),
    "ThresholdedReLU": (lambda: layer("ThresholdedReLU", "a", theta=0.7), lambda: layers.ReLU(threshold=0.7)),
    "ThresholdedReLU at 0": (lambda: layer("ThresholdedReLU", "a", theta=0.0), layers.ReLU),
    "PReLU": (lambda: layer("PReLU", "a", shared_axes=None), layers.PReLU),
    "PReLU shared": (lambda: layer("PReLU", "a", shared_axes=[1]), lambda: layers.PReLU(shared_axes=[1])),
    "ELU": (lambda: layer("ELU", "a", alpha=0.3), lambda: layers.ELU(0.3)),
    "Softmax": (lambda: layer("Softmax", "a", axis=-1), layers.Softmax),
    "BatchNormalization, axis in a list": (
        lambda: layer("BatchNormalization", "a", axis=[1], epsilon=0.01, scale=True, center=False),
        lambda: layers.BatchNormalization(epsilon=0.01, center=False),
    ),
    "BatchNormalization of TensorFlow 1": (
        lambda: layer("BatchNormalizationV1", "a", axis=-1, epsilon=0.001, scale=False, center=True, fused=None),
        lambda: layers.BatchNormalization(scale=False),
    ),
    "LayerNormalization": (
        lambda: layer("LayerNormalization", "a", axis=[1], epsilon=0.001, scale=True, center=True),
        layers.LayerNormalization,
    ),
    "Normalization of Keras 2.12": (lambda: layer("Normalization", "a", axis=[-1], mean=None), layers.Normalization),
    "Normalization given": (
        lambda: layer(
            "Normalization", "a", axis=[-1], mean=[1.0, 2, 3, 4, 5], variance=[1.0, 2, 1, 2, 1], invert=True, dtype="float64"
        ),
        lambda: layers.Normalization(mean=[1.0, 2, 3, 4, 5], variance=[1.0, 2, 1, 2, 1], invert=True),
    ),
    "Rescaling": (lambda: layer("Rescaling", "a", scale=0.5, offset=1.0), lambda: layers.Rescaling(0.5, 1.0)),
    "Flatten of Keras 2.1": (lambda: layer("Flatten", "a"), layers.Flatten),
    "Dropout": (lambda: layer("Dropout", "a", rate=0.5), lambda: layers.Dropout(0.5)),
    "hard_sigmoid": (lambda: layer("Activation", "a", activation="hard_sigmoid"), hard_sigmoid_2),
    "hard_sigmoid of Dense": (lambda: dense_2("a", N, "hard_sigmoid"), lambda: DenseHardSigmoid2()),
    "Dense with a layer as its activation": (
        lambda: dense_2("a", N, layer("LeakyReLU", "b", alpha=0.1)),
        lambda: layers.Dense(N, activation=layers.LeakyReLU(0.1)),
    ),
    "Dense with a layer with arrays": (
        lambda: dense_2("a", N, {"module": "keras.layers", **layer("PReLU", "b", shared_axes=None), "registered_name": None}),
        lambda: layers.Dense(N, activation=layers.PReLU()),
    ),
    "Dense without bias": (lambda: dense_2("a", N, use_bias=False), lambda: layers.Dense(N, use_bias=False)),
}


class DenseHardSigmoid2(layers.Dense):
    """A Dense layer with the hard_sigmoid of Keras 1 and 2."""

    def __init__(self):
        super().__init__(N, activation=lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0))


@pytest.mark.parametrize(("old", "new"), OF_KERAS_2.values(), ids=OF_KERAS_2)
def test_a_layer_of_keras_2(old, new, tmp_path):
    config, model = between(old(), new())
    model(np.zeros((1, 4)))  # Keras builds the weights of a layer that is an activation only here
    assert_means(config, model, tmp_path / "model.h5", "2.11.0")


OF_KERAS_1 = {
    "Dense": (lambda: dense_1("a", N, "tanh"), lambda: layers.Dense(N, "tanh")),
    "Dense without bias": (lambda: dense_1("a", N, bias=False), lambda: layers.Dense(N, use_bias=False)),
    "hard_sigmoid": (lambda: dense_1("a", N, "hard_sigmoid"), DenseHardSigmoid2),
    "BatchNormalization": (
        lambda: layer("BatchNormalization", "a", mode=0, axis=-1, epsilon=0.01, momentum=0.99),
        lambda: layers.BatchNormalization(epsilon=0.01),
    ),
    "LeakyReLU": (lambda: layer("LeakyReLU", "a", alpha=0.3), lambda: layers.LeakyReLU(0.3)),
    "PReLU, which does not state shared_axes": (lambda: layer("PReLU", "a", init="zero"), lambda: layers.PReLU(shared_axes=[1])),
    "ThresholdedReLU": (lambda: layer("ThresholdedReLU", "a", theta=1.0), lambda: layers.ReLU(threshold=1.0)),
    "Dropout": (lambda: layer("Dropout", "a", p=0.5), lambda: layers.Dropout(0.5)),
}


@pytest.mark.parametrize(("old", "new"), OF_KERAS_1.values(), ids=OF_KERAS_1)
@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "texts"])
def test_a_layer_of_keras_1(old, new, as_bytes, tmp_path):
    stack = [dense_1("first", N, batch_input_shape=[None, 4], input_dim=4), old(), dense_1("last", 3)]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(N), new(), layers.Dense(3)])
    config = {"class_name": "Sequential", "config": stack}
    assert_means(config, model, tmp_path / "model.h5", "1.2.1", as_bytes=as_bytes)


def test_a_file_without_a_version_is_of_keras_1_as_keras_has_it(tmp_path):
    import h5py

    path = tmp_path / "model.h5"
    config = {"class_name": "Sequential", "config": [dense_1("a", 3, "hard_sigmoid", batch_input_shape=[None, 4])]}
    write_model(path, config, {"a": {"a_W": np.ones((4, 3)), "a_b": np.zeros(3)}}, "1.0.0")
    with h5py.File(path, "r+") as file:
        del file.attrs["keras_version"]
    np.testing.assert_allclose(fastjac.load(path)([0.25, 0.25, 0.25, 0.25]), [0.7] * 3)


def test_the_hard_sigmoid_of_keras_3_keeps_its_own_slope(tmp_path):
    stack = [keras.Input((1,)), layers.Dense(1, "hard_sigmoid", use_bias=False, kernel_initializer="ones")]
    keras.Sequential(stack).save(tmp_path / "model.h5")
    np.testing.assert_allclose(fastjac.load(tmp_path / "model.h5").jacobian([1.0]), [[1 / 6]], rtol=1e-15)


@pytest.mark.parametrize("mode", [1, 2])
def test_batch_normalization_by_statistics_of_the_batch_is_refused(mode, tmp_path):
    stack = [layer("BatchNormalization", "norm", mode=mode, axis=-1, epsilon=0.01, batch_input_shape=[None, 4])]
    write_model(tmp_path / "model.h5", {"class_name": "Sequential", "config": stack}, {"norm": {}}, "1.2.1")
    with pytest.raises(UnsupportedLayerError, match=rf"layer 'norm' \(BatchNormalization\): mode={mode} of Keras 1 has no equiv"):
        fastjac.load(tmp_path / "model.h5")


REFUSED = {
    "Lambda": (
        lambda: layer("Lambda", "a", function=["code", None, None]),
        "layer 1 'a' .Lambda.: it holds code of the user's own",
    ),
    "a registered class": (lambda: layer("pkg>Mine", "a"), "layer 1 'a' .pkg>Mine.: it is a custom layer, pkg>Mine"),
    "another class": (lambda: layer("Mine", "a"), "layer 1 'a' .Mine.: fastjac does not have it; it has Activation, "),
    "an operation of TensorFlow": (lambda: layer("TFOpLambda", "a", function="nn.relu"), "TFOpLambda.: fastjac does not have it"),
    "a custom activation": (lambda: layer("Activation", "a", activation="mine"), "its activation 'mine' is not among those"),
    "a custom activation layer": (
        lambda: layer("Activation", "a", activation=layer("Addons>GELU", "b", approximate=True)),
        "its activation Addons>GELU: it is a custom layer, Addons>GELU",
    ),
    "a negative slope below 0": (
        lambda: layer("ReLU", "a", max_value=1.0, negative_slope=-0.1),
        "negative_slope=-0.1, threshold=0.0 and max_value=1.0 must not be negative",
    ),
    "several axes": (
        lambda: layer("BatchNormalization", "a", axis=[1, 2], epsilon=0.1, scale=True, center=True),
        "axis=.1, 2. keeps statistics along several axes",
    ),
}


@pytest.mark.parametrize(("old", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused_before_any_weight_is_looked_for(old, message, tmp_path):
    config, _ = between(old(), layers.Identity())
    weights = {"first": {"first/kernel:0": np.ones((4, N)), "first/bias:0": np.ones(N)}, "a": {}, "last": {}}
    weights["last"] = {"last/kernel:0": np.ones((N, 3)), "last/bias:0": np.ones(3)}
    if old()["class_name"] == "BatchNormalization":
        weights["a"] = {f"a/{i}:0": np.ones(N) for i in range(4)}
    write_model(tmp_path / "model.h5", config, weights, "2.4.0")
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.h5")


@pytest.mark.parametrize("version", ["0.3.3", "4.0.0", "two"])
def test_another_generation_is_refused(version, tmp_path):
    config, _ = between(layer("Flatten", "a"), layers.Flatten())
    write_model(tmp_path / "model.h5", config, {}, version)
    with pytest.raises(FormatError, match=f"it was written by Keras '{version}'; fastjac reads what Keras 1, 2 and 3 wrote"):
        fastjac.load(tmp_path / "model.h5")


def test_a_real_file_of_keras_1():
    path = DATA / "KerasTestNetwork.h5"
    if not path.exists():
        pytest.skip("the file KerasTestNetwork.h5 is not among this checkout's shared data")
    import h5py

    net = fastjac.load(path)
    x = np.random.default_rng(1).normal(size=(7, 5))
    with h5py.File(path) as file:
        expected = x
        for entry in json.loads(file.attrs["model_config"])["config"]:
            name, activation = entry["config"]["name"], entry["config"]["activation"]
            group = file["model_weights"][name]
            expected = expected @ np.float64(group[f"{name}_W"]) + np.float64(group[f"{name}_b"])
            expected = np.maximum(expected, 0.0) if activation == "relu" else expected
    assert (net.widths[0], net.widths[-1], len(net), net.dtype) == (5, 5, 13, np.float32)
    np.testing.assert_allclose(net.astype(np.float64)(x), expected, rtol=1e-12, atol=1e-12)
