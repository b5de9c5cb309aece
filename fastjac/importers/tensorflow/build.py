"""From a graph of TensorFlow's to a network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir.account import Account, accounting
from ..ir.assembly import assemble, output_node
from ..ir.choice import Condition, as_number
from ..ir.values import Flow, MixedSamplesError, Single
from ..located import located
from ..options import Options
from ..parts import Imported, Part
from .ends import NO_NETWORK, Source, shown, sources_of
from .evaluate import Dialect, Evaluation, evaluate
from .graph import Graph

FIX_BATCH = "if it is only ever given one sample, save the model with an input whose batch is fixed at 1"


def build(graph: Graph, dialect: Dialect, options: Options, account: Account) -> Imported:
    """The network of a graph, and its parts."""
    _refuse_missing(graph, dialect)
    sources = sources_of(graph, options.n_in, options.inputs)
    with accounting(account), np.errstate(all="ignore"):  # a file may hold any numbers, also such as overflow or are none
        try:
            found = evaluate(graph, dialect.operators, sources)
            ends = [_end(found, end.value) for end in graph.outputs]
        except MixedSamplesError as error:
            raise UnsupportedLayerError(f"for a batch of samples, {error}; {FIX_BATCH}") from error
        nodes = [output_node(flow, end.name) for flow, end in zip(ends, graph.outputs, strict=True)]
        parts = [*_inputs(sources, ends), *_folded(found), *graph.left_out]
        return assemble(found.inputs, nodes, found.record, np.dtype(np.float64 if found.is_double else np.float32), parts)


def _refuse_missing(graph: Graph, dialect: Dialect) -> None:
    """Raise UnsupportedLayerError for the first node that fastjac does not have; it counts all such nodes by operator."""
    missing = [node for node in graph.nodes if node.operator not in dialect.operators]
    if not missing:
        return
    reason = dialect.refusal(missing[0]) or f"fastjac does not have it; it has {', '.join(sorted(dialect.operators))}"
    if len(missing) > 1:
        counts = Counter(node.operator for node in missing).most_common()
        reason += (
            f"; in all {len(missing)} nodes are missing: {', '.join(f'{name:.80} ({count})' for name, count in counts[:20])}"
        )
    with located(str(missing[0])):
        raise UnsupportedLayerError(reason)


def _end(found: Evaluation, name: str) -> Flow:
    """The tensor of an output."""
    value = found.value(name)
    if isinstance(value, Condition):
        value = as_number(value)
    if not isinstance(value, Flow):
        raise UnsupportedLayerError(NO_NETWORK)
    return value


def _inputs(sources: Sequence[Source], ends: Sequence[Flow]) -> Iterator[Part]:
    """The inputs, what is one sample of each, and why the model takes no larger batch, if it does not."""
    reasons = [flow.batch.reason for flow in ends if isinstance(flow.batch, Single)]
    only_one = next((reason for reason in reasons if reason), "")
    for source in sources:
        end = source.declared
        dims = "of unknown shape" if end.dims is None else shown(end.dims)
        sample = source.shape if source.batch_axis is None else tuple(np.delete(source.shape, source.batch_axis).tolist())
        flat = f", flattened: x (..., {math.prod(sample)})" if len(sample) > 1 else ""
        reason = f"; its shapes fit one sample only: {only_one}" if only_one and source.batch_axis is not None else ""
        yield Part(f"{end.name} (input)", (), f"{end.dtype or 'numbers'} {dims}, a sample is {sample}{flat}{reason}")


def _folded(found: Evaluation) -> Iterator[Part]:
    """The nodes that compute no unit of the network."""
    if found.folded:
        operators = ", ".join(sorted({node.operator for node in found.folded}))
        yield Part(f"nodes of constants ({operators})", (), f"{len(found.folded)}, computed once, beforehand")
