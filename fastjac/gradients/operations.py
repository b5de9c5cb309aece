"""A network unfolded into one block, whose edges are the operations; no layer is folded into its neighbour.

So each layer keeps its own gradient. A layer at several places of the network makes as many operations, which share one set of
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import LayerError
from ..graphs.graph import Graph
from ..graphs.simplify import joined
from ..layers import Activation, Affine, Elementwise, Layer, Normalizer
from ..planning.block import Block, BlockStep, Edge, Selection, past_sums
from ..planning.chain import parts_of
from ..planning.cuts import operator_of

Numbers = np.ndarray | float
ParameterName = tuple[int, str]
"""The position of a layer among the graph's, and the name of one of its arrays."""


@dataclass(frozen=True, eq=False)
class Operation(Edge):
    """An edge from one value to another, and what is trained of the layer whose Jacobian it is.

    n_in, n_out : units of the source and of the target.
    layer : the layer or join that the operation carries out, alone or with others; also the scale behind a layer normalization.
    position : the place of that layer, or of that layer normalization, among the graph's layers.
    fields : trained parameters, from the kernel's name for each ("weight", "bias", "p", "q") to the name of the layer's array.
    """

    n_in: int
    n_out: int
    layer: Layer | None
    position: int
    fields: dict[str, str]

    @property
    def activation(self) -> Activation:
        """The layer of an operation that is an activation."""
        assert isinstance(self.layer, Activation)
        return self.layer


class Unfolded:
    """Operations: the edges of some steps, number k of which makes value k + 1.

    sizes : units of every value; value 0 is the input, and the last one the output.
    layers : the graph's layers, whose parameters are those of the network.
    makers, readers : for each value the operations that lead to it, and those that lead away from it. A value that is only added
        to a sum has none.
    positions : where each parameter starts in the flat vector of all: layer by layer, each layer's arrays in order, row by row.
    n_parameters : how many numbers that vector has.
    row_cost : multiply-adds that take one row through all operations, dead units included.
    """

    def __init__(self, block: Block, operations: Sequence[Operation], layers: tuple[Layer, ...]) -> None:
        self.steps, self.operations, self.sizes, self.layers = block.steps, operations, block.sizes, layers
        self.makers: list[list[Operation]] = [[] for _ in self.sizes]
        self.readers: list[list[Operation]] = [[] for _ in self.sizes]
        for op in operations:
            self.makers[op.target].append(op)
            self.readers[op.source].append(op)
        self.positions: dict[ParameterName, int] = {}
        self.n_parameters = 0
        for position, layer in enumerate(layers):
            for name, array in layer.arrays.items():
                self.positions[position, name] = self.n_parameters
                self.n_parameters += array.size
        self.row_cost = sum(op.n_in * op.n_out if isinstance(op.map, Affine) else min(op.n_in, op.n_out) for op in operations)


def unfold(graph: Graph) -> Unfolded:
    """The operations of a graph, for all its inputs as one vector and all its outputs as one."""
    flow, layers = joined(graph), graph.layers
    parts = {layer: parts_of(layer) for layer in (*layers, *flow.operations)}
    positions = {part: position for position, layer in enumerate(layers) for part in parts[layer]}
    steps: list[BlockStep] = []
    doing: list[Layer | None] = []  # what each step carries out
    made = [0]
    for layer, operands, size in zip(flow.operations[1:], flow.operands[1:], flow.sizes[1:], strict=True):
        taken = tuple(made[operand] for operand in operands)
        for part in parts[layer]:
            steps.append(BlockStep(operator_of(part, size), taken))
            doing.append(part)
            taken = (len(steps),)
        made.append(len(steps))
    if not steps:  # the outputs are the inputs
        steps.append(BlockStep(Selection(tuple(range(flow.sizes[0]))), (0,)))
        doing.append(None)
    block = Block(tuple(steps), flow.sizes[0])
    sizes, operations = block.sizes, []
    for edge in block.edges_of_steps:
        layer, n_in, n_out = doing[edge.target - 1], sizes[edge.source], sizes[edge.target]
        at = n_in, n_out, layer, positions.get(layer, -1), _fields_of(layer)
        operations.append(Operation(edge.source, edge.target, edge.map, *at))
    return Unfolded(block, past_sums(operations, sizes), layers)


def _fields_of(layer: Layer | None) -> dict[str, str]:
    if isinstance(layer, Affine):
        return {name: name for name in layer.arrays}
    if isinstance(layer, Activation):
        return {key: name for key, name in zip("pq", layer.trained, strict=False) if name in layer.arrays}
    return {}


def check_bends(layers: Sequence[Layer]) -> None:
    """Raise LayerError where a layer lacks the bend that gradients of a loss of the Jacobian need."""
    for position, layer in enumerate(layers):
        if isinstance(layer, Elementwise) and layer.lacks_bend:
            raise LayerError(
                f"layer {position}, {layer!r}, lacks the second derivative that a gradient through the Jacobian needs; make it "
                "with bend=, a scalar @njit function as value and slope are, or with piecewise_linear=True if that is 0"
            )


def numbers_of(layer: Layer | None) -> dict[str, Numbers]:
    """The numbers of a layer, by the kernel's names for them.

    An activation's or a normalizer's are the parameters of its rule: p, q, and those that follow by their place. A join has none.
    """
    if isinstance(layer, Affine):
        return {"weight": layer.weight, "transposed": layer.weight.T, "bias": 0.0 if layer.bias is None else layer.bias}
    if isinstance(layer, Normalizer):
        return {"p": getattr(layer, "eps", 0.0), "q": 0.0}
    if isinstance(layer, Activation):
        p, q, *others = layer.rule_parameters
        return {"p": p, "q": q} | {str(place): value for place, value in enumerate(others, 2)}
    return {}
