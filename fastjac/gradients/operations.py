"""A network unfolded: its layers and joins as operations between values, none folded into its neighbour.

So each layer keeps its own gradient. A layer at several places of the network makes as many operations, which share one set of
parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import LayerError
from ..graphs.graph import Graph
from ..graphs.simplify import Flow, joined
from ..kernels.activations import Rule
from ..kernels.gradient_tables import BRING, PAIR
from ..kernels.tables import ACTIVATE, AFFINE, NORMALIZE
from ..layers import Activation, Add, Affine, Concatenate, Elementwise, Layer, LayerNorm, Normalizer, Pairwise, Scale, Take
from ..planning.block import Units, selected

Numbers = np.ndarray | float
ParameterName = tuple[int, str]
"""The position of a layer among the graph's, and the name of one of its arrays."""
NO_UNITS = Units(0, 0, 0)


@dataclass(frozen=True, eq=False)
class Operation:
    """An operation that leads from one value to another.

    kind : AFFINE, ACTIVATE, NORMALIZE, BRING or PAIR.
    layer : the layer or join that the operation carries out, alone or with other operations.
    position : that layer's place among the graph's layers.
    source, target : numbers of the values.  n_in, n_out : their units.
    fields : the trained parameters among the layer's arrays: from the kernel's name for each ("weight", "bias", "p", "q") to the
        name of the layer's field.
    units : for a BRING, which units are brought where.  operand : for a PAIR, which of the join's two operands the source is.
    """

    kind: int
    layer: Layer
    position: int
    source: int
    target: int
    n_in: int
    n_out: int
    fields: dict[str, str] = field(default_factory=dict)
    units: Units = NO_UNITS
    operand: int = 0

    @property
    def moves_all(self) -> bool:
        """Whether the source's units are the target's, one for one."""
        return self.kind not in (AFFINE, BRING) or self.units == Units(0, 0, self.n_in) == Units(0, 0, self.n_out)


