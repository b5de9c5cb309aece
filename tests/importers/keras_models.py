"""Keras models for the tests: in float64, with weights that are all different."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
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


def saved_and_loaded(model: keras.Model, folder: Path) -> Iterator[fastjac.Network]:
    """The networks of the model's files in every format: .keras, .h5, and .weights.h5 with the config."""
    for name in ("model.keras", "model.h5"):
        model.save(folder / name)
        yield fastjac.load(folder / name)
    model.save_weights(folder / "model.weights.h5")
    yield fastjac.load(folder / "model.weights.h5", config=model.to_json())


def assert_same(first: fastjac.Network, second: fastjac.Network) -> None:
    """The networks have the same layers with the same parameters, bit by bit."""
    assert str(first) == str(second)
    for one, other in zip(first.layers, second.layers, strict=True):
        assert one.options == other.options
        assert one.arrays.keys() == other.arrays.keys()
        for name in one.arrays:
            np.testing.assert_array_equal(one.arrays[name], other.arrays[name])


def assert_imports(model: keras.Model, folder: Path, tolerance: float = TOLERANCE) -> fastjac.Network:
    """The live model agrees with Keras, and its files import as the very same network, which is returned."""
    net = fastjac.from_keras(model)
    assert_agrees(net, model, model.input_shape[1:], tolerance)
    for loaded in saved_and_loaded(model, folder):
        assert_same(loaded, net)
    return net


def assert_imports_graph(model: keras.Model, folder: Path, *, every_format: bool = True) -> fastjac.Network:
    """As assert_imports for a model of several inputs or outputs; its .keras file alone unless every format can hold it."""
    net = fastjac.from_keras(model)
    assert net.inputs == tuple(math.prod(tensor.shape[1:]) for tensor in model.inputs)
    assert net.outputs == tuple(math.prod(tensor.shape[1:]) for tensor in model.outputs)
    x = torch.from_numpy(np.random.default_rng(7).normal(size=(5, net.n_in)) * 2.0)

    def flat(v: torch.Tensor) -> torch.Tensor:
        parts = [part.reshape(1, *tensor.shape[1:]) for part, tensor in zip(v.split(net.inputs), model.inputs, strict=True)]
        outputs = model(keras.tree.pack_sequence_as(model.input, parts))
        return torch.cat([output.reshape(-1) for output in keras.tree.flatten(outputs)])

    given = tuple(part.numpy() for part in x.split(net.inputs, dim=-1))
    y, jacobian = net.value_and_jacobian(given if len(given) > 1 else given[0])
    assert_near(np.concatenate(as_tuple(y), axis=-1), torch.stack([flat(v) for v in x]))
    rows = [np.concatenate(as_tuple(row), axis=-1) for row in (jacobian if len(net.outputs) > 1 else [jacobian])]
    assert_near(np.concatenate(rows, axis=-2), torch.stack([torch.func.jacrev(flat)(v) for v in x]))
    assert net.dtype == np.float64
    for loaded in saved_and_loaded(model, folder) if every_format else [in_keras_file(model, folder)]:
        assert_same(loaded, net)
    return net


def assert_near(ours: np.ndarray, theirs: torch.Tensor) -> None:
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=TOLERANCE, atol=TOLERANCE)


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def in_keras_file(model: keras.Model, folder: Path) -> fastjac.Network:
    """The network of the model's .keras file."""
    model.save(folder / "model.keras")
    return fastjac.load(folder / "model.keras")
