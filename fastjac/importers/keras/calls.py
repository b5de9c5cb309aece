"""From the config of a model, and of the models in it, to one list of calls of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ...errors import UnsupportedLayerError
from ..located import located
from ..reading.limits import MOST_ENDS, MOST_JOINED, MOST_LAYERS, MOST_NAME, MOST_NESTING, check_count
from .config import Config, Entry, Weights, entry_of, is_functional, is_model, ranks
from .graph import Calls, Source, Step, functional_calls, in_order, is_tensor, row_of_calls


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    operands : the numbers of the tensors among its arguments. The model's inputs have the first numbers, then each call's result.
    args, options : the arguments by position and by name, as the config has them.
    output : which of its results this is, where it gives several.
    """

    entry: Entry
    operands: tuple[int, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]
    output: int = 0

    def refuse_arguments(self) -> None:
        """Raise UnsupportedLayerError where something other than tensors is among the arguments."""
        extras = [f"{name}={value!r:.80}" for name, value in self.options.items() if not _holds_tensors(value)]
        refuse_extras(extras + [f"{value!r:.80}" for value in self.args if not _holds_tensors(value)])


class Flattened(NamedTuple):
    """All calls of a model, each behind the calls whose tensors it takes, and the numbers of the model's outputs.

    names : for each output the name of the layer, or of the inner model, that gives it.
    """

    calls: tuple[Call, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]


def flatten(model: Config, weights: Weights) -> Flattened:
    """The calls of a model's layers in the order in which they compute, those of inner models in their place.

    A layer that is called twice comes twice, with the same entry. Input layers are left out.

    Raises UnsupportedLayerError where an inner model is called in a way that fastjac does not follow, FormatError where there
    are too many layers, inner models or tensors that they take.
    """
    flattening = _Flattening()
    plan = flattening.plan(model, weights, "")
    for ends, what in ((plan.calls.inputs, "inputs"), (plan.calls.outputs, "outputs")):
        check_count(len(ends), MOST_ENDS, what)
    flattening.made = len(plan.calls.inputs)
    made = flattening.run(plan, list(range(flattening.made)), 0)
    named = [(number, source.layer) for source, numbers in zip(plan.calls.outputs, made, strict=True) for number in numbers]
    return Flattened(tuple(flattening.calls), *zip(*named, strict=True))


class _Plan(NamedTuple):
    """The calls of one model, the layers and models that it holds, by the ids of their configs, and how many results are taken.

    counts : of calls that give several results, how many are taken, up to the last one that is.
    """

    calls: Calls
    entries: dict[int, Entry]
    counts: dict[tuple[str, int], int]


