"""A forward as a network: a chain of layers, or a graph where results are used twice, joined or taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import LayerError, UnsupportedLayerError
from ...layers import Scale
from ...network import Network
from ...nodes import Input, Node
from ..parts import Part, assemble
from ..reading.limits import MOST_UNITS, check_count
from .inputs import Inputs, inputs_of
from .modified import check_evaluating
from .sample import Features, Sample
from .steps import Steps
from .tracing import Traced, traced
from .untouched import untouched


@dataclass(frozen=True)
class Followed:
    """What the forward of a module was found to do.

    traced : its steps as torch.fx has them.  inputs : what it takes.
    parts : of a chain, the layers of each step; None for a graph.
    sizes : of the inputs, where the user or a layer states them.
    """

    traced: Traced
    inputs: Inputs
    parts: Sequence[Part] | None
    sizes: Sequence[int | None]

    def network(self) -> Network:
        """The network that it is. Raises LayerError where layers do not fit or nothing states the size of an input."""
        if self.parts is not None:
            return assemble(self.parts, self.inputs.sizes[0], "fastjac.from_torch(module, input_shape=...)").network
        return _graph(self.traced, self.inputs, self.sizes)


def followed(module: Any, input_shape: Any = None) -> Followed:
    """What a module's forward does.

    Raises FormatError in training mode where that matters, UnsupportedLayerError where the forward is no one network.
    """
    check_evaluating(module)
    inputs = inputs_of(module, input_shape)
    with untouched(module) as before:
        found = traced(module, inputs.names)
        features = [Features(size, are_an_inputs=True) for size in inputs.sizes]
        steps = Steps(found, [Sample(count, axes) for count, axes in zip(features, inputs.axes, strict=True)])
        before.check()
    return Followed(found, inputs, steps.parts if steps.is_chain else None, [known.count for known in features])


def _graph(found: Traced, inputs: Inputs, sizes: Sequence[int | None]) -> Network:
    """The network of a forward that is no chain, with inputs of these sizes."""
    _check_used(found)
    unknown = [name for name, size in zip(inputs.names, sizes, strict=True) if size is None]
    if unknown:
        each = f", one for each of {', '.join(inputs.names)}" if len(inputs.names) > 1 else ""
        raise LayerError(
            f"no layer states the size of {' and '.join(unknown)}; pass it: fastjac.from_torch(module, input_shape=...){each}"
        )
    check_count(max(size or 0 for size in sizes), MOST_UNITS, "units in an input")
    starts = [Input(size, name) for name, size in zip(inputs.names, sizes, strict=True) if size is not None]
    samples = [Sample(Features(node.size), axes, node) for node, axes in zip(starts, inputs.axes, strict=True)]
    ends: list[Node] = []
    for node in (sample.node for sample in Steps(found, samples).outputs):
        # A network computes each of its outputs once, and no input is one.
        if node is not None:
            ends.append(Scale()(node) if node in ends or isinstance(node, Input) else node)
    return Network(inputs=starts, outputs=ends)


def _check_used(found: Traced) -> None:
    """Refuse inputs that reach no output."""
    needed: set[Any] = set()
    for node in reversed(found.nodes):
        if node.op == "output" or node in needed:
            needed.update(node.all_input_nodes)
        elif node.op == "placeholder":
            raise UnsupportedLayerError(
                f"what its forward returns does not depend on {found.source(node)}; leave this input out of the forward"
            )
