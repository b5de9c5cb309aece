"""Import an ONNX model: a live ModelProto, or what a file was parsed to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import DtypeError, UnsupportedLayerError
from ...network import Network
from ..parts import Imported, Part, assemble
from .account import Account
from .calls import Flow
from .chain import convert
from .external import ExternalData
from .graph import Graph, read_graph
from .parsing import parse
from .tensor import TensorReader, element_type
from .trace import NO_NETWORK, Trace, shown, trace


def from_onnx(model: Any, n_in: int | None = None) -> Network:
    """The network of a live ONNX model that is a chain from one input to one output.

    Parameters
    ----------
    model : an onnx.ModelProto, or the bytes of one. A symbolic batch is taken as a batch of one; batch normalization is folded,
        dropout falls away, and inputs of several axes are taken flattened. Nodes that compute constants are computed, and
        nodes that stand together for one activation or layer normalization are taken for that.
    n_in : the number of inputs; needed only where the model leaves one axis besides the batch open.

    Returns
    -------
    Network
        In float64 if any weight is double, else in float32. The weights are copied.

    Raises
    ------
    DtypeError
        `model` is neither.
    UnsupportedLayerError
        It branches, has several inputs or outputs, or holds a node that fastjac does not have, is quantized, or keeps tensors
        outside; the message names node and operator.
    FormatError
        It contradicts itself, or the bytes are damaged.
    MissingDependencyError
        The bytes of a model were given, and onnx is not installed.
    """
    if isinstance(model, bytes):
        return build(parse(model), None, n_in).network
    onnx: Any = sys.modules.get("onnx")
    if onnx is None or not isinstance(model, onnx.ModelProto):
        raise DtypeError(f"from_onnx takes an onnx.ModelProto or bytes, got {type(model).__module__}.{type(model).__name__}")
    return build(model, None, n_in).network


@np.errstate(all="ignore")  # a file may hold any numbers, also such as overflow or are none
def build(model: Any, external: ExternalData | None, n_in: int | None) -> Imported:
    """The network of a ModelProto, and its parts; see `from_onnx`.

    external : where tensors outside the model are looked for, or None to refuse them.
    """
    graph = read_graph(model)
    traced = trace(graph, TensorReader(Account(), external), n_in)
    (output,) = graph.outputs
    flow = traced.values.get(traced.source.name)
    if not isinstance(traced.values.get(output), Flow) or not isinstance(flow, Flow):
        raise UnsupportedLayerError(NO_NETWORK)
    parts = [*_aside(graph, traced), *convert(traced, output)]
    return assemble(parts, flow.size, "fastjac.from_onnx(model, n_in=...)")


def _aside(graph: Graph, traced: Trace) -> Iterator[Part]:
    """The input, and the nodes that are no part of the chain."""
    source = traced.source
    kind = element_type(source.element_type).name if source.element_type else "of unknown type"
    dims = "of unknown shape" if source.dims is None else shown(source.dims)
    yield Part(f"{source.name} (input)", (), f"{kind} {dims}, taken as one sample, flattened")
    if traced.folded:
        operators = ", ".join(sorted({node.operator for node in traced.folded}))
        yield Part(f"nodes of constants ({operators})", (), f"{len(traced.folded)}, computed once, beforehand")
    unused = len(graph.nodes) - len(traced.folded) - len(traced.calls)
    if unused:
        yield Part("other nodes", (), f"{unused}, on which the output does not depend")