@dataclass(frozen=True, eq=False)
class Unfolded:
    """Operations in the order of their targets.

    sizes : units of every value; value 0 is the input, and the last one the output.
    layers : the graph's layers, whose parameters are those of the network.
    """

    operations: tuple[Operation, ...]
    sizes: tuple[int, ...]
    layers: tuple[Layer, ...]

    @cached_property
    def makers(self) -> tuple[tuple[int, ...], ...]:
        """For each value the numbers of the operations that lead to it."""
        return self._numbers([op.target for op in self.operations])

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """For each value the numbers of the operations that lead away from it."""
        return self._numbers([op.source for op in self.operations])

    @cached_property
    def positions(self) -> dict[ParameterName, int]:
        """Where each parameter starts in the flat vector of all: layer by layer, each layer's arrays in order, row by row."""
        positions, start = {}, 0
        for position, layer in enumerate(self.layers):
            for name, array in layer.arrays.items():
                positions[position, name] = start
                start += array.size
        return positions

    @cached_property
    def n_parameters(self) -> int:
        """How many numbers that vector has."""
        return sum(layer.n_parameters for layer in self.layers)

    def _numbers(self, ends: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = [[] for _ in self.sizes]
        for number, value in enumerate(ends):
            found[value].append(number)
        return tuple(map(tuple, found))


def unfold(graph: Graph) -> Unfolded:
    """The operations of a graph, for all its inputs as one vector and all its outputs as one."""
    return _Unfolding(joined(graph), graph.layers).result()


class _Unfolding:
    def __init__(self, flow: Flow, layers: tuple[Layer, ...]) -> None:
        self._flow, self._layers = flow, layers
        self._positions = {layer: position for position, layer in enumerate(layers)}
        self._sizes = [flow.sizes[0]]
        self._ops: list[Operation] = []
        self._values = {0: 0}

    def result(self) -> Unfolded:
        for vertex, layer in enumerate(self._flow.operations):
            if layer is not None:
                self._values[vertex] = self._add(
                    layer, [self._values[operand] for operand in self._flow.operands[vertex]], vertex
                )
        if not self._ops:  # the outputs are the inputs
            self._bring(Take(tuple(range(self._sizes[0])), self._sizes[0]), [0], self._sizes[0])
        return Unfolded(tuple(self._ops), tuple(self._sizes), self._layers)

    def _add(self, layer: Layer, operands: list[int], vertex: int) -> int:
        """The value that a layer or a join makes."""
        size = self._flow.sizes[vertex]
        if isinstance(layer, (Add, Concatenate, Take)):
            self._bring(layer, operands, size)
        elif isinstance(layer, Pairwise):
            value = self._value(size)
            for number, operand in enumerate(operands):
                self._append(PAIR, layer, operand, value, operand=number)
        else:
            for kind, fields in _steps_of(layer):
                operands = [self._append(kind, layer, operands[0], self._value(size), fields)]
        return len(self._sizes) - 1

    def _bring(self, layer: Layer, operands: list[int], size: int) -> None:
        value, first = self._value(size), 0
        for operand in operands:
            count = self._sizes[operand]
            units = selected(layer.index) if isinstance(layer, Take) else Units(0, first, count)
            self._append(BRING, layer, operand, value, units=units)
            first += count if isinstance(layer, Concatenate) else 0

    def _value(self, size: int) -> int:
        self._sizes.append(size)
        return len(self._sizes) - 1

    def _append(
        self, kind: int, layer: Layer, source: int, target: int, fields: dict[str, str] | None = None, *,
        units: Units = NO_UNITS, operand: int = 0,
    ) -> int:  # fmt: skip
        position, sizes = self._positions.get(layer, -1), self._sizes
        self._ops.append(
            Operation(kind, layer, position, source, target, sizes[source], sizes[target], fields or {}, units, operand)
        )
        return target


def _steps_of(layer: Layer) -> Iterator[tuple[int, dict[str, str]]]:
    """The kinds of a layer's operations, in order, and their parameters."""
    if isinstance(layer, Affine):
        yield AFFINE, {name: name for name in layer.arrays}
    elif isinstance(layer, Normalizer):
        yield NORMALIZE, {}
        if isinstance(layer, LayerNorm) and layer.arrays:
            yield ACTIVATE, _trained(layer, ("weight", "bias"))
    elif isinstance(layer, Activation):
        yield ACTIVATE, _trained(layer, layer.trained)


def _trained(layer: Layer, names: Sequence[str]) -> dict[str, str]:
    """The trained parameters among p and q of an activation, whose fields have these names."""
    return {key: name for key, name in zip("pq", names, strict=False) if name in layer.arrays}


def activation_rule(op: Operation) -> Rule:
    """The rule of an activation, or of the scale behind a layer normalization."""
    return op.layer.rule if isinstance(op.layer, Activation) else Scale.rule


def check_bends(layers: Sequence[Layer]) -> None:
    """Raise LayerError where a layer lacks the bend that gradients of a loss of the Jacobian need."""
    for position, layer in enumerate(layers):
        if isinstance(layer, Elementwise) and layer.lacks_bend:
            raise LayerError(
                f"layer {position}, {layer!r}, lacks the second derivative that a gradient through the Jacobian needs; make it "
                "with bend=, a scalar @njit function as value and slope are, or with piecewise_linear=True if that is 0"
            )


def numbers_of(op: Operation, layer: Layer) -> dict[str, Numbers]:
    """The numbers of an operation, by the kernel's names for them, with the values of `layer`, which stands in its layer's place.

    An activation's or a normalizer's are the parameters of its rule: p, q, and those that follow by their place. A join has none.
    """
    if isinstance(layer, Affine):
        return {"weight": layer.weight, "transposed": layer.weight.T, "bias": 0.0 if layer.bias is None else layer.bias}
    if op.kind == NORMALIZE:
        return {"p": getattr(layer, "eps", 0.0), "q": 0.0}
    if isinstance(layer, LayerNorm):
        return {"p": 1.0 if layer.weight is None else layer.weight, "q": 0.0 if layer.bias is None else layer.bias}
    if isinstance(layer, Activation):
        p, q, *others = layer.rule_parameters
        return {"p": p, "q": q} | {str(place): value for place, value in enumerate(others, 2)}
    return {}
