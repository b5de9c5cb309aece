"""A live model that computes something else than its layers and arrays say is refused, and the comparison leaves no trace."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import fastjac
from fastjac.errors import UnsupportedLayerError

RANDOM = np.random.default_rng(4)
X, TARGETS = RANDOM.normal(size=(40, 4)), RANDOM.normal(size=(40, 2))
PATCHES = {
    "a step": (StandardScaler, "transform", lambda self, samples, copy=None: np.asarray(samples)),
    "the forward pass": (MLPRegressor, "_forward_pass_fast", lambda self, samples, check_input=True: np.zeros((len(samples), 2))),
    "the size of the output": (MLPRegressor, "predict", lambda self, samples: np.zeros((len(samples), 3))),
    "the pipeline": (Pipeline, "predict", lambda self, samples, **params: self[-1].predict(samples)),
    "one that fails": (MLPRegressor, "predict", lambda self, samples: samples.no_such_attribute),
}


def fitted(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        return estimator.fit(*data)


@pytest.mark.parametrize(("owner", "method", "function"), PATCHES.values(), ids=PATCHES)
def test_a_changed_class_of_scikit_learn_is_refused(owner, method, function, monkeypatch):
    estimator = fitted(make_pipeline(StandardScaler(), MLPRegressor(max_iter=3)), 5.0 + X, TARGETS)
    fastjac.from_sklearn(estimator)
    monkeypatch.setattr(owner, method, function)
    with pytest.raises(UnsupportedLayerError, match=r"^the Pipeline (computes something else|cannot be evaluated)"):
        fastjac.from_sklearn(estimator)


def test_a_changed_private_attribute_of_scikit_learn_is_refused():
    estimator = fitted(MLPClassifier(max_iter=3, hidden_layer_sizes=(4,)), X, np.arange(len(X)) % 2)
    fastjac.from_sklearn(estimator)
    estimator.n_layers_ -= 1
    with pytest.raises(UnsupportedLayerError, match=r"^the MLPClassifier computes something else"):
        fastjac.from_sklearn(estimator)


def test_scikit_learn_is_left_as_it_was(recwarn, capsys):
    regressor = MLPRegressor(max_iter=3, random_state=np.random.RandomState(3))
    estimator = fitted(make_pipeline(StandardScaler(copy=False), regressor), X, TARGETS)
    estimator[0].feature_names_in_ = np.array(list("abcd"), object)  # as of a DataFrame; arrays bring a warning then
    before, state = pickle.dumps(estimator), pickle.dumps(np.random.get_state())  # noqa: NPY002 - what scikit-learn draws from
    fastjac.from_sklearn(estimator)
    assert (pickle.dumps(estimator), pickle.dumps(np.random.get_state())) == (before, state)  # noqa: NPY002
    assert not recwarn.list
    assert capsys.readouterr() == ("", "")


def perceptron():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(6, "tanh"), layers.Dropout(0.5), layers.LayerNormalization()])
    tensor = keras.Input((2, 2))
    return keras.Model(tensor, layers.Dense(3, "softmax")(inner(layers.Flatten()(tensor))))


KERAS_PATCHES = {
    "a layer": (layers.Dense, "call", lambda self, inputs, training=None: inputs[:, :1] * keras.ops.ones(self.units)),
    "another layer": (layers.LayerNormalization, "call", lambda self, inputs: inputs),
    "a model": (keras.Sequential, "call", lambda self, inputs, training=None, mask=None: -self._functional(inputs)),
    "calls of layers": (layers.Layer, "__call__", lambda self, inputs, *args, **kwargs: self.call(inputs) * 2.0),
}


@pytest.mark.parametrize(("owner", "method", "function"), KERAS_PATCHES.values(), ids=KERAS_PATCHES)
def test_a_changed_class_of_keras_is_refused(owner, method, function, monkeypatch):
    model = perceptron()
    fastjac.from_keras(model)
    monkeypatch.setattr(owner, method, function)
    with pytest.raises(UnsupportedLayerError, match=r"^the model 'functional.*' (computes something else|cannot be evaluated)"):
        fastjac.from_keras(model)


def test_keras_is_left_as_it_was(capsys):
    regularized = layers.Dense(3, activity_regularizer="l2")
    model = keras.Sequential(
        [keras.Input((4,), dtype="float32"), layers.Dropout(0.5, seed=3), regularized, layers.GaussianNoise(1.0)]
    )
    model(X.astype(np.float32))
    before = [keras.ops.convert_to_numpy(value) for value in (*model.variables, *model.losses)]
    with warnings.catch_warnings(record=True) as caught:
        fastjac.from_keras(model)
    after = [keras.ops.convert_to_numpy(value) for value in (*model.variables, *model.losses)]
    assert len(after) == len(before)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert not caught
    assert capsys.readouterr() == ("", "")


def test_keras_models_of_whole_numbers_lists_open_axes_and_large_values_agree():
    pixels = keras.Sequential(
        [keras.Input((4, 4, 1), dtype="uint8"), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)]
    )
    assert fastjac.from_keras(pixels).n_in == 16
    tensor = keras.Input((4,), name="a")
    assert fastjac.from_keras(keras.Model({"a": tensor}, [layers.Dense(2)(tensor)])).n_out == 2
    assert fastjac.from_keras(keras.Sequential([keras.Input((None, 2)), layers.ReLU()]), n_in=6).n_in == 6
    growing = keras.Sequential([keras.Input((1,)), layers.Dense(1, "exponential", kernel_initializer="ones")])
    assert np.isfinite(fastjac.from_keras(growing)(np.ones(1)))


def test_a_keras_network_has_the_precision_of_the_widest_layer():
    stack = [layers.Rescaling(1.0, offset=-1e6, dtype="float64"), layers.Dense(2, dtype="float32")]
    net = fastjac.from_keras(keras.Sequential([keras.Input((1,), dtype="float64"), *stack]))
    assert net.dtype == np.float64
    kernel = net[-1].weight
    np.testing.assert_allclose(net([1e6 + 0.125]), 0.125 * kernel[:, 0], rtol=1e-12)
