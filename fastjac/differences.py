"""Directional derivatives of a network by central differences, with an estimate of their error, and where they cross a kink.

The difference of fourth order is `(4 D(h) - D(2h)) / 3` with `D(h) = (f(x + h t) - f(x - h t)) / 2h`, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .graphs.ends import End, slices_of
from .graphs.graph import Graph, Vertex
from .graphs.sequence import Written
from .layers import Activation, Gate, Maximum, Minimum, Scale, Sparsemax
from .network import Network

STEP = 2.0**-17
"""Half width h in units of the coordinate's scale: near the cube root of float64's epsilon, where truncation and rounding
meet, and a power of two, so that `x + h` and `x - h` lose at most the last bit of x."""

NOISE_SPACING = 2.0**-30
NOISE_POINTS = 32
NOISE_ORDER = 6
NOISE_FACTOR = 8.0
"""Noise allowed in a difference, in standard deviations of the outputs: wide enough for the worst of a million entries."""


@dataclass(frozen=True)
class Differences:
    """Derivatives of the outputs at one input along k tangents.

    value : (k, n_out) differences.
    error : (k, n_out) estimates of how far the differences may be from the derivatives.
    crosses_kink : (k,) whether a layer passes one of its kinks between the points of the difference.
    """

    value: np.ndarray
    error: np.ndarray
    crosses_kink: np.ndarray


class CentralDifferences:
    """Central differences of `net`, taken in float64 whatever the network's own dtype.

    Call it with `x (n_in,)` in the network's dtype and tangents `(k, n_in)` to get `Differences`; 4 k network values each.
    """

    def __init__(self, net: Network) -> None:
        self._own = _KinkWatch(net)
        self._exact = self._own if net.dtype == np.float64 else _KinkWatch(net.astype(np.float64))

    def __call__(self, x: np.ndarray, tangents: np.ndarray) -> Differences:
        exact_x = x.astype(np.float64)
        with np.errstate(all="ignore"):  # nan and inf are results here
            # The widest step that moves no coordinate by more than STEP in its own scale.
            h = STEP * np.min(coordinate_scales(exact_x) / np.abs(tangents), axis=1, keepdims=True)
            steps = h * tangents
            y, sides = self._exact(exact_x + np.concatenate([steps, -steps, 2.0 * steps, -2.0 * steps]))
            forth, back, far_forth, far_back = y.reshape(4, len(steps), -1)
            near, far = (forth - back) / (2.0 * h), (far_forth - far_back) / (4.0 * h)
            value = (4.0 * near - far) / 3.0
            error = np.abs(near - far) + NOISE_FACTOR * self._noise(exact_x) / h
        # A float32 network may see its own input on the other side of a kink than float64 does.
        moved = (sides != self._own(x[None])[1]).any(axis=1).reshape(4, -1)
        return Differences(value, error, moved.any(axis=0))

    def _noise(self, x: np.ndarray) -> np.ndarray:
        """Standard deviation (n_out,) of the rounding error of the outputs near x.

        Along a line of closely spaced points the sixth differences of a smooth function vanish and leave the noise (Moré &
        Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011). The line starts at x, so that a kink right
        at x is not on it.
        """
        line = np.arange(NOISE_POINTS)[:, None]
        y = self._exact.network(x + NOISE_SPACING * line * coordinate_scales(x))
        variance = np.mean(np.diff(y, n=NOISE_ORDER, axis=0) ** 2, axis=0) / math.comb(2 * NOISE_ORDER, NOISE_ORDER)
        return np.sqrt(variance) + np.finfo(np.float64).eps * np.abs(y[0])


def coordinate_scales(x: np.ndarray) -> np.ndarray:
    """The power of two next above `max(|x_j|, 1)` for every coordinate: the unit in which its step is taken."""
    exponents = np.frexp(np.maximum(np.abs(x, where=np.isfinite(x), out=np.ones(x.shape)), 1.0))[1]
    return np.ldexp(1.0, exponents)


class _KinkWatch:
    """A network that gives, beside its outputs, the inputs of all layers with kinks.

    One sweep thus shows on which side of each kink a point lies.
    """

    def __init__(self, net: Network) -> None:
        self._watched = [watched for number, vertex in enumerate(net._graph.vertices) for watched in _watched_at(number, vertex)]
        numbers = tuple(dict.fromkeys(number for numbers, _ in self._watched for number in numbers))
        self.network = tapped(net)
        self._tapped = tapped(net, numbers)
        _, *parts = slices_of([net.n_out, *(net._graph.vertices[number].size for number in numbers)])
        self._parts = dict(zip(numbers, parts, strict=True))

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (n, n_out), and (n, kinks of all units) numbers that change where a kink is passed."""
        found = self._tapped(points)
        sides = [np.empty((len(points), 0))]
        for numbers, sides_of in self._watched:
            first, *others = (found[:, self._parts[number]] for number in numbers)
            sides += sides_of(first - others[0] if others else first)
        return found[:, : self.network.n_out], np.concatenate(sides, axis=1)


def _watched_at(number: int, vertex: Vertex) -> Iterator[tuple[tuple[int, ...], Callable[[np.ndarray], list[np.ndarray]]]]:
    """The vertices whose values, or whose difference, show on which side of an operation's kinks a point lies, and how."""
    layer = vertex.operation
    if isinstance(layer, Sparsemax):
        yield (number,), _signs  # the support, on which the derivative depends, is where the output is above 0
    elif isinstance(layer, (Maximum, Minimum)):
        yield vertex.operands, _signs
    elif isinstance(layer, Gate):
        yield vertex.operands[:1], _signs
    elif isinstance(layer, Activation) and layer.kinks:
        yield vertex.operands, layer.sides


def _signs(distance: np.ndarray) -> list[np.ndarray]:
    return [np.sign(distance)]


def tapped(net: Network, numbers: Sequence[int] = ()) -> Network:
    """`net` with one input and one output, and in the output, behind all of its own, the vertices of these numbers."""
    graph, taps = net._graph, _taps(net, numbers)
    first = len(graph.vertices)
    return _joined(Graph((*graph.vertices, *taps), graph.inputs, (*graph.outputs, *range(first, first + len(taps)))), net.dtype)


def ending_at(net: Network, number: int) -> Network:
    """`net` with one input, all of its own, and one output, the vertex of this number."""
    graph = net._graph
    return _joined(Graph((*graph.vertices, *_taps(net, [number])), graph.inputs, (len(graph.vertices),)), net.dtype)


def _taps(net: Network, numbers: Sequence[int]) -> tuple[Vertex, ...]:
    # Through an operation, because a vertex may be an input, and an input cannot be an output.
    return tuple(Vertex(Scale(), (number,), net._graph.vertices[number].size) for number in numbers)


def _joined(graph: Graph, dtype: np.dtype) -> Network:
    ends = End("input", (sum(graph.input_sizes),)), End("output", (sum(graph.output_sizes),))
    return Network._assembled(Written(graph, None, *ends), dtype)
