"""What each step of a forward gives, followed one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import BoundArguments
from typing import Any

from torch import fx

from ...errors import FastjacError, UnsupportedLayerError
from ...layers import Activation, Layer, Normalizer
from ..located import located
from ..parts import Part
from .calls import LAYERS, PIECE, RESHAPE, Call, bound, call_of, is_query, size_of
from .memory import Memory
from .sample import Features, Sample, Size
from .tracing import FORWARD, Traced


class Steps:
    """The steps of a forward with samples for its inputs.

    Where these record nodes, so do the outputs. Where the size of an input is not known yet, its samples come to know it if a
    layer states it, and what depends on a size before is left open: a FastjacError there waits until sizes are known.

    outputs : what the forward returns, in order.
    parts : the layers of each step, in order.
    is_chain : whether each step takes what the one before gave, and nothing else but constants, and makes layers of it.
    """

    def __init__(self, found: Traced, inputs: Sequence[Sample]) -> None:
        self.outputs: Sequence[Sample] = ()
        self.parts: list[Part] = []
        self.is_chain = len(inputs) == 1
        self._found, self._inputs = found, iter(inputs)
        self._knows_sizes = all(sample.node is not None for sample in inputs)
        self._values: dict[Any, Any] = {}
        self._memory = Memory()
        self._recorded: dict[bool, str] = {}
        self._latest: Any = None
        for node in found.nodes:
            with located(found.where(node)):
                self._read(node)

    def _read(self, node: Any) -> None:
        """Follow one step; UnsupportedLayerError for arguments that the tables have no notion of."""
        try:
            self._follow(node)
        except FastjacError:
            raise
        except Exception as error:
            raise UnsupportedLayerError(
                f"it is called with arguments that fastjac cannot read ({type(error).__name__}: {error}); {FORWARD}"
            ) from error

    def _follow(self, node: Any) -> None:
        if node.op == "placeholder":
            self._keep(node, next(self._inputs))
            return
        if node.op == "get_attr":
            self._values[node] = self._found.values[node.target]
            return
        taken: list[Any] = []
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda inner: self._value(inner, taken))
        if node.op != "output" and (not taken or is_query(node, args)):
            self._values[node] = size_of(node, args, kwargs)
            return
        for inner in taken:
            self._memory.check(inner, self._found.source(inner))
        if node.op == "output":
            self._finish(args[0], taken)
        else:
            self._check_recorded(node)
            self._step(node, taken, args, kwargs)

    def _value(self, node: Any, taken: list[Any]) -> Any:
        value = self._values[node]
        if _samples_in(value):
            taken.append(node)
        return value

    def _keep(self, node: Any, value: Any, viewed: Any = None) -> None:
        """Note what a step gives, perhaps in the memory of the node `viewed`."""
        self._values[node], self._latest = value, node
        self._memory.add(node, viewed)

    def _step(self, node: Any, taken: list[Any], args: Any, kwargs: Any) -> None:
        """Follow a step that depends on the inputs, by way of these nodes."""
        try:
            call = call_of(node, self._found, len(taken))
            arguments = bound(call.rule, args, kwargs)
            if call.kind == LAYERS:
                self._add_layers(node, taken, call, arguments)
            elif call.kind == RESHAPE:
                self._reshape(node, taken, call.rule(*arguments.args, **arguments.kwargs))
            else:
                self._combine(node, taken, call, call.rule(*arguments.args, **arguments.kwargs))
        except Exception:
            if not any(self._is_open(self._values[inner]) for inner in node.all_input_nodes):
                raise
            self.is_chain = False
            self._keep(node, Sample(Features()))

    def _is_open(self, value: Any) -> bool:
        """Whether a value depends on a size that is not known yet."""
        return (value is Size.UNKNOWN and not self._knows_sizes) or any(sample.is_vague for sample in _samples_in(value))

    def _add_layers(self, node: Any, taken: list[Any], call: Call, arguments: BoundArguments) -> None:
        """A step that is some layers, perhaps none."""
        known = self._found.layers
        if node not in known:
            known[node] = call.rule(*arguments.args, **arguments.kwargs)
        layers, sample = known[node], self._values[taken[0]]
        if sample.axes == 0 and any(not isinstance(layer, Activation) or layer.arrays for layer in layers):
            raise UnsupportedLayerError(
                "it acts along an axis of samples that have none left; take out the squeeze or flatten before"
            )
        value = sample.after(layers)
        if sample.axes is None and any(isinstance(layer, Normalizer) and layer.n_in is None for layer in layers):
            value = replace(value, mixing=self._found.source(node))
        self._extend(node, taken, layers)
        in_place = bool(layers) and (call.in_place or arguments.arguments.get("inplace") is True)
        if in_place:
            self._memory.change(taken[0], self._found.where(node))
        self._keep(node, value, taken[0] if in_place or (not layers and not call.copies) else None)

    def _reshape(self, node: Any, taken: list[Any], value: Sample) -> None:
        """A step that gives the same features in another shape."""
        before = self._values[taken[0]]
        if before.axes is None and value.axes == 1 and before.mixing:
            raise UnsupportedLayerError(
                f"it makes samples flat behind {before.mixing}, which acts along one axis of them, while fastjac takes them flat "
                "from the start; if they have a single axis, take this out, or state it as in input_shape=(n,)"
            )
        self._extend(node, taken, ())
        self._keep(node, value, taken[0])

    def _combine(self, node: Any, taken: list[Any], call: Call, value: Any) -> None:
        """A step that joins tensors, or takes one apart."""
        self.is_chain = False
        if call.kind == PIECE and any(sample.axes is None for inner in taken for sample in _samples_in(self._values[inner])):
            marked = [replace(sample, mixing=sample.mixing or self._found.source(node)) for sample in _samples_in(value)]
            value = marked[0] if isinstance(value, Sample) else tuple(marked)
        if call.in_place:
            self._memory.change(taken[0], self._found.where(node))
        is_view = call.kind == PIECE and not call.copies
        self._keep(node, value, taken[0] if call.in_place or is_view else None)

    def _extend(self, node: Any, taken: list[Any], layers: Sequence[Layer]) -> None:
        """Note what a chain has next, if this is one still."""
        self.is_chain = self.is_chain and taken == [self._latest]
        self.parts.append(Part(self._found.source(node), tuple(layers)))

    def _check_recorded(self, node: Any) -> None:
        """Refuse a forward that switches gradients off for some steps alone, where torch's derivative is 0 by intent."""
        self._recorded[self._found.recorded[node]] = self._found.source(node)
        if len(self._recorded) == 2:
            raise UnsupportedLayerError(
                f"gradients are switched off for {self._recorded[False]} and recorded for {self._recorded[True]}, so torch's "
                "derivative is not that of the function; put torch.no_grad() around the whole forward, or leave it out"
            )

    def _finish(self, returned: Any, taken: list[Any]) -> None:
        """Note what the forward returns: a tensor, or a tuple, list or dictionary of tensors."""
        if not taken:
            raise UnsupportedLayerError(
                "it returns something that does not depend on its input; fastjac takes a forward that returns tensors computed "
                "from its inputs"
            )
        is_several = isinstance(returned, (tuple, list, Mapping))
        values = list(returned.values() if isinstance(returned, Mapping) else returned) if is_several else [returned]
        for position, value in enumerate(values):
            if not isinstance(value, Sample):
                kind = type(value).__name__.removeprefix("immutable_")  # as torch.fx keeps lists and dicts
                raise UnsupportedLayerError(
                    f"it returns several things, and number {position} is of type {kind} instead of a tensor computed from the "
                    "inputs; fastjac takes a tensor, or a tuple, list or dictionary of tensors"
                )
        self.is_chain = self.is_chain and taken == [self._latest] and len(values) == 1
        self.outputs = values


def _samples_in(value: Any) -> Sequence[Sample]:
    """The tensors that a step gave."""
    if isinstance(value, Sample):
        return (value,)
    return [inner for inner in value if isinstance(inner, Sample)] if isinstance(value, tuple) else ()
