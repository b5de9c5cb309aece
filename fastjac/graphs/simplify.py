"""A graph with one input and one output, written as simply as rewriting without arithmetic allows.

Every rule keeps each number of the result, bit for bit. Equal vectors are computed once. Selections move towards the inputs,
where they drop units that nothing needs. A vector that is taken apart and put together again is left whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from ..layers import Activation, Affine, ByName, Concatenate, Layer, Take
from .graph import Graph


@dataclass(frozen=True, eq=False)
class Flow:
    """Vertices in order, from the input, number 0, to the output, the last: for each its operation, its operands and its size."""

    operations: tuple[Layer | None, ...]
    operands: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]


def simplified(graph: Graph) -> Flow:
    """The graph's vertices that its outputs need."""
    flow = joined(graph)
    while True:
        # Whether a vertex has one reader is known only when vertices that nothing needs are gone.
        shorter = _rewritten(flow)
        if _keys(shorter) == _keys(flow):
            return shorter
        flow = shorter


def joined(graph: Graph) -> Flow:
    """The same vertices, with all inputs as selections from one input, and all outputs joined into one.

    Layers with arrays stay as they are; units that selections leave out are dropped.
    """
    builder = _Builder(sum(graph.input_sizes))
    made: dict[int, int] = {}
    first = 0
    for number in graph.inputs:
        made[number] = builder.take(0, tuple(range(first, first + graph.vertices[number].size)))
        first += graph.vertices[number].size
    for number, vertex in enumerate(graph.vertices):
        if vertex.operation is not None:
            made[number] = builder.apply(vertex.operation, [made[operand] for operand in vertex.operands])
    outputs = [made[number] for number in graph.outputs]
    return builder.flow(outputs[0] if len(outputs) == 1 else builder.apply(Concatenate(), outputs))


def _rewritten(flow: Flow) -> Flow:
    builder = _Builder(flow.sizes[0])
    readers = Counter(operand for operands in flow.operands for operand in operands)
    made = [0]
    for number, (operation, operands) in enumerate(zip(flow.operations, flow.operands, strict=True)):
        if operation is not None:  # the input alone has none
            made.append(builder.apply(operation, [made[operand] for operand in operands]))
        if readers[number] == 1:
            builder.alone.add(made[number])
    return builder.flow(made[-1])


def _keys(flow: Flow) -> tuple[Hashable, ...]:
    return tuple(_identity(operation) for operation in flow.operations[1:] if operation), flow.operands


class _Builder:
    """Vertices while they are made; equal ones are made once.

    alone : the vertices that a single other vertex reads, as far as that is known.
    """

    def __init__(self, n_in: int) -> None:
        self.alone: set[int] = set()
        self._operations: list[Layer | None] = [None]
        self._operands: list[tuple[int, ...]] = [()]
        self._sizes = [n_in]
        self._numbers: dict[Hashable, int] = {}

    def apply(self, operation: Layer, operands: Sequence[int]) -> int:
        """The vertex that an operation makes."""
        if isinstance(operation, Take):
            return self.take(operands[0], operation.index)
        if isinstance(operation, Concatenate):
            return self._concatenate(operands)
        size = self._sizes[operands[0]] if operation.n_out is None else operation.n_out
        return self._add(operation, tuple(operands), size)

    def take(self, vertex: int, index: tuple[int, ...]) -> int:
        """These units of a vertex, selected as near to the input as can be."""
        passed: list[Activation] = []
        while not self._is_whole(vertex, index):
            operation, operands = self._operations[vertex], self._operands[vertex]
            if isinstance(operation, Take):
                vertex, index = operands[0], tuple([operation.index[unit] for unit in index])
            elif isinstance(operation, Concatenate) and (found := self._inside(operands, index)):
                vertex, index = found
            elif isinstance(operation, Activation) and vertex in self.alone:
                passed.append(operation.of_units(index))
                vertex = operands[0]
            else:
                vertex = self._selected(vertex, index)
                break
        for activation in reversed(passed):
            vertex = self._add(activation, (vertex,), len(index))
        return vertex

    def _is_whole(self, vertex: int, index: tuple[int, ...]) -> bool:
        return len(index) == self._sizes[vertex] and index == tuple(range(len(index)))

    def _inside(self, parts: Sequence[int], index: tuple[int, ...]) -> tuple[int, tuple[int, ...]] | None:
        """The one of several concatenated vertices to which all these units belong, and the numbers of the units in it."""
        first, least, most = 0, min(index), max(index)
        for part in parts:
            if first <= least and most < first + self._sizes[part]:
                return part, tuple([unit - first for unit in index])
            first += self._sizes[part]
        return None

    def _selected(self, vertex: int, index: tuple[int, ...]) -> int:
        operation, operands = self._operations[vertex], self._operands[vertex]
        if isinstance(operation, Affine) and vertex in self.alone:
            bias = None if operation.bias is None else operation.bias[np.array(index)]
            return self._add(Affine(operation.weight[np.array(index)], bias), operands, len(index))
        return self._add(Take(index, self._sizes[vertex]), (vertex,), len(index))

    def _concatenate(self, operands: Sequence[int]) -> int:
        """Several vertices as one; units of one vertex that follow one another are taken together."""
        parts: list[tuple[int, tuple[int, ...]]] = []
        for operand in self._flattened(operands):
            operation = self._operations[operand]
            source, index = operand, tuple(range(self._sizes[operand]))
            if isinstance(operation, Take):
                source, index = self._operands[operand][0], operation.index
            if parts and parts[-1][0] == source and index[0] == parts[-1][1][-1] + 1:
                index = parts.pop()[1] + index
            parts.append((source, index))
        taken = tuple(self.take(source, index) for source, index in parts)
        return taken[0] if len(taken) == 1 else self._add(Concatenate(), taken, sum(self._sizes[part] for part in taken))

    def _flattened(self, operands: Sequence[int]) -> list[int]:
        flat: list[int] = []
        for operand in operands:
            flat += self._operands[operand] if isinstance(self._operations[operand], Concatenate) else [operand]
        return flat

    def _add(self, operation: Layer, operands: tuple[int, ...], size: int) -> int:
        key = (_identity(operation), operands)
        if key not in self._numbers:
            self._numbers[key] = len(self._operations)
            self._operations.append(operation)
            self._operands.append(operands)
            self._sizes.append(size)
        return self._numbers[key]

    def flow(self, output: int) -> Flow:
        """The vertices that lead to an output; each stands right behind its last operand where that is made for it alone."""
        order: dict[int, int] = {0: 0}
        waiting = [(output, iter(self._operands[output]))]
        while waiting:
            vertex, operands = waiting[-1]
            following = next((operand for operand in operands if operand not in order), None)
            if following is not None:
                waiting.append((following, iter(self._operands[following])))
                continue
            waiting.pop()
            order.setdefault(vertex, len(order))
        vertices = list(order)
        return Flow(
            tuple(self._operations[vertex] for vertex in vertices),
            tuple(tuple(order[operand] for operand in self._operands[vertex]) for vertex in vertices),
            tuple(self._sizes[vertex] for vertex in vertices),
        )


def _identity(operation: Layer) -> Hashable:
    """A key that is equal for two operations only if they compute the same; arrays and functions are compared by identity."""
    is_single = operation.arrays or isinstance(operation, ByName)
    return id(operation) if is_single else (type(operation), tuple(operation.options.items()))
