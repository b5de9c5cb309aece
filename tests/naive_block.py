"""The naive twin of a block: its values, and the dense matrix of every edge."""

import numpy as np

from fastjac.layers import Affine, LayerNorm, Normalizer
from fastjac.planning.block import Block, BlockStep, Edge, Pair, Selection, Slopes, Stack, Sum
from fastjac.planning.operators import Normalization
from tests import naive, naive_graph

Array = np.ndarray


def applied(step: BlockStep, operands: list[Array]) -> Array:
    """The vector that a step makes of those that it takes."""
    operator = step.operator
    if isinstance(operator, Affine):
        return naive.layer_value(operator, operands[0])
    if isinstance(operator, Sum):
        return sum(operands[1:], operands[0])
    if isinstance(operator, Stack):
        return np.concatenate(operands)
    if isinstance(operator, Selection):
        return operands[0][list(operator.index)]
    if isinstance(operator, Pair):
        return naive_graph.rule_of(operator.join)(*operands)[0]
    layers = [normalized(operator)] if isinstance(operator, Normalization) else operator.layers
    return naive.value(layers, operands[0])


def normalized(operator: Normalization) -> Normalizer:
    """Its layer without weight and bias, which are a Scale of their own in a chain."""
    layer = operator.layer
    return LayerNorm(eps=layer.eps) if isinstance(layer, LayerNorm) else layer


def values_of(block: Block, x: Array) -> list[Array]:
    """Every value of a block for its input x."""
    values = [x]
    for step in block.steps:
        values.append(applied(step, [values[operand] for operand in step.operands]))
    return values


def matrix_of(block: Block, edge: Edge, values: list[Array]) -> Array:
    """The matrix (size of target, size of source) of an edge at these values."""
    map_, x = edge.map, values[edge.source]
    if isinstance(map_, Affine):
        return map_.weight
    if isinstance(map_, Normalization):
        return naive.jacobian([normalized(map_)], x)
    if isinstance(map_, Slopes) and isinstance(map_.operator, Pair):
        (step,) = (step for step in block.steps if step.operator is map_.operator)
        slopes = naive_graph.rule_of(map_.operator.join)(*(values[operand] for operand in step.operands))[1]
        return np.diag(slopes[map_.operand])
    if isinstance(map_, Slopes):
        return naive.jacobian(map_.operator.layers, x)
    matrix = np.zeros((block.sizes[edge.target], block.sizes[edge.source]))
    for unit in range(map_.count):
        matrix[map_.target + unit, map_.source + unit if map_.index is None else map_.index[unit]] = 1.0
    return matrix