class _Flattening:
    """The state of `flatten`: the calls found so far, how many tensors there are, and the inner models, each read once."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.made = self._visited = self._joined = 0
        self._plans: dict[int, _Plan] = {}

    def plan(self, model: Config, weights: Weights, prefix: str) -> _Plan:
        if id(model) not in self._plans:
            calls = _calls(model)
            entries = _entries(model["config"]["layers"], calls, weights, prefix)
            self._plans[id(model)] = _Plan(calls, entries, _counts(calls))
        return self._plans[id(model)]

    def run(self, plan: _Plan, given: list[int], depth: int) -> list[list[int]]:
        """The tensors that a model gives when it is called on the tensors `given`, for each of its outputs."""
        check_count(depth, MOST_NESTING, "models within models")
        made = {source.key: [tensor] for source, tensor in zip(plan.calls.inputs, given, strict=True)}
        for step in plan.calls.steps:
            operands = [tensor for source in step.sources for tensor in _picked(made, source)]
            entry, key = plan.entries[id(step.layer)], (step.layer["config"]["name"], step.call)
            if is_model(step.layer):
                inner = self.plan(step.layer, entry.weights, f"{entry.name}/")
                self._count(len(operands) + len(inner.calls.outputs))
                outputs = self.run(inner, _given(entry, step, inner.calls, operands), depth + 1)
                made[key] = [tensor for tensors in outputs for tensor in tensors]
            else:
                made[key] = []
                for output in range(plan.counts.get(key, 1) if entry.gives_several else 1):
                    self._count(len(operands))
                    self.calls.append(Call(entry, tuple(operands), step.args, step.options, output))
                    made[key].append(self.made)
                    self.made += 1
        return [_picked(made, source) for source in plan.calls.outputs]

    def _count(self, joined: int) -> None:
        self._visited, self._joined = self._visited + 1, self._joined + joined
        check_count(self._visited, MOST_LAYERS, "layers, counted as often as they are called")
        check_count(self._joined, MOST_JOINED, "tensors that layers take")


def _counts(calls: Calls) -> dict[tuple[str, int], int]:
    """For each call of which another result than the first is taken, how many results there must be."""
    counts: dict[tuple[str, int], int] = {}
    for sources in (*(step.sources for step in calls.steps), calls.outputs):
        for source in sources:
            if source.output:
                check_count(source.output, MOST_ENDS, "results of one call")
                counts[source.key] = max(counts.get(source.key, 1), source.output + 1)
    return counts


def _picked(made: dict[tuple[str, int], list[int]], source: Source) -> list[int]:
    given = made[source.key]
    if source.output is not None and source.output >= len(given):
        raise UnsupportedLayerError(f"layer {source.layer!r} gives several tensors; fastjac takes layers that give one")
    return given if source.output is None else [given[source.output]]


def _given(entry: Entry, step: Step, inner: Calls, operands: list[int]) -> list[int]:
    """The tensors for each input of an inner model."""
    with located(f"inner model {entry.name!r}"):
        extras = [f"{name}={value!r:.80}" for name, value in step.options.items() if name != "inputs"]
        refuse_extras(extras + [f"{value!r:.80}" for value in step.args[1:] if value is not None])
        if len(operands) != len(inner.inputs):
            raise UnsupportedLayerError(f"it takes {len(inner.inputs)} tensors and is called on {len(operands)}")
        given = step.args[0] if step.args else step.options.get("inputs")
        if not isinstance(given, dict) or is_tensor(given):
            return operands
        if sorted(given) != sorted(inner.keys):
            raise UnsupportedLayerError(f"it is called on a dict of {sorted(given)}, and its inputs are {sorted(inner.keys)}")
        by_key = dict(zip(sorted(given), operands, strict=True))
        return [by_key[key] for key in inner.keys]


def _holds_tensors(argument: Any) -> bool:
    """Whether an argument is a tensor, or lists and dicts of tensors and of nothing else."""
    if is_tensor(argument) or not isinstance(argument, (dict, list, tuple)):
        return argument is None or is_tensor(argument)
    return all(map(_holds_tensors, in_order(argument)))


def refuse_extras(extras: list[str]) -> None:
    """Raise UnsupportedLayerError if a call has other arguments than tensors."""
    if extras:
        raise UnsupportedLayerError(f"it is called with {', '.join(extras)}; fastjac takes layers called on tensors alone")


def _calls(model: Config) -> Calls:
    config = model["config"]
    if not is_functional(model):
        return row_of_calls(config["layers"])
    # Only in the list of the model's outputs, Keras counts the calls of an inner functional model from 1: there, call 0 is the
    # one that defined the inner model.
    return functional_calls(config, {entry["config"]["name"]: 1 for entry in config["layers"] if is_functional(entry)})


def _entries(layers: list[Config], calls: Calls, weights: Weights, prefix: str) -> dict[int, Entry]:
    ranked = ranks(layers)
    entries: dict[int, Entry] = {}
    for step in calls.steps:
        if id(step.layer) not in entries:
            name = step.layer["config"]["name"]
            check_count(len(prefix) + len(name), MOST_NAME, "letters in the name of a layer")
            entries[id(step.layer)] = entry_of(step.layer, prefix + name, weights.layer(name, *ranked.get(name, ("", 0))))
    return entries
