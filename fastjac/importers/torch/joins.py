"""JOINS: functions of two tensors that both depend on the inputs, feature by feature."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ... import layers as fl
from ... import nodes
from ...errors import UnsupportedLayerError
from ...layers import Parameter
from ...nodes import Node
from .arithmetic import check_not_rounding, constant
from .sample import Features, Sample, combined


def _add(input: Sample, other: Sample, alpha: Any = 1.0) -> Sample:
    """`input + alpha other`"""
    return _paired(operator.add, input, _scaled(other, constant(alpha)))


def _subtract(input: Sample, other: Sample, alpha: Any = 1.0) -> Sample:
    """`input - alpha other`"""
    return _paired(operator.add, input, _scaled(other, -constant(alpha)))


def _divide(input: Sample, other: Sample, rounding_mode: str | None = None) -> Sample:
    """`input / other`"""
    check_not_rounding(rounding_mode)
    return _paired(operator.truediv, input, other)


def _scaled(sample: Sample, factor: Parameter) -> Sample:
    return sample.after([] if isinstance(factor, float) and factor == 1 else [fl.Scale(factor)])


def _paired(join: Callable[[Node, Node], Node], one: Sample, other: Sample) -> Sample:
    """Both joined feature by feature; where one has a single feature, it stands beside each of the other's, as in torch."""
    axes = {one.axes, other.axes}
    if 0 in axes and axes != {0}:
        raise UnsupportedLayerError(
            "one of its tensors has a bare number for each sample and the other has features, which would mix the samples of a "
            "batch; keep the axis, as in x[:, 0:1]"
        )
    made = combined(lambda a, b: join(*_alike(a, b)), (one, other), next((axis for axis in axes if axis is not None), None))
    if made.node is not None:
        return made
    if one.features is other.features:
        return replace(made, features=one.features)
    known = one.width is not None and other.width is not None
    return replace(made, features=Features(max(one.width or 0, other.width or 0))) if known else made


def _alike(a: Node, b: Node) -> tuple[Node, Node]:
    """The nodes, one of size 1 repeated for each unit of the other."""
    if a.size == 1 < b.size:
        return a[[0] * b.size], b
    return (a, b[[0] * a.size]) if b.size == 1 < a.size else (a, b)


def _pairing(join: Callable[[Node, Node], Node]) -> Callable[..., Sample]:
    return lambda input, other: _paired(join, input, other)


JOINS: dict[str, Callable[..., Sample]] = {
    "add": _add,
    "sub": _subtract,
    "subtract": _subtract,
    "mul": _pairing(operator.mul),
    "multiply": _pairing(operator.mul),
    "div": _divide,
    "divide": _divide,
    "true_divide": _divide,
    "truediv": _divide,
    "maximum": _pairing(nodes.maximum),
    "minimum": _pairing(nodes.minimum),
    "max": _pairing(nodes.maximum),
    "min": _pairing(nodes.minimum),
}
"""By name, those of torch and Python's operators; they are methods of tensors too."""
