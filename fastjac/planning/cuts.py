"""A graph cut into a chain: layers and blocks that follow one another.

A *cut* is a vertex through which every way from the inputs to the outputs passes. Between two neighbouring cuts stands a single
layer, or a block. Several inputs become one vector, and each input is a selection from it; several outputs become one vector too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..graphs.graph import Graph
from ..graphs.simplify import Flow, simplified
from ..layers import Activation, Add, Affine, Concatenate, Join, Layer, Normalizer, Pairwise, Take
from .block import Block, BlockStep, Operator, Pair, Selection, Stack, Sum
from .chain import Chain, chain_of
from .operators import Diagonal, Normalization


def chain_of_graph(graph: Graph, dtype: np.dtype) -> Chain:
    """The chain of a graph's layers and blocks, for all inputs as one vector."""
    return chain_of(items_of(graph, dtype), sum(graph.input_sizes), dtype)


def items_of(graph: Graph, dtype: np.dtype) -> tuple[Layer | Block, ...]:
    """A graph as layers and blocks, one after another."""
    flow = simplified(graph)
    cuts = cuts_of(flow.operands)
    return tuple(_between(flow, first, last, dtype) for first, last in pairwise(cuts))


def cuts_of(all_operands: Sequence[tuple[int, ...]]) -> list[int]:
    """The vertices that no edge passes over, the first and the last among them; given the operands of each vertex."""
    reach, cuts = 0, []
    furthest = list(range(len(all_operands)))
    for number, operands in enumerate(all_operands):
        for operand in operands:
            furthest[operand] = max(furthest[operand], number)
    for number, far in enumerate(furthest):
        if reach <= number:
            cuts.append(number)
        reach = max(reach, far)
    return cuts


def _between(flow: Flow, first: int, last: int, dtype: np.dtype) -> Layer | Block:
    """The layer or the block between two neighbouring cuts."""
    operation = flow.operations[last]
    if last == first + 1 and operation is not None and _is_layer(operation):
        return operation
    return Block(tuple(_BlockSteps(flow, first, last, dtype).steps), flow.sizes[first])


class _BlockSteps:
    """The steps of a block: runs of layers that nothing else reads become chains, whose layers are folded."""

    def __init__(self, flow: Flow, first: int, last: int, dtype: np.dtype) -> None:
        self._flow, self._dtype = flow, dtype
        self.steps: list[BlockStep] = []
        self._values = {first: 0}
        numbers = range(first + 1, last + 1)
        readers = Counter(operand for number in numbers for operand in flow.operands[number])
        run: list[int] = []
        for number in numbers:
            operands = flow.operands[number]
            if not _is_layer(flow.operations[number]):
                self._join(number)
                continue
            run = [*run, number] if run and operands == (run[-1],) else [number]
            following = number + 1
            goes_on = (
                readers[number] == 1
                and following <= last
                and flow.operands[following] == (number,)
                and _is_layer(flow.operations[following])
            )
            if not goes_on:
                self._run(run)
                run = []

    def _run(self, numbers: list[int]) -> None:
        """Add layers in a row, each read by the next one alone."""
        operand = self._values[self._flow.operands[numbers[0]][0]]
        size = self._flow.sizes[self._flow.operands[numbers[0]][0]]
        chain = chain_of([layer for number in numbers if (layer := self._flow.operations[number])], size, self._dtype)
        operators: list[Operator] = list(chain.links[0])
        for factor, link in zip(chain.factors, chain.links[1:], strict=True):
            assert isinstance(factor, Affine)  # a run holds layers alone
            operators += [factor, *link]
        for operator in operators:
            operand = self._add(BlockStep(operator, (operand,)))
        self._values[numbers[-1]] = operand

    def _join(self, number: int) -> None:
        operands = tuple(self._values[operand] for operand in self._flow.operands[number])
        self._values[number] = self._add(
            BlockStep(operator_of(self._flow.operations[number], self._flow.sizes[number]), operands)
        )

    def _add(self, step: BlockStep) -> int:
        self.steps.append(step)
        return len(self.steps)


def operator_of(layer: Layer | None, size: int) -> Operator:
    """What a layer or a join does, by itself; it gives so many units."""
    if isinstance(layer, Affine):
        return layer
    if isinstance(layer, Activation):
        return Diagonal((layer,), size)
    if isinstance(layer, Normalizer):
        return Normalization(layer, size)
    if isinstance(layer, Add):
        return Sum(size)
    if isinstance(layer, Concatenate):
        return Stack(size)
    if isinstance(layer, Pairwise):
        return Pair(layer, size)
    assert isinstance(layer, Take)
    return Selection(layer.index)


def _is_layer(operation: Layer | None) -> bool:
    return not isinstance(operation, (Join, Take))
