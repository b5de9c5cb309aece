"""Inputs and outputs of Keras files, chosen by name."""

import keras
import numpy as np
import pytest
from keras import layers

import fastjac as fj
from fastjac.errors import OptionError, UnsupportedLayerError

from .keras_models import scramble

to_numpy = keras.ops.convert_to_numpy
random = np.random.default_rng(3)
pytestmark = pytest.mark.usefixtures("keras_float64")


@pytest.fixture
def heads():
    """Two inputs and three heads: one of both inputs, one of the first input alone, one that fastjac cannot import."""
    state, action = keras.Input((4,), name="state"), keras.Input((2,), name="action")
    encoder_input = keras.Input((4,), name="encoder_input")
    encoder = keras.Model(encoder_input, layers.Dense(3, "tanh", name="last")(encoder_input), name="encoder")
    features = encoder(state)
    value = layers.Dense(2, "softplus", name="value")(layers.Concatenate(name="both")([features, action]))
    policy = layers.Dense(5, "softmax", name="policy")(features)
    classes = layers.Discretization(bin_boundaries=[0.0, 1.0], name="classes")(policy)
    return scramble(keras.Model([state, action], [value, policy, classes]))


def of_keras(model, inputs, name, *given):
    """What Keras gives for the layer of this name."""
    return to_numpy(keras.Model([model.get_layer(one).output for one in inputs], model.get_layer(name).output)(list(given)))


def in_file(model, folder):
    model.save(folder / "model.keras")
    return folder / "model.keras"


@pytest.fixture
def given():
    return random.normal(size=(3, 4)), random.normal(size=(3, 2))


def test_outputs_come_in_the_order_of_their_names(heads, given, tmp_path):
    net = fj.load(in_file(heads, tmp_path), outputs=["policy", "value"])
    assert net.inputs == (4, 2)
    policy, value = net(given)
    np.testing.assert_allclose(policy, of_keras(heads, ["state"], "policy", given[0]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(value, of_keras(heads, ["state", "action"], "value", *given), rtol=0, atol=1e-12)


def test_inputs_come_in_the_order_of_their_names(heads, given, tmp_path):
    net = fj.load(in_file(heads, tmp_path), outputs=["value"], inputs=["action", "state"])
    expected = of_keras(heads, ["state", "action"], "value", *given)
    np.testing.assert_allclose(net(given[::-1]), expected, rtol=0, atol=1e-12)
    by_action, _ = net.jacobian(given[::-1])
    assert by_action.shape == (3, 2, 2)


def test_an_input_that_the_outputs_do_not_depend_on_is_left_out(heads, given, tmp_path):
    net = fj.load(in_file(heads, tmp_path), outputs=["policy"])
    np.testing.assert_allclose(net(given[0]), of_keras(heads, ["state"], "policy", given[0]), rtol=0, atol=1e-12)
    assert net.inputs == (4,)


@pytest.mark.parametrize("name", ["both", "encoder/last"])
def test_any_layer_may_be_an_output(heads, given, tmp_path, name):
    net = fj.load(in_file(heads, tmp_path), outputs=[name])
    features = to_numpy(heads.get_layer("encoder")(given[0]))
    expected, point = (features, given[0]) if name == "encoder/last" else (np.hstack([features, given[1]]), given)
    np.testing.assert_allclose(net(point), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_of_a_row_may_be_an_output(tmp_path, suffix):
    model = scramble(keras.Sequential([keras.Input((3,)), layers.Dense(4, "tanh", name="hidden"), layers.Dense(2, name="last")]))
    path = tmp_path / f"model{suffix}"
    model.save(path)
    x = random.normal(size=(3, 3))
    net = fj.load(path, outputs=["hidden"])
    np.testing.assert_allclose(net(x), to_numpy(model.get_layer("hidden")(x)), rtol=0, atol=1e-12)


def test_weights_alone_with_their_config(heads, given, tmp_path):
    heads.save_weights(tmp_path / "model.weights.h5")
    net = fj.load(tmp_path / "model.weights.h5", config=heads.to_json(), outputs=["policy"])
    np.testing.assert_allclose(net(given[0]), of_keras(heads, ["state"], "policy", given[0]), rtol=0, atol=1e-12)


def test_a_layer_called_twice_gives_every_call(tmp_path):
    first, second = keras.Input((2,), name="first"), keras.Input((2,), name="second")
    dense = layers.Dense(3, "tanh", name="shared")
    model = scramble(keras.Model([first, second], layers.Subtract(name="difference")([dense(first), dense(second)])))
    net = fj.load(in_file(model, tmp_path), outputs=["shared"])
    x, z = random.normal(size=(2, 2))
    a, b = net((x, z))
    np.testing.assert_allclose([a, b], [to_numpy(dense(one[None]))[0] for one in (x, z)], rtol=0, atol=1e-12)


def test_an_input_that_no_output_depends_on_may_be_left_out(tmp_path):
    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    model = keras.Model([first, second], keras.layers.Dense(4)(second))
    net = fj.load(in_file(model, tmp_path), inputs=["second"])
    assert (net.n_in, net.n_out) == (3, 4)


def test_without_a_choice_every_output_is_needed(heads, tmp_path):
    with pytest.raises(UnsupportedLayerError, match="classes"):
        fj.load(in_file(heads, tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"outputs": ["valeu"]},
            "outputs must name some of the model's, which are 'value', 'policy', 'classes', or other layers of it; got 'valeu'",
        ),
        ({"outputs": []}, "or other layers of it; got none"),
        (
            {"outputs": ["policy"], "inputs": ["state", "action"]},
            "inputs must name 'state', each once, which the outputs depend on; got 'state', 'action'",
        ),
    ],
)
def test_names_that_are_not_the_models(heads, tmp_path, options, message):
    with pytest.raises(OptionError) as raised:
        fj.load(in_file(heads, tmp_path), **options)
    assert message in str(raised.value)


def test_the_input_of_a_row_has_no_name(tmp_path):
    path = in_file(keras.Sequential([keras.Input((3,)), layers.Dense(2)]), tmp_path)
    with pytest.raises(OptionError, match="inputs has no use, as the input has no name; got 'x'"):
        fj.load(path, inputs=["x"])
