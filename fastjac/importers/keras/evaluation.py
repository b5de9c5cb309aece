"""What a live Keras model itself computes, for the comparison with the network that is read off it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from ...network import Network
from ..agreement import Flat, check_agreement

TOLERANCE = 1e-2
"""Accelerators multiply float32 with the 10 bits of TF32, and on most backends Keras multiplies even float64 in float32."""


def compare(network: Network, model: Any, keras: Any, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raise UnsupportedLayerError where a model does not give what the network gives at random inputs.

    shapes : the shape of one sample at each input of the model.
    """
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]

    def evaluate(x: np.ndarray) -> np.ndarray:
        variables = [[variable.value for variable in kind] for kind in (model.trainable_variables, model.non_trainable_variables)]
        given = [part.reshape(-1, *shape) for part, shape in zip(np.split(x, ends, axis=-1), shapes, strict=True)]
        with _losses_kept(model):
            # A model that takes a dict of inputs must be given one.
            inputs = given[0] if len(given) == 1 else keras.tree.pack_sequence_as(model.input, given)
            outputs, _ = model.stateless_call(*variables, inputs, training=False)
        values = [np.asarray(keras.ops.convert_to_numpy(output)) for output in keras.tree.flatten(outputs)]
        return values[0] if len(values) == 1 else np.concatenate([value.reshape(len(x), -1) for value in values], axis=-1)

    whole_numbers = any("int" in keras.backend.standardize_dtype(given.dtype) for given in keras.tree.flatten(model.inputs or []))
    check_agreement(Flat(network), evaluate, f"the model {model.name!r}", tolerance=TOLERANCE, whole_numbers=whole_numbers)


@contextmanager
def _losses_kept(model: Any) -> Iterator[None]:
    """Give the layers back the losses of the user's last call, since any call clears them, even a stateless one."""
    kept = [(layer, list(layer._losses)) for layer in model._flatten_layers()]
    try:
        yield
    finally:
        for layer, losses in kept:
            layer._losses[:] = losses
