"""A short text that stands for what a network computes: the same for equal networks, in every process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any

import numpy as np

from .graph import Graph


def fingerprint(graph: Graph, dtype: np.dtype) -> str:
    """A digest of the layers, of their parameters and of how they hang together. Names of inputs do not count.

    The functions of an Elementwise count by their names and their own code, without the functions that this code calls.
    """
    numbers = {layer: number for number, layer in enumerate(graph.layers)}
    vertices = [(v.size, v.operands, v.operation and numbers[v.operation]) for v in graph.vertices]
    layers = [(type(layer).__name__, {field.name: getattr(layer, field.name) for field in fields(layer)}) for layer in numbers]
    digest = sha256()
    for content in _contents([str(dtype), graph.inputs, graph.outputs, vertices, layers]):
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def _contents(value: Any) -> Iterator[bytes | memoryview]:
    """Everything that a value consists of, as bytes."""
    if isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, Mapping):
        yield from _contents(list(value.items()))
    elif isinstance(value, (list, tuple)):
        yield f"{len(value)}:".encode()
        for part in value:
            yield from _contents(part)
    elif hasattr(value, "py_func"):
        code = value.py_func.__code__
        yield repr((value.py_func.__module__, value.py_func.__qualname__, code.co_code, code.co_consts, code.co_names)).encode()
    else:
        yield repr(value).encode()
