"""From the vectors that a model was read as to those that a network should compute: fewer, faster, more accurate.

Several operations that are one layer (patterns.py) become that layer. What only shifts or picks units of an affine map becomes
part of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ... import layers as fl
from ...layers import Layer
from ...layers.joins import Take
from ...nodes import Input, Node, in_order
from .account import spend
from .patterns import trees_of
from .trees import matches


@dataclass(eq=False)
class Recognized:
    """New vectors in place of old ones.

    nodes : the new vector of each old one that is still needed.
    origins : for each new vector, the old ones that it stands for, the last first.
    patterns : for each new vector that several operations became, what they are.
    """

    nodes: dict[Node, Node] = field(default_factory=dict)
    origins: dict[Node, tuple[Node, ...]] = field(default_factory=dict)
    patterns: dict[Node, str] = field(default_factory=dict)


def recognized(outputs: Sequence[Node]) -> Recognized:
    """What becomes of the vectors that the outputs depend on."""
    uses = _uses(outputs)
    found = Recognized()
    steps: dict[Node, _Step] = {}
    stack = list(outputs)
    while stack:
        node = stack[-1]
        if node in found.nodes:
            stack.pop()
            continue
        if node not in steps:
            steps[node] = _step(node)
        waiting = [operand for operand in steps[node].operands if operand not in found.nodes]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        _make(node, steps.pop(node), found, uses)
    return found


@dataclass(frozen=True)
class _Step:
    """How a vector is made anew.

    layers : behind one another; none for an input.  operands : of the first.
    origins : the old vectors that it stands for.  pattern : what they are, if they are several.
    """

    layers: Sequence[Layer]
    operands: tuple[Node, ...]
    origins: tuple[Node, ...]
    pattern: str = ""


def _step(node: Node) -> _Step:
    for tree, pattern in trees_of(node.operation):
        for match in matches(tree, node):
            layers = pattern.build(match)
            if layers is not None:
                assert match.source is not None
                return _Step(layers, (match.source,), tuple(dict.fromkeys(match.nodes)), pattern.name)
    return _Step([] if node.operation is None else [node.operation], node.operands, (node,))


def _make(node: Node, step: _Step, found: Recognized, uses: Mapping[Any, int]) -> None:
    if isinstance(node, Input):
        found.nodes[node] = node
        return
    operands = [found.nodes[operand] for operand in step.operands]
    origins = step.origins
    made = operands[0]
    before = [step.operands[0]] if step.operands else []
    alone = len(step.layers) == len(operands) == 1 and uses[before[0]] == uses[before[0].operation] == 1
    if alone and (inside := _into_affine(step.layers[0], made)):
        origins = (*origins, *found.origins.get(made, ()))
        made = made.operands[0].follow(inside)
    else:
        for number, layer in enumerate(step.layers):
            made = made.follow(layer, *(operands[1:] if number == 0 else []))
            found.origins.setdefault(made, origins)
    found.nodes[node] = made
    found.origins[made] = origins
    if step.pattern:
        found.patterns[made] = step.pattern


def _into_affine(layer: Layer, operand: Node) -> fl.Affine | None:
    """The affine map that does what it did and then what a layer behind it does, which adds constants or picks units."""
    affine = operand.operation
    if not isinstance(affine, fl.Affine):
        return None
    if isinstance(layer, fl.Scale) and affine.bias is None and _is_one(layer.weight):
        spend(affine.weight.size)
        bias = layer.bias
        if not isinstance(bias, np.ndarray):
            bias = np.full(operand.size, bias, _precision_of(bias, affine.weight.dtype))
        return fl.Affine(affine.weight, bias)
    if isinstance(layer, Take):
        index = np.array(layer.index)
        spend(len(index) * affine.weight.shape[1])
        return fl.Affine(affine.weight[index], None if affine.bias is None else affine.bias[index])
    return None


def _precision_of(number: float, least: np.dtype) -> np.dtype:
    """That of an array, or float64 where the array's does not hold the number."""
    is_held = math.isnan(number) or float(least.type(number)) == number
    return least if is_held else np.dtype(np.float64)


def _is_one(weight: Any) -> bool:
    return not isinstance(weight, np.ndarray) and weight == 1.0


def _uses(outputs: Sequence[Node]) -> Counter[Any]:
    """How often each vector is taken by another, or given by the network; and how often each layer is called."""
    found: Counter[Any] = Counter(outputs)
    for node in in_order(outputs):
        found.update([*node.operands, node.operation])
    return found
