"""Import an ONNX model: a live ModelProto, or what a file was parsed to."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import DtypeError, UnsupportedLayerError
from ...network import Network
from ..parts import Imported, Part, assemble
from .account import Account
from .batch import check_batch
from .calls import Flow
from .chain import convert
from .external import ExternalData
from .graph import Graph, read_graph
from .parsing import parse
from .source import NO_NETWORK, shown
from .tensor import TensorReader, element_type
from .trace import Trace, trace


def from_onnx(model: Any, n_in: int | None = None) -> Network:
    """The network of a live ONNX model that is a chain from one input to one output.

    Parameters
    ----------
    model : an onnx.ModelProto, or the bytes of one. Where its batch is open, every node must act on each sample by itself;
        where it is fixed, the whole input is one sample. Batch normalization is folded, dropout falls away, and an input of
        several axes is taken flattened, so that x is `images.reshape(len(images), -1)`. Nodes that compute constants are
        computed, and nodes that stand together for one activation or layer normalization are taken for that.
    n_in : the number of inputs; needed only where the model leaves one axis besides the batch open.

    Returns
    -------
    Network
        In float64 if any weight or other constant is double, else in float32. The weights are copied.

    Raises
    ------
    DtypeError
        `model` is neither.
    UnsupportedLayerError
        It branches, mixes the samples of a batch, has several inputs or outputs, or holds a node that fastjac does not have, is
        quantized, or keeps tensors outside; the message names node and operator.
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
    graph, reader = read_graph(model), TensorReader(Account(), external)
    traced = trace(graph, reader, n_in)
    (output,) = graph.outputs
    if not isinstance(traced.values[output], Flow):
        raise UnsupportedLayerError(NO_NETWORK)
    chain = list(convert(traced, output))
    only_one = check_batch(graph, reader, traced)
    parts = [_input(traced, only_one), *_aside(graph, traced), *chain]
    return assemble(parts, math.prod(traced.source.shape), "fastjac.from_onnx(model, n_in=...)", _widest(traced))


def _widest(traced: Trace) -> np.dtype | None:
    """float64 if any constant that the input meets is double, a single number too; None where the layers' arrays show it."""
    constants = [c for call in traced.calls.values() for c in call.operands if isinstance(c, np.ndarray)]
    return np.dtype(np.float64) if any(constant.dtype == np.float64 for constant in constants) else None


def _input(traced: Trace, only_one: str) -> Part:
    """The input, and what is one sample of it; `only_one` says why the model takes no larger batch, if it does not."""
    source = traced.source
    declared = source.declared
    kind = element_type(declared.element_type).name if declared.element_type else "of unknown type"
    dims = "of unknown shape" if declared.dims is None else shown(declared.dims)
    sample = source.shape if source.batch_axis is None else tuple(np.delete(source.shape, source.batch_axis).tolist())
    flat = f", flattened: x (..., {math.prod(sample)})" if len(sample) > 1 else ""
    reason = f"; its shapes fit one sample only: {only_one}" if only_one else ""
    return Part(f"{source.name} (input)", (), f"{kind} {dims}, a sample is {sample}{flat}{reason}")


def _aside(graph: Graph, traced: Trace) -> Iterator[Part]:
    """The nodes that are no part of the chain."""
    if traced.folded:
        operators = ", ".join(sorted({node.operator for node in traced.folded}))
        yield Part(f"nodes of constants ({operators})", (), f"{len(traced.folded)}, computed once, beforehand")
    unused = len(graph.nodes) - len(traced.folded) - len(traced.calls)
    if unused:
        yield Part("other nodes", (), f"{unused}, on which the output does not depend")
