"""From what a program gives to a network: inputs with a batch, the outputs that are chosen, and the parts of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....errors import FormatError, OptionError, UnsupportedLayerError
from ....nodes import Input
from ...ir.assembly import SAMPLES, assemble, input_flow, output_node
from ...ir.choice import Condition, as_number
from ...ir.values import Flow, MixedSamplesError, Shape, Single
from ...options import Options
from ...parts import Imported, Part
from ...reading.limits import MOST_ENDS, MOST_UNITS, check_count
from .evaluation import Evaluation
from .values import Missing, kind_of

Run = Callable[[Evaluation, Sequence[Flow]], Any]
"""What a program makes of its inputs: outputs in tuples, lists and dicts."""


@dataclass(frozen=True)
class Source:
    """An input of a program.

    shape : for one sample.  batch_axis : along which the samples of a batch lie; None where the program fixes one sample.
    dtype : what numbers it holds, "" where the program does not say.
    """

    name: str
    shape: Shape
    batch_axis: int | None = 0
    dtype: str = ""


def network(run: Run, sources: Sequence[Source], options: Options, notes: Sequence[Part] = ()) -> Imported:
    """The network that a program computes."""
    for source in sources:
        check_count(math.prod(source.shape), MOST_UNITS, f"units in its input {source.name!r:.80}")
    try:
        return _network(run, sources, options, notes)
    except MixedSamplesError as error:
        raise UnsupportedLayerError(
            f"for a batch of samples, x of shape (N, ...), {error}; if the program is only ever given one sample, export it by "
            "torch.jit.trace or torch.export with one sample of fixed shape"
        ) from error


def _network(run: Run, sources: Sequence[Source], options: Options, notes: Sequence[Part]) -> Imported:
    inputs = [Input(math.prod(source.shape), source.name) for source in sources]
    evaluation, found = _evaluated(run, sources, inputs)
    ends = dict(_outputs(evaluation.current(found), ""))
    chosen, left_out = _chosen(ends, options.outputs)
    flows = {name: _flow(evaluation.current(ends[name]), name) for name in chosen}
    nodes = [output_node(flow, name) for name, flow in flows.items()]
    is_double = evaluation.is_double or any(source.dtype == "float64" for source in sources)
    widest = np.dtype(np.float64) if is_double else None
    before = [*_inputs(sources, list(flows.values())), *notes, *_folded(evaluation), *left_out]
    return assemble(inputs, nodes, evaluation.record, widest, before)


def _evaluated(run: Run, sources: Sequence[Source], inputs: Sequence[Input]) -> tuple[Evaluation, Any]:
    """What a program gives, read for so many samples that no size of the program is taken for their number."""
    known = {size for source in sources for size in source.shape}
    for samples in SAMPLES:
        if all(size % samples for size in known if size):
            evaluation = Evaluation()
            flows = [
                input_flow(node, source.shape, source.batch_axis, samples) for node, source in zip(inputs, sources, strict=True)
            ]
            found = run(evaluation, flows)
            if all(size % samples for size in evaluation.sizes if size):
                return evaluation, found
            known |= evaluation.sizes
    raise FormatError(f"its tensors have sizes that each of {SAMPLES[0]} to {SAMPLES[-1]} divides; fastjac reads no such program")


def _outputs(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every output by its name: its number, or its key in a dict; joined by points where they stand inside one another."""
    check_count(depth, 20, "levels of outputs inside outputs")
    if isinstance(value, (list, tuple, dict)):
        check_count(len(value), MOST_ENDS, "outputs")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _outputs(inner, f"{name}.{key}" if name else str(key)[:200], depth + 1)
    else:
        yield name or "output", value


def _chosen(ends: dict[str, Any], names: Sequence[str] | None) -> tuple[list[str], list[Part]]:
    """The outputs that the network gives, and what is said of those that it leaves out."""
    check_count(len(ends), MOST_ENDS, "outputs")
    if names is not None:
        unknown = [name for name in names if name not in ends]
        if unknown or not names:
            raise OptionError(f"outputs must name some of the program's, which are {_listed(ends)}; got {_listed(list(names))}")
        return list(names), []
    kept = [name for name, value in ends.items() if isinstance(value, (Flow, Condition))]
    if not kept:
        given = ", ".join(kind_of(value) for value in list(ends.values())[:6]) or "nothing"
        raise UnsupportedLayerError(f"its outputs do not depend on its inputs ({given}); fastjac takes networks, not constants")
    left = [Part(f"{name} (output)", (), f"left out: {_why(value)}") for name, value in ends.items() if name not in kept]
    return kept, left[:10]


def _why(value: Any) -> str:
    return "places of entries, not numbers" if isinstance(value, Missing) else "it does not depend on the inputs"


def _flow(value: Any, name: str) -> Flow:
    if isinstance(value, Condition):
        value = as_number(value)
    if not isinstance(value, Flow):
        raise UnsupportedLayerError(f"output {name!r:.80} does not depend on the inputs; fastjac takes networks, not constants")
    return value


def _inputs(sources: Sequence[Source], ends: Sequence[Flow]) -> Iterator[Part]:
    """The inputs, what is one sample of each, and why the program takes no larger batch, if it does not."""
    reason = next((flow.batch.reason for flow in ends if isinstance(flow.batch, Single) and flow.batch.reason), "")
    for source in sources:
        dims = ["N" if axis == source.batch_axis else str(size) for axis, size in enumerate(source.shape)]
        sample = [size for axis, size in enumerate(source.shape) if axis != source.batch_axis]
        flat = f", flattened: x (..., {math.prod(sample)})" if len(sample) > 1 else ""
        single = f"; its shapes fit one sample only: {reason}" if reason and source.batch_axis is not None else ""
        comma = "," * (len(dims) == 1)
        yield Part(f"{source.name} (input)", (), f"({', '.join(dims)}{comma}){flat}{single}")


def _folded(evaluation: Evaluation) -> list[Part]:
    count = evaluation.folded
    return [Part("operators of constants", (), f"{count}, computed once, beforehand")] if count else []


def _listed(names: Any) -> str:
    found = list(names)
    return ", ".join(repr(name)[:80] for name in found[:6]) + (", ..." if len(found) > 6 else "")
