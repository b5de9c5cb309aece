"""The network of a program: its inputs with a batch, the outputs that are chosen, and an account of the parts of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ....errors import UnsupportedLayerError
from ....graphs.conversion import in_order
from ....graphs.nodes import Input, Node
from ...ir.assembly import assemble, followed, input_flow, output_node
from ...ir.build import end_flow, input_parts
from ...ir.choice import Condition
from ...ir.sources import Source, named_outputs
from ...ir.values import Flow, MixedSamplesError
from ...options import Options
from ...parts import Imported, Part
from ...reading.limits import MOST_ENDS, MOST_UNITS, check_count
from ..inputs import other_inputs
from .evaluation import Evaluation
from .values import Missing, kind_of

Run = Callable[[Evaluation, Sequence[Flow]], Any]
"""A function that runs a program on its inputs and returns its outputs, in tuples, lists and dicts."""


def network(run: Run, sources: Sequence[Source], options: Options, notes: Sequence[Part] = ()) -> Imported:
    """The network that a program computes."""
    for source in sources:
        check_count(source.size, MOST_UNITS, f"units in its input {source.name!r:.80}")
    try:
        return _network(run, sources, options, notes)
    except MixedSamplesError as error:
        raise UnsupportedLayerError(
            f"for a batch of samples, x of shape (N, ...), {error}; if the program is only ever given one sample, export it by "
            "torch.jit.trace or torch.export with one sample of fixed shape"
        ) from error


def _network(run: Run, sources: Sequence[Source], options: Options, notes: Sequence[Part]) -> Imported:
    inputs = [Input(source.size, source.name) for source in sources]
    evaluation = _evaluated(run, sources, inputs)
    ends = dict(_outputs(evaluation.current(evaluation.given), ""))
    chosen, left_out = _chosen(ends, options.outputs)
    flows = {name: end_flow(evaluation.current(ends[name]), name) for name in chosen}
    nodes = [output_node(flow, name) for name, flow in flows.items()]
    is_double = evaluation.is_double or any(source.declared.dtype == "float64" for source in sources)
    widest = np.dtype(np.float64) if is_double else None
    kept = _used(sources, inputs, nodes, options.inputs)
    unused = [Part(f"{one.name} (input)", (), "left out: no output depends on it") for one in sources if one not in kept]
    before = [*input_parts(list(kept), list(flows.values())), *unused, *notes, *_folded(evaluation), *left_out]
    return assemble(list(kept.values()), nodes, evaluation.record, widest, before)


def _used(
    sources: Sequence[Source], inputs: Sequence[Input], outputs: Sequence[Node], chosen: Sequence[str] | None
) -> dict[Source, Input]:
    """The inputs that the outputs depend on, and any other that was chosen, which the network refuses.

    Raises OptionError where inputs were chosen, and not all of those that the outputs depend on.
    """
    needed = set(in_order(outputs))
    kept = {one: node for one, node in zip(sources, inputs, strict=True) if node in needed or one.name in (chosen or ())}
    wanted, known = (list(dict.fromkeys(one.name.partition(".")[0] for one in some)) for some in (kept, sources))
    if chosen is not None and not set(wanted) <= set(chosen):
        raise other_inputs(wanted, known, chosen)
    return kept


def _evaluated(run: Run, sources: Sequence[Source], inputs: Sequence[Input]) -> Evaluation:
    """The evaluation of a program that has run, with what the program returned."""

    def follow(samples: int) -> Evaluation:
        evaluation = Evaluation()
        flows = [input_flow(node, source.shape, source.batch_axis, samples) for node, source in zip(inputs, sources, strict=True)]
        evaluation.given = run(evaluation, flows)
        return evaluation

    return followed(follow, (size for source in sources for size in source.shape))


def _outputs(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every output by its name: its number, or its key in a dict; names of containers inside one another are joined by points."""
    check_count(depth, 20, "levels of outputs inside outputs")
    if isinstance(value, (list, tuple, dict)):
        check_count(len(value), MOST_ENDS, "outputs")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _outputs(inner, f"{name}.{key}" if name else str(key)[:200], depth + 1)
    else:
        yield name or "output", value


def _chosen(ends: dict[str, Any], names: Sequence[str] | None) -> tuple[list[str], list[Part]]:
    """The outputs that the network gives, and what the account of the model reports of those that it leaves out."""
    check_count(len(ends), MOST_ENDS, "outputs")
    if names is not None:
        return named_outputs(ends, names, whose="program's"), []
    kept = [name for name, value in ends.items() if isinstance(value, (Flow, Condition))]
    if not kept:
        given = ", ".join(kind_of(value) for value in list(ends.values())[:6]) or "nothing"
        raise UnsupportedLayerError(f"its outputs do not depend on its inputs ({given}); fastjac takes networks, not constants")
    left = [Part(f"{name} (output)", (), f"left out: {_why(value)}") for name, value in ends.items() if name not in kept]
    return kept, left[:10]


def _why(value: Any) -> str:
    return "places of entries, not numbers" if isinstance(value, Missing) else "it does not depend on the inputs"


def _folded(evaluation: Evaluation) -> list[Part]:
    count = evaluation.folded
    return [Part("operators of constants", (), f"{count}, computed once, beforehand")] if count else []
