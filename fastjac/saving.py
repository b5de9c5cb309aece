"""fastjac's own file: one safetensors file that holds the weights and, in its header, the architecture.

Tensors are called `layers.{number}.{field}`. The header's metadata holds, as strings:

- `format`: "fastjac";
- `version`: "1" for a chain of layers, "2" for all else;
- `dtype`: "float32" or "float64";
- `feature_names`, where the inputs have names: a JSON list with one for each of their numbers.

A layer is described by a JSON object, such as

- `{"layer": "LeakyReLU", "options": {"negative_slope": 0.01}, "arrays": []}` or
- `{"layer": "Affine", "options": {}, "arrays": ["weight", "bias"]}`,

in which an option that is no JSON number is written as "inf", "-inf" or "nan". A Formula's text is its option `formula`, beside
its parameters. Version 1 then has

- `n_in`: the number of inputs;
- `architecture`: a JSON list of the layers, input first.

Version 2 has

- `layers`: a JSON list of all layers, joins and selections, each once, in any order;
- `network`: a JSON object with `inputs`, a list of objects such as `{"size": 8, "name": "state"}`, whose name may be null, and
  either `sequence`, a list of items, or `vertices` and `outputs`.

An item is the number of a layer, or a block: `{"residual": [items], "shortcut": [items]}`, whose shortcut may be null,
`{"parallel": [[items], [items]], "join": "add"}`, or a network as above. Vertices are the inputs, counted from 0, and then the
operations. An operation is a list: the number of its layer, then the numbers of the vertices that it takes, all before it.
`outputs` lists vertices.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from .arguments import file_path
from .errors import FileError, LayerError
from .files import replacing
from .graphs.blocks import Item, Parallel, Residual
from .graphs.sequence import Written
from .layers import Elementwise, Layer, Take
from .optional import optional

FORMAT, VERSIONS = "fastjac", (1, 2)


def save(path: str | os.PathLike[str], written: Written, dtype: np.dtype) -> None:
    """Write a network to one safetensors file, whole or not at all.

    An existing file is replaced at the end, in one step, so that no reader ever sees half of it.

    Raises LayerError for an Elementwise, whose functions no file can hold, FileError where the file cannot be written,
    MissingDependencyError without the safetensors package.
    """
    target = file_path(path)
    metadata = {"format": FORMAT, "dtype": str(dtype)}
    if written.feature_names:
        metadata["feature_names"] = json.dumps(written.feature_names)
    layers = _chain(written)
    if layers is not None:
        metadata |= {"version": str(VERSIONS[0]), "n_in": str(written.inputs.total), "architecture": _listed(layers)}
    else:
        numbers: dict[Layer, int] = {}
        network = json.dumps(_network(written, numbers))
        layers = tuple(numbers)
        metadata |= {"version": str(VERSIONS[1]), "layers": _listed(layers), "network": network}
    _refuse_functions(layers)
    tensors = {tensor_name(i, name): array for i, layer in enumerate(layers) for name, array in _arrays(layer).items()}
    safetensors = require_safetensors()
    try:
        content = safetensors.numpy.save(tensors, metadata)
    except safetensors.SafetensorError as error:
        raise FileError(f"cannot write {target}: {error}") from error
    with replacing(target) as file:
        file.write(content)


def _refuse_functions(layers: Iterable[Layer]) -> None:
    for number, layer in enumerate(layers):
        if isinstance(layer, Elementwise):
            raise LayerError(
                f"layer {number}, {layer!r}, is made of functions, and a file holds no code; save what stands before and behind "
                "it (of a sequence net[:i], net[i + 1:]) and put the network together again after loading, or pickle it"
            )


def tensor_name(position: int, name: str) -> str:
    """The name of the tensor that holds one field of a layer."""
    return f"layers.{position}.{name}"


def require_safetensors() -> Any:
    """The safetensors package, or an error that says how to install it."""
    return optional("safetensors.numpy", "to read and write network files", "safetensors")


def _chain(written: Written) -> tuple[Layer, ...] | None:
    """The layers of a chain as version 1 writes it, or None where that would lose something."""
    if not written.graph.is_path:
        return None
    operations = [vertex.operation for vertex in written.graph.vertices if vertex.operation is not None]
    shared = any(layer.arrays and operations.count(layer) > 1 for layer in written.graph.layers)
    return None if shared or any(isinstance(layer, Take) for layer in operations) else tuple(operations)


def _network(written: Written, numbers: dict[Layer, int]) -> dict[str, Any]:
    """The JSON object of a network; layers that have no number yet get one."""
    graph, row, inputs = written.graph, written.row, written.inputs
    described: dict[str, Any] = {
        "inputs": [{"size": size, "name": name} for size, name in zip(inputs.sizes, inputs.names, strict=True)]
    }
    if row is not None:
        return described | {"sequence": _items(row.items, numbers)}
    operations = [(vertex.operation, vertex.operands) for vertex in graph.vertices if vertex.operation is not None]
    vertices = [[_number(operation, numbers), *operands] for operation, operands in operations]
    return described | {"vertices": vertices, "outputs": list(graph.outputs)}


def _items(items: Iterable[Layer | Item], numbers: dict[Layer, int]) -> list[Any]:
    return [_number(item, numbers) if isinstance(item, Layer) else _item(item, numbers) for item in items]


def _item(item: Any, numbers: dict[Layer, int]) -> dict[str, Any]:
    """The JSON object of a block, or of a network in a sequence."""
    if isinstance(item, Residual):
        return {"residual": _items(item.layers, numbers), "shortcut": item.shortcut and _items(item.shortcut, numbers)}
    if isinstance(item, Parallel):
        return {"parallel": [_items(branch, numbers) for branch in item.branches], "join": item.join}
    return _network(item._written, numbers)


def _number(layer: Layer, numbers: dict[Layer, int]) -> int:
    return numbers.setdefault(layer, len(numbers))


def _listed(layers: Iterable[Layer]) -> str:
    return json.dumps([_describe(layer) for layer in layers], allow_nan=False)


def _describe(layer: Layer) -> dict[str, Any]:
    arrays = _arrays(layer)
    return {
        "layer": type(layer).__name__,
        "options": {name: _to_json(value) for name, value in layer.options.items() if name not in arrays},
        "arrays": list(arrays),
    }


def _arrays(layer: Layer) -> dict[str, np.ndarray]:
    """The arrays of a layer that are stored as tensors."""
    return {"index": np.array(layer.index, np.int64)} if isinstance(layer, Take) else layer.arrays


def _to_json(value: float | str) -> float | str:
    return value if isinstance(value, (str, int)) or math.isfinite(value) else str(float(value))
