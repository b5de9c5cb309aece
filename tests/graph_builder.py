"""Builds graphs at random: appends vertices and watches what they do to a few inputs, so that values stay of order 1."""

from collections.abc import Sequence

import numpy as np

from fastjac import layers as fl
from fastjac.graphs.graph import Graph, Vertex
from fastjac.layers import Layer
from fastjac.layers.joins import Divide, Gate, Join, Maximum, Minimum, Take
from tests import naive_graph
from tests.random_networks import ELEMENTWISE, MAX_RMS, MIN_GAIN, MIN_KINK_DISTANCE, NORMALIZERS, PROBES, kink_distance

DIRECTIONS = 4
"""Tangents of each watched input."""
MAX_SIZE = 250
"""A concatenation that would be longer is not made."""


class UnfitError(Exception):
    """An operation would make values too large, derivatives too small, or lie on a kink: something else is to be drawn."""


class GraphBuilder:
    """A graph that grows; its vertices are known by their numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.vertices: list[Vertex] = []
        self._values: list[np.ndarray] = []
        self._tangents: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self.vertices)

    def graph(self, inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
        """The graph of all vertices."""
        return Graph(tuple(self.vertices), tuple(inputs), tuple(outputs))

    def size(self, number: int) -> int:
        return self.vertices[number].size

    def forget(self, length: int) -> None:
        """Drop the vertices from number `length` on."""
        for kept in (self.vertices, self._values, self._tangents):
            del kept[length:]

    @property
    def loose(self) -> list[int]:
        """The vertices that no other takes."""
        taken = {operand for vertex in self.vertices for operand in vertex.operands}
        return [number for number in range(len(self)) if number not in taken]

    @property
    def inputs(self) -> list[int]:
        return [number for number, vertex in enumerate(self.vertices) if vertex.operation is None]

    def input(self, size: int) -> int:
        values = self.rng.standard_normal((PROBES, size))
        return self._append(Vertex(None, (), size), values, self.rng.standard_normal((PROBES, size, DIRECTIONS)))

    def layer(self, operation: Layer, operand: int) -> int:
        """A layer, or an UnfitError if it is not fit to follow the operand."""
        # Of few units, layer normalization annihilates nearly every direction, and float32 keeps only rounding.
        narrow = isinstance(operation, fl.LayerNorm) and self.size(operand) < 5
        if narrow or np.median(kink_distance([operation], self._values[operand])) < MIN_KINK_DISTANCE:
            raise UnfitError
        number = self.any_layer(operation, operand)
        if _largest(self._tangents[number]) < MIN_GAIN * _largest(self._tangents[operand]):
            self.forget(number)
            raise UnfitError
        return number

    def any_layer(self, operation: Layer, operand: int) -> int:
        """A layer, whatever it does to derivatives."""
        vertex = Vertex(operation, (operand,), operation.n_out or self.size(operand))
        return self._append(vertex, *self._pushed(vertex))

    def join(self, operation: Join, *operands: int) -> int:
        """A join, or an UnfitError if its operands lie at a tie, or are too long together."""
        vertex = Vertex(operation, operands, operation.joined_size([self.size(operand) for operand in operands]))
        values, tangents = self._pushed(vertex)
        distance = tie_distance(vertex, [self._values[operand] for operand in operands])
        if vertex.size > MAX_SIZE or np.median(distance) < MIN_KINK_DISTANCE:
            raise UnfitError
        return self._append(vertex, values, tangents)

    def take(self, operand: int, index: Sequence[int]) -> int:
        vertex = Vertex(Take(tuple(map(int, index)), self.size(operand)), (operand,), len(index))
        return self._append(vertex, *self._pushed(vertex))

    def affine(self, operand: int, size: int) -> int:
        """A random Affine of `size` outputs, at times without a bias, at times with one that leaves a ReLU mostly dead."""
        n_in = self.size(operand)
        weight = self.rng.standard_normal((size, n_in)) / (np.sqrt(n_in) * (_rms(self._values[operand]) + 0.1))
        bias = self.rng.standard_normal(size) + self.rng.choice([0.0, -1.5], p=[0.8, 0.2])
        return self.layer(fl.Affine(weight, bias if self.rng.random() < 0.8 else None), operand)

    def activation(self, operand: int) -> int:
        """Any elementwise layer or normalizer that is fit to follow."""
        for _ in range(20):
            family = NORMALIZERS if self.rng.random() < 0.15 else ELEMENTWISE
            try:
                return self.layer(family[self.rng.integers(len(family))](self.rng, self.size(operand)), operand)
            except UnfitError:
                continue
        raise UnfitError

    def divide(self, numerator: int, denominator: int) -> int:
        """The quotient of which the denominator is kept from 0."""
        return self.join(Divide(), numerator, self.positive(denominator))

    def positive(self, operand: int) -> int:
        """Numbers from 1/2 on."""
        return self.layer(fl.Scale(1.0, 0.5), self.layer(fl.Softplus(), operand))

    def _pushed(self, vertex: Vertex) -> tuple[np.ndarray, np.ndarray]:
        operands = vertex.operands
        return naive_graph.push(vertex, [self._values[o] for o in operands], [self._tangents[o] for o in operands])

    def _append(self, vertex: Vertex, values: np.ndarray, tangents: np.ndarray) -> int:
        if not _rms(values) < MAX_RMS:
            raise UnfitError
        self.vertices.append(vertex)
        self._values.append(values)
        self._tangents.append(tangents)
        return len(self) - 1


def tie_distance(vertex: Vertex, values: Sequence[np.ndarray]) -> np.ndarray:
    """For every sample (batch,): how far the nearest unit is from a tie of a Maximum or a Minimum, or the edge of a Gate, without
    being in one.

    It is infinite for other joins. In an exact tie, of two ReLUs that are dead, say, no rounding moves the units apart.
    """
    if not isinstance(vertex.operation, (Maximum, Minimum, Gate)):
        return np.full(len(values[0]), np.inf)
    distance = np.abs(values[0] if isinstance(vertex.operation, Gate) else values[0] - values[1])
    return np.where(distance > 0, distance, np.inf).min(axis=-1)


def _rms(values: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(values**2)))


def _largest(tangents: np.ndarray) -> float:
    """The largest entry of a sample's tangents, in the middle one of the samples."""
    return float(np.median(np.abs(tangents).max(axis=(1, 2))))
