"""fastjac's own file: one safetensors file that holds the weights and, in its header, the architecture.

Tensors are called `layers.{position}.{field}`. The header's metadata holds, as strings:

- `format`: "fastjac";
- `version`: "1";
- `n_in`: the number of inputs;
- `dtype`: "float32" or "float64";
- `architecture`: a JSON list with one object for each layer, such as
  `{"layer": "LeakyReLU", "options": {"negative_slope": 0.01}, "arrays": []}` or
  `{"layer": "Affine", "options": {}, "arrays": ["weight", "bias"]}`.

An option that JSON has no number for is written as "inf", "-inf" or "nan".
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arguments import file_path
from .errors import FileError, LayerError
from .files import replacing
from .layers import LAYERS, Layer
from .optional import optional

FORMAT, VERSION = "fastjac", 1


def save(path: str | os.PathLike[str], layers: Sequence[Layer], n_in: int, dtype: np.dtype) -> None:
    """Write a network's layers to one safetensors file, whole or not at all.

    An existing file is replaced at the end, in one step, so that no reader ever sees half of it.

    Raises LayerError for an Elementwise, whose functions no file can hold, FileError where the file cannot be written,
    MissingDependencyError without the safetensors package.
    """
    target = file_path(path)
    for position, layer in enumerate(layers):
        if type(layer) not in LAYERS.values():
            raise LayerError(
                f"layer {position}, {layer!r}, is made of functions, and a file holds no code; save what stands before and "
                "behind it (net[:i], net[i + 1:]) and put the network together again after loading, or pickle it"
            )
    tensors = {tensor_name(i, name): array for i, layer in enumerate(layers) for name, array in layer.arrays.items()}
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "n_in": str(n_in),
        "dtype": str(dtype),
        "architecture": json.dumps([_describe(layer) for layer in layers], allow_nan=False),
    }
    safetensors = require_safetensors()
    try:
        content = safetensors.numpy.save(tensors, metadata)
    except safetensors.SafetensorError as error:
        raise FileError(f"cannot write {target}: {error}") from error
    with replacing(target) as file:
        file.write(content)


def tensor_name(position: int, name: str) -> str:
    """What the array of one layer's field is called."""
    return f"layers.{position}.{name}"


def require_safetensors() -> Any:
    """The safetensors package, or an error that says how to install it."""
    return optional("safetensors.numpy", "to read and write network files", "safetensors")


def _describe(layer: Layer) -> dict[str, Any]:
    return {
        "layer": type(layer).__name__,
        "options": {name: _to_json(value) for name, value in layer.options.items()},
        "arrays": list(layer.arrays),
    }


def _to_json(value: float | str) -> float | str:
    return value if isinstance(value, str) or math.isfinite(value) else str(float(value))
