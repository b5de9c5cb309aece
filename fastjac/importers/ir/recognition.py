"""From the vectors that a model was read as to those that a network should compute: fewer, faster, more accurate.

Several operations that are one layer (patterns.py) become that layer. An operation that only shifts or picks units of an affine
map is merged into it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ... import layers as fl
from ...graphs.conversion import in_order
from ...graphs.nodes import Input, Node
from ...layers import Layer
from ...layers.joins import Take
from .account import spend
from .patterns import trees_of
from .trees import matches


@dataclass(eq=False)
class Recognized:
    """New vectors in place of old ones.

    nodes : the new vector of each old one that is still needed.
    origins : for each new vector, the old ones that it stands for, the last first.
    patterns : for each new vector that stands for several operations, the name of their pattern.
    """

    nodes: dict[Node, Node] = field(default_factory=dict)
    origins: dict[Node, tuple[Node, ...]] = field(default_factory=dict)
    patterns: dict[Node, str] = field(default_factory=dict)
    _affine: dict[tuple[Layer, Layer], fl.Affine | None] = field(default_factory=dict)

    def folded(self, layer: Layer | None, behind: Layer) -> fl.Affine | None:
        """One affine layer in place of two layers, the same object wherever the two stand; None where they do not make one."""
        if not isinstance(layer, fl.Affine):
            return None
        if (layer, behind) not in self._affine:
            self._affine[layer, behind] = _into_affine(layer, behind)
        return self._affine[layer, behind]


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

    layers : its layers in a row; none for an input.  operands : those of the first layer.
    origins : the old vectors that it stands for.  pattern : the name of their pattern, if they are several.
    """

    layers: Sequence[Layer]
    operands: tuple[Node, ...]
    origins: tuple[Node, ...]
    pattern: str = ""


def _step(node: Node) -> _Step:
    kind, *others = (type(one.operation) for one in (node, *node.operands))
    for tree, pattern in trees_of(kind, tuple(others)):  # type: ignore[arg-type]  # every class has a hash
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
    alone = len(step.layers) == len(operands) == 1 and _is_alone(step.operands[0], node, uses)
    if alone and (inside := found.folded(made.operation, step.layers[0])):
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


def _is_alone(operand: Node, node: Node, uses: Mapping[Any, int]) -> bool:
    """Whether only one node takes a vector, and that node's layer follows the vector's layer wherever this one stands."""
    return uses[operand] == 1 and uses[operand.operation] == uses[operand.operation, node.operation]


def _into_affine(affine: fl.Affine, layer: Layer) -> fl.Affine | None:
    """The affine map that does the work of `affine` and of a layer behind it that adds constants or picks units; else None.

    Units that are repeated stay apart: `x / sum(x)` would multiply by a square matrix of ones in place of one row.
    """
    if isinstance(layer, fl.Scale) and affine.bias is None and _is_one(layer.weight):
        spend(affine.weight.size)
        bias = layer.bias
        if not isinstance(bias, np.ndarray):
            bias = np.full(affine.n_out, bias, _precision_of(bias, affine.weight.dtype))
        return fl.Affine(affine.weight, bias)
    if isinstance(layer, Take) and len(layer.index) <= affine.n_out:
        index = np.array(layer.index)
        spend(len(index) * affine.weight.shape[1])
        return fl.Affine(affine.weight[index], None if affine.bias is None else affine.bias[index])
    return None


def _precision_of(number: float, least: np.dtype) -> np.dtype:
    """The precision `least`, or float64 where that does not hold the number exactly."""
    is_held = math.isnan(number) or float(least.type(number)) == number
    return least if is_held else np.dtype(np.float64)


def _is_one(weight: Any) -> bool:
    return not isinstance(weight, np.ndarray) and weight == 1.0


def _uses(outputs: Sequence[Node]) -> Counter[Any]:
    """How often each vector is taken or is an output, how often each layer is called, and how often it is behind which other."""
    found: Counter[Any] = Counter(outputs)
    for node in in_order(outputs):
        found.update([*node.operands, node.operation, *((operand.operation, node.operation) for operand in node.operands)])
    return found
