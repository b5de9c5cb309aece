"""What a live Keras model itself computes, for the comparison with the network that is read off it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...network import Network
from ..agreement import check_agreement
from .config import SampleShape

TOLERANCE = 1e-2
"""Accelerators multiply float32 with the 10 bits of TF32, and on most backends Keras multiplies even float64 in float32."""


def compare(network: Network, model: Any, keras: Any, shape: SampleShape | None) -> None:
    """Raise UnsupportedLayerError where a model gives something else than the network at random inputs.

    shape : of one sample of the model's input, as far as it is known.
    """
    sizes = _sizes(shape, network.n_in)

    def evaluate(x: np.ndarray) -> np.ndarray:
        variables = [[variable.value for variable in kind] for kind in (model.trainable_variables, model.non_trainable_variables)]
        with _losses_kept(model):
            outputs, _ = model.stateless_call(*variables, x.reshape(len(x), *sizes), training=False)
        (output,) = keras.tree.flatten(outputs)
        return np.asarray(keras.ops.convert_to_numpy(output))

    whole_numbers = any("int" in keras.backend.standardize_dtype(given.dtype) for given in keras.tree.flatten(model.inputs or []))
    check_agreement(network, evaluate, f"the model {model.name!r}", tolerance=TOLERANCE, whole_numbers=whole_numbers)


@contextmanager
def _losses_kept(model: Any) -> Iterator[None]:
    """Give the layers back the losses of the user's last call, which any call clears, also one without side effects."""
    kept = [(layer, list(layer._losses)) for layer in model._flatten_layers()]
    try:
        yield
    finally:
        for layer, losses in kept:
            layer._losses[:] = losses


def _sizes(shape: SampleShape | None, n_in: int) -> tuple[int, ...]:
    """The shape with the first open size filled such that it holds `n_in` entries, and others with 1."""
    if shape is None:
        return (n_in,)
    known = math.prod(size for size in shape if size is not None)
    first = shape.index(None) if None in shape else None
    return tuple(n_in // known if axis == first else size or 1 for axis, size in enumerate(shape))
