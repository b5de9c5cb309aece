"""Keras models for the tests: in float64, with weights that are all different."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.backend.common import dtypes

import fastjac

from .agreement import TOLERANCE, assert_agrees


@contextmanager
def float64() -> Iterator[None]:
    """Let Keras compute in float64."""
    with pytest.MonkeyPatch.context() as patch:
        # Keras rounds every product to float32 on all backends but TensorFlow; the reference must not.
        patch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def scramble(model: keras.Model) -> keras.Model:
    """Give every weight, also those that start at 0 or 1, a random value; variances stay positive."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if "int" not in variable.dtype:
            positive = "variance" in variable.path
            variable.assign(rng.uniform(0.5, 2.0, variable.shape) if positive else rng.normal(size=variable.shape))
    return model


def assert_imports(model: keras.Model, folder: Path, tolerance: float = TOLERANCE) -> fastjac.Network:
    """The live model agrees with Keras, and its file imports as the very same network, which is returned."""
    net = fastjac.from_keras(model)
    assert_agrees(net, model, model.input_shape[1:], tolerance)
    model.save(folder / "model.keras")
    loaded = fastjac.load(folder / "model.keras")
    assert str(loaded) == str(net)
    for live, read in zip(net, loaded, strict=True):
        assert live.arrays.keys() == read.arrays.keys()
        for name in live.arrays:
            np.testing.assert_array_equal(live.arrays[name], read.arrays[name])
    return net
