"""A network of several inputs and outputs as one function of a flat x to a flat y, by its public methods alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastjac.graphs.graph import Graph
from tests.graph_by_nodes import alone, network_of

Array = np.ndarray


class FlatNetwork:
    """The network of a graph, of x (..., n_in), all inputs one after another, and y (..., n_out), all outputs."""

    def __init__(self, graph: Graph, dtype: Any = None) -> None:
        self.net = network_of(graph, dtype)
        self.n_in, self.n_out = sum(graph.input_sizes), sum(graph.output_sizes)
        self._input_sizes, self._output_sizes = graph.input_sizes, graph.output_sizes

    def __call__(self, x: Array, **options: Any) -> Array:
        return self._joined(self.net(self._inputs(x), **options))

    def jacobian(self, x: Array, mode: str = "auto", **options: Any) -> Array:
        """J (..., n_out, n_in), or of the rows `of` and the columns `wrt`."""
        return self._matrix(self.net.jacobian(self._inputs(x), mode, **options))

    def value_and_jacobian(self, x: Array, mode: str = "auto", **options: Any) -> tuple[Array, Array]:
        y, jacobian = self.net.value_and_jacobian(self._inputs(x), mode, **options)
        return self._joined(y), self._matrix(jacobian)

    def jvp(self, x: Array, v: Array, **options: Any) -> tuple[Array, Array]:
        y, tangent = self.net.jvp(self._inputs(x), self._inputs(v), **options)
        return self._joined(y), self._joined(tangent)

    def vjp(self, x: Array, u: Array, **options: Any) -> tuple[Array, Array]:
        y, cotangent = self.net.vjp(self._inputs(x), _split(u, self._output_sizes, -1), **options)
        return self._joined(y), _concatenated(cotangent, -1)

    def pushforward(self, x: Array, tangents: Array, **options: Any) -> tuple[Array, Array]:
        y, pushed = self.net.pushforward(self._inputs(x), _split(tangents, self._input_sizes, -2), **options)
        return self._joined(y), _concatenated(pushed, -2)

    def pullback(self, x: Array, cotangents: Array, **options: Any) -> tuple[Array, Array]:
        y, pulled = self.net.pullback(self._inputs(x), _split(cotangents, self._output_sizes, -1), **options)
        return self._joined(y), _concatenated(pulled, -1)

    def _inputs(self, x: Array) -> Any:
        return _split(x, self._input_sizes, -1)

    def _joined(self, outputs: Any) -> Array:
        return _concatenated(outputs, -1)

    def _matrix(self, blocks: Any) -> Array:
        """The blocks of all outputs and inputs as one matrix; of several, the outer tuple is that of the outputs."""
        rows = blocks if len(self._output_sizes) > 1 and isinstance(blocks, tuple) else (blocks,)
        return np.concatenate([_concatenated(row, -1) for row in rows], axis=-2)


def _split(array: Array, sizes: Sequence[int], axis: int) -> Any:
    return alone(np.split(array, np.cumsum(sizes)[:-1], axis))


def _concatenated(parts: Any, axis: int) -> Array:
    return np.concatenate(parts, axis) if isinstance(parts, tuple) else parts
