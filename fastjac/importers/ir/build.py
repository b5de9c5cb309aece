"""From a graph to a network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import UnsupportedLayerError
from ..located import located
from ..options import Options
from ..parts import Imported, Part
from .account import Account, accounting
from .assembly import assemble, output_node
from .choice import Condition, as_number
from .evaluation import Dialect, Evaluation, Operand, evaluate
from .graph import End, Graph
from .missing import Missing, refuse_missing
from .sources import Source, shown, sources_of
from .values import Flow, MixedSamplesError, Single


def build(graph: Graph, dialect: Dialect, options: Options, account: Account) -> Imported:
    """The network of a graph, and its parts."""
    _refuse(graph, dialect)
    sources = sources_of(graph, options.n_in, options.inputs)
    with accounting(account), np.errstate(all="ignore"):  # a file may hold any numbers, also some that overflow, and nan
        try:
            found = evaluate(graph, dialect, sources)
            ends = [_end(found, end) for end in graph.outputs]
            nodes = [output_node(flow, end.name) for flow, end in zip(ends, graph.outputs, strict=True)]
        except MixedSamplesError as error:
            raise UnsupportedLayerError(f"for a batch of samples, {error}; {dialect.one_sample(sources[0])}") from error
        parts = [*input_parts(sources, ends), *_folded(found), *graph.left_out]
        return assemble(found.inputs, nodes, found.record, _precision(found, sources), parts)


def _refuse(graph: Graph, dialect: Dialect) -> None:
    """Raise UnsupportedLayerError for the first node that fastjac does not have; the message counts all of them by operator."""
    known = ", ".join(sorted(dialect.operators))
    missing = [node for node in graph.nodes if node.operator not in dialect.operators]
    reasons = [dialect.refusal(node) or f"fastjac does not have it; it has {known}" for node in missing]
    found = zip(missing, reasons, strict=True)
    refuse_missing((Missing(str(node), node.operator, reason) for node, reason in found), "nodes")


def _precision(found: Evaluation, sources: Sequence[Source]) -> np.dtype:
    """The precision of the widest constant, or of the widest input where there is no constant."""
    double = np.dtype(np.float64)
    is_double = double in found.precisions
    if not found.precisions:
        is_double = any(source.declared.dtype == "float64" for source in sources)
    return double if is_double else np.dtype(np.float32)


def end_flow(value: Operand, name: str) -> Flow:
    """The tensor of an output; zeros and ones where the output is a comparison."""
    if isinstance(value, Condition):
        value = as_number(value)
    if not isinstance(value, Flow):
        raise UnsupportedLayerError(
            f"output {name!r:.80} does not depend on the inputs; fastjac takes networks, not constants, so leave it out"
        )
    return value


def input_parts(sources: Sequence[Source], ends: Sequence[Flow]) -> Iterator[Part]:
    """The inputs, one sample of each, and why the model takes no larger batch, where it takes none."""
    reasons = [flow.batch.reason for flow in ends if isinstance(flow.batch, Single)]
    only_one = next((reason for reason in reasons if reason), "")
    for source in sources:
        end = source.declared
        dims = "of unknown shape" if end.dims is None else shown(end.dims)
        sample = source.shape if source.batch_axis is None else tuple(np.delete(source.shape, source.batch_axis).tolist())
        flat = f", flattened: x (..., {math.prod(sample)})" if len(sample) > 1 else ""
        reason = f"; its shapes fit one sample only: {only_one}" if only_one and source.batch_axis is not None else ""
        yield Part(f"{end.name} (input)", (), f"{end.dtype or 'numbers'} {dims}, a sample is {sample}{flat}{reason}")


def _end(found: Evaluation, end: End) -> Flow:
    with located(f"output {end.name!r:.80}"):
        value = found.value(end.value)
    return end_flow(value, end.name)


def _folded(found: Evaluation) -> Iterator[Part]:
    """The nodes that compute no unit of the network."""
    if found.folded:
        operators = ", ".join(sorted({node.operator for node in found.folded}))
        yield Part(f"nodes of constants ({operators})", (), f"{len(found.folded)}, computed once, beforehand")
