"""Bare operations of Keras with arguments of every kind: the network agrees with the model, or fastjac refuses it itself."""

import contextlib
import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops

import fastjac
from fastjac.errors import FastjacError, UnsupportedLayerError

ACTIVATIONS = sorted({"exp", *(name for name in dir(keras.activations) if name[0] != "_" and callable(getattr(ops, name, None)))})
ARITHMETIC = ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "mod", "floor_divide"]
OTHERS = ["clip", "cast", "where", "layer_normalization", "normalize"]
FUNCTIONS = ["absolute", "sin", "cos", "log", "sqrt", "rsqrt", "reciprocal", "square", "negative", "log1p"]
FUNCTIONS += ["tan", "arctan", "arcsin", "sinh", "cosh", "arcsinh", "floor", "ceil", "round", "trunc"]
SHAPING = ["sum", "mean", "reshape", "transpose", "squeeze", "expand_dims", "flip"]
VALUES = {
    "nothing": None,
    "True": True,
    "a negative number": -2,
    "another": 0.5,
    "a pair": (0, 1),
    "a list": [1],
    "nan": float("nan"),
    "infinity": float("inf"),
    "a complex number": 1 + 2j,
    "a huge number": 10**400,
    "a word": "sideways",
    "a type": "float16",
    "a NumPy number": np.float32(2.0),
    "an array": np.ones(3),
    "an array of whole numbers": np.arange(3),
}


def test_the_activations_are_there():
    assert {"relu", "softmax", "gelu", "threshold"} <= set(ACTIVATIONS)


def models(name):
    """Models that end in the operation, with each value for each of its arguments by itself, as far as Keras takes it."""
    operation = getattr(ops, name)
    hidden = layers.Dense(3)(keras.Input((4,)))
    parameters = list(inspect.signature(operation).parameters)[1:]
    for options in [{}, *({parameter: value} for parameter in parameters for value in VALUES.values())]:
        with contextlib.suppress(Exception):  # whatever Keras raises where it does not take it
            yield options, keras.Model(hidden._keras_history.operation.input, operation(hidden, **options))


@pytest.mark.parametrize("name", [*ACTIVATIONS, *ARITHMETIC, *OTHERS, *FUNCTIONS, *SHAPING])
def test_any_argument_is_read_or_refused(name):
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    for options, model in models(name):
        try:
            net = fastjac.from_keras(model)
        except FastjacError:
            continue
        expected = keras.ops.convert_to_numpy(model(x)).reshape(5, -1)
        np.testing.assert_allclose(net(x), expected, rtol=1e-4, atol=1e-5, err_msg=str(options))


@pytest.mark.parametrize("axis", [-1, 1])
def test_glu_gates_the_first_half_of_an_axis_by_the_second(axis):
    start = keras.Input((4, 2))
    model = keras.Model(start, layers.Flatten()(ops.glu(start, axis=axis)))
    x = np.random.default_rng(0).normal(size=(5, 4, 2)).astype(np.float32)
    net = fastjac.from_keras(model)
    np.testing.assert_allclose(net(x.reshape(5, 8)), ops.convert_to_numpy(model(x)), rtol=1e-5)


@pytest.mark.parametrize("operation", [ops.softmax, ops.log_softmax])
def test_a_softmax_over_the_whole_batch_is_refused_by_name(operation):
    tensor = keras.Input((4,))
    with pytest.raises(UnsupportedLayerError, match=r"Softmax\): axis=None acts over the samples of a batch as well"):
        fastjac.from_keras(keras.Model(tensor, operation(tensor, axis=None)))
