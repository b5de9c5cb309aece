"""Inputs of a graph at which every dtype finds the same units live."""

from __future__ import annotations

import numpy as np

from fastjac.graphs.graph import Graph
from fastjac.layers import ReLU

from ..recipe import DRAWS, KINK_MARGIN
from . import in_numpy
from .walk import values


def clear_inputs(graph: Graph, random: np.random.Generator, batch: int) -> tuple[np.ndarray, ...]:
    """Normal float64 values `(batch, size)` of each input, exact in float32, none of them near a kink."""
    cuts = np.cumsum(graph.input_sizes)[:-1]
    found = np.empty((0, sum(graph.input_sizes)))
    for _ in range(DRAWS):
        drawn = random.normal(size=(batch, found.shape[1])).astype(np.float32).astype(np.float64)
        distance = kink_distance(graph, np.split(drawn, cuts, axis=1))
        found = np.concatenate([found, drawn[distance > KINK_MARGIN]])
        if len(found) >= batch:
            return tuple(np.ascontiguousarray(part) for part in np.split(found[:batch], cuts, axis=1))
    raise RuntimeError(f"{len(found)} of {DRAWS * batch} inputs are clear of the graph's kinks, and {batch} are needed")


def kink_distance(graph: Graph, inputs: list[np.ndarray]) -> np.ndarray:
    """For each sample, the smallest magnitude that a ReLU receives, as a share of `|W| |x| + |b|`; infinity without ReLUs."""
    found = values(in_numpy, graph)(*inputs)
    nearest = np.full(len(inputs[0]), np.inf)
    for vertex in graph.vertices:
        if isinstance(vertex.operation, ReLU):
            (received,) = vertex.operands
            affine, (operand,) = graph.vertices[received].operation, graph.vertices[received].operands
            summed = np.abs(found[operand]) @ np.abs(affine.weight).T + np.abs(affine.bias)
            nearest = np.minimum(nearest, (np.abs(found[received]) / summed).min(axis=1))
    return nearest
