"""Import an ONNX model: a live ModelProto, or what a file was parsed to."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...errors import DtypeError, FormatError, OptionError, UnsupportedLayerError
from ...network import Network
from ..ir.account import Account, accounting
from ..ir.assembly import assemble, output_node
from ..ir.choice import Condition, as_number
from ..ir.values import Flow, MixedSamplesError, Single
from ..options import Options
from ..parts import Imported, Part
from .evaluate import Evaluated, evaluate, needed_for
from .external import ExternalData
from .graph import Graph, Node, read_graph
from .parsing import parse
from .refusals import refuse
from .source import NO_NETWORK, Source, listed, shown, sources_of
from .tensor import ELEMENT_TYPES, FLOATS, TensorReader, element_type

NO_OPTIONS = Options()
ELEMENT_NAMES = {number: kind.name for number, kind in ELEMENT_TYPES.items()}


def from_onnx(
    model: Any, n_in: int | None = None, *, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> Network:
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
        In float64 if an input, a weight or another constant is double, else in float32. The weights are copied.

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
    options = Options(n_in=n_in, inputs=inputs, outputs=outputs)
    if isinstance(model, bytes):
        return build(parse(model), None, options).network
    onnx: Any = sys.modules.get("onnx")
    if onnx is None or not isinstance(model, onnx.ModelProto):
        raise DtypeError(f"from_onnx takes an onnx.ModelProto or bytes, got {type(model).__module__}.{type(model).__name__}")
    return build(model, None, options).network


@np.errstate(all="ignore")  # a file may hold any numbers, also such as overflow or are none
def build(model: Any, external: ExternalData | None, options: Options = NO_OPTIONS) -> Imported:
    """The network of a ModelProto, and its parts; see `from_onnx`.

    external : where tensors outside the model are looked for, or None to refuse them.
    """
    graph, account = read_graph(model), Account()
    names, left_out = _outputs(graph, options.outputs)
    nodes = needed_for(names, graph)
    refuse(graph, nodes)
    sources = sources_of(graph, nodes, names, options.n_in, options.inputs)
    with accounting(account):
        try:
            found = evaluate(graph, TensorReader(account, external), nodes, sources)
            ends = [_end(found, name) for name in names]
            given = [output_node(flow, name) for flow, name in zip(ends, names, strict=True)]
        except MixedSamplesError as error:
            raise UnsupportedLayerError(f"for a batch of samples, {error}; {sources[0].way_to_one_sample}") from error
        notes = [*_inputs(sources, ends), *_aside(graph, nodes, found), *left_out]
        return assemble(found.inputs, given, found.record, _precision(found, sources), notes)


def _precision(found: Evaluated, sources: Sequence[Source]) -> np.dtype:
    """That of the widest constant, or of the widest input where there is none."""
    double = np.dtype(np.float64)
    is_double = double in found.precisions
    if not found.precisions:
        is_double = any(ELEMENT_NAMES.get(source.declared.element_type) == "DOUBLE" for source in sources)
    return double if is_double else np.dtype(np.float32)


def _outputs(graph: Graph, chosen: Sequence[str] | None) -> tuple[list[str], list[Part]]:
    """The names of the outputs that the network gives, and what is said of those that it leaves out."""
    known = {end.name: end for end in graph.outputs}
    if chosen is not None:
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            raise OptionError(
                f"outputs must name some of the model's, which are {listed(list(known))}; got {listed(list(chosen))}"
            )
        return list(chosen), []
    is_float = {name: not end.element_type or ELEMENT_NAMES.get(end.element_type) in FLOATS for name, end in known.items()}
    names = [name for name, takes in is_float.items() if takes]
    if not known:
        raise UnsupportedLayerError("it has 0 outputs, so there is nothing to differentiate")
    if not names:
        raise UnsupportedLayerError(
            f"its outputs ({listed(list(known))}) hold no floating-point numbers, and labels have no derivative"
        )
    left = [Part(f"{name} (output)", (), "left out: a label, not a number") for name, takes in is_float.items() if not takes]
    return names, left


def _end(found: Evaluated, name: str) -> Flow:
    """The tensor of an output."""
    value = found.values.get(name)
    if value is None and name in found.values:
        raise UnsupportedLayerError(f"its output {name!r:.80} is not the first one of its node; fastjac knows that one only")
    if value is None:
        raise FormatError(f"its output {name!r:.80} is nowhere in the file; the file is damaged")
    if isinstance(value, Condition):
        value = as_number(value)
    if not isinstance(value, Flow):
        raise UnsupportedLayerError(NO_NETWORK)
    return value


def _inputs(sources: Sequence[Source], ends: Sequence[Flow]) -> Iterator[Part]:
    """The inputs, what is one sample of each, and why the model takes no larger batch, if it does not."""
    singles = [flow.batch.reason for flow in ends if isinstance(flow.batch, Single)]
    only_one = next((reason for reason in singles if reason), "")
    for source in sources:
        declared = source.declared
        kind = element_type(declared.element_type).name if declared.element_type else "of unknown type"
        dims = "of unknown shape" if declared.dims is None else shown(declared.dims)
        sample = source.shape if source.batch_axis is None else tuple(np.delete(source.shape, source.batch_axis).tolist())
        flat = f", flattened: x (..., {math.prod(sample)})" if len(sample) > 1 else ""
        reason = f"; its shapes fit one sample only: {only_one}" if only_one and source.batch_axis is not None else ""
        yield Part(f"{source.name} (input)", (), f"{kind} {dims}, a sample is {sample}{flat}{reason}")


def _aside(graph: Graph, nodes: Sequence[Node], found: Evaluated) -> Iterator[Part]:
    """The nodes that compute no unit of the network."""
    if found.folded:
        operators = ", ".join(sorted({node.operator for node in found.folded}))
        yield Part(f"nodes of constants ({operators})", (), f"{len(found.folded)}, computed once, beforehand")
    unused = len(graph.nodes) - len(nodes)
    if unused:
        yield Part("other nodes", (), f"{unused}, on which no output of the network depends")
