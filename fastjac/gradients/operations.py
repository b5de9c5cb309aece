"""A network's layers as operations, one after another and none folded into its neighbour, so that each has its own gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import LayerError
from ..kernels.activations import Rule
from ..kernels.tables import ACTIVATE, AFFINE, NORMALIZE
from ..layers import Activation, Affine, Elementwise, Layer, LayerNorm, Normalizer, Scale

Values = np.ndarray | float
ParameterName = tuple[int, str]
"""The position of a layer and the name of one of its arrays."""


@dataclass(frozen=True, eq=False)
class Operation:
    """An affine map, an activation or a normalizer.

    kind : AFFINE, ACTIVATE or NORMALIZE.
    layer : the layer that it is, or is a part of.
    position : that layer's place in the network.
    fields : the trained parameters among the layer's arrays: what the kernel calls each ("weight", "bias", "p", "q"), to the
        name of the layer's field.
    """

    kind: int
    layer: Layer
    position: int
    n_in: int
    n_out: int
    fields: dict[str, str]


def operations_of(layers: Sequence[Layer], widths: Sequence[int]) -> list[Operation]:
    """The operations of a network's layers; `widths` are the sizes between them."""
    return [op for position, layer in enumerate(layers) for op in _of_layer(layer, position, widths[position])]


def _of_layer(layer: Layer, position: int, width: int) -> Iterator[Operation]:
    if isinstance(layer, Affine):
        fields = {name: name for name in layer.arrays}
        yield Operation(AFFINE, layer, position, layer.n_in, layer.n_out, fields)
    elif isinstance(layer, Normalizer):
        yield Operation(NORMALIZE, layer, position, width, width, {})
        if isinstance(layer, LayerNorm) and layer.arrays:
            yield Operation(ACTIVATE, layer, position, width, width, _trained(layer, ("weight", "bias")))
    elif isinstance(layer, Activation):
        yield Operation(ACTIVATE, layer, position, width, width, _trained(layer, layer.trained))


def _trained(layer: Layer, names: Sequence[str]) -> dict[str, str]:
    """Those of an activation's parameters p and q, which have these names, that are trained."""
    return {key: name for key, name in zip("pq", names, strict=False) if name in layer.arrays}


def activation_rule(op: Operation) -> Rule:
    """The rule of an activation, or of the scale behind a layer normalization."""
    return op.layer.rule if isinstance(op.layer, Activation) else Scale.rule


def check_bends(layers: Sequence[Layer]) -> None:
    """Raise LayerError where a layer lacks the second derivative that gradients of a loss of the Jacobian need."""
    for position, layer in enumerate(layers):
        if isinstance(layer, Elementwise) and layer.lacks_bend:
            raise LayerError(
                f"layer {position}, {layer!r}, lacks the second derivative that a gradient through the Jacobian needs; make it "
                "with bend=, a scalar @njit function as value and slope are, or with piecewise_linear=True if that is 0"
            )


def rule_parameters(op: Operation, layer: Layer) -> tuple[Values, ...]:
    """The parameters of the operation's rule, from p and q on, as the layer in its place has them."""
    if op.kind == NORMALIZE:
        return getattr(layer, "eps", 0.0), 0.0
    if isinstance(layer, LayerNorm):
        return (1.0 if layer.weight is None else layer.weight), (0.0 if layer.bias is None else layer.bias)
    assert isinstance(layer, Activation)
    return layer.rule_parameters


def parameter_keys(op: Operation) -> list[str]:
    """What the parameters of an activation's or a normalizer's rule are called: p, q, and those that follow by their number."""
    return ["p", "q", *map(str, range(2, len(rule_parameters(op, op.layer))))]


def positions_of(ops: Sequence[Operation]) -> dict[ParameterName, int]:
    """Where each parameter starts in the flat vector of all: layer by layer, each layer's arrays in order, row by row."""
    positions, start = {}, 0
    for op in ops:
        for field in op.fields.values():
            positions[op.position, field] = start
            start += op.layer.arrays[field].size
    return positions


def n_parameters(ops: Sequence[Operation]) -> int:
    """How many numbers the flat vector of all parameters has."""
    return sum(op.layer.arrays[field].size for op in ops for field in op.fields.values())
